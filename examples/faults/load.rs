//! Requests that leave at a steady pace, whatever becomes of those before, and a book of how each of them went.

use std::{
    collections::BTreeSet,
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use crate::terms::Terms;

/// How one request went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// When it left, after the beginning.
    pub(crate) at: Duration,
    pub(crate) took: Duration,
    /// Which upstream served it; `None`: the client saw an error.
    pub(crate) served_by: Option<u8>,
}

/// Requests to `target`, before, during and after the fault.
pub(crate) async fn run(target: SocketAddr, terms: Terms) -> io::Result<Vec<Entry>> {
    let time = terms.calm() + terms.fault() + terms.afterwards();
    let client = Arc::new(client());
    let (begin, mut requests) = (Instant::now(), JoinSet::new());
    let mut ticks = interval(Duration::from_secs(1) / terms.rate());
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    while begin.elapsed() < time {
        ticks.tick().await;
        let (client, at) = (Arc::clone(&client), begin.elapsed());
        requests.spawn(async move {
            let sent = Instant::now();
            let served_by = timeout(terms.client(), ask(&client, target)).await.ok().flatten();
            Entry { at, took: sent.elapsed(), served_by }
        });
    }
    let mut entries = requests.join_all().await;
    entries.sort_by_key(|entry| entry.at);
    Ok(entries)
}

/// Waits until each of the three upstreams has served a request: until then a proxy may be looking up names, or making its first checks.
pub(crate) async fn until_all_serve(target: SocketAddr) -> io::Result<()> {
    let (client, mut served) = (client(), BTreeSet::new());
    let asking = async {
        while served.len() < 3 {
            served.extend(ask(&client, target).await);
            sleep(Duration::from_millis(10)).await;
        }
    };
    let late =
        |_| io::Error::other(format!("not every upstream has served within {START:?} behind the proxy"));
    timeout(START, asking).await.map_err(late)
}

fn client() -> Client<HttpConnector, Empty<Bytes>> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).pool_timer(TokioTimer::new()).build(connector)
}

/// Who has answered 200, to the last byte.
async fn ask(client: &Client<HttpConnector, Empty<Bytes>>, target: SocketAddr) -> Option<u8> {
    let request = Request::get(format!("http://{target}/")).header("x-tenant", "acme");
    let answer: Response<Incoming> = client.request(request.body(Empty::new()).ok()?).await.ok()?;
    let (head, body) = answer.into_parts();
    body.collect().await.ok()?;
    let name = head.headers.get("x-upstream")?.to_str().ok()?;
    name.parse().ok().filter(|_| head.status == StatusCode::OK)
}

/// How long a proxy may take until it serves.
const START: Duration = Duration::from_secs(20);
