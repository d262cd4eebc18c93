//! Tenants that send requests over real connections: a quiet one, and a flood.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use hdrhistogram::Histogram;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use tokio::{
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use crate::meter::{latencies, micros};

/// How a tenant's own requests went, as it sees them itself; clones share it.
#[derive(Clone, Debug)]
pub struct Log {
    shared: Arc<Mutex<Served>>,
}

/// What a [`Log`] holds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Served {
    /// From the moment it should be sent to the last byte of its answer, in microseconds; of those served.
    pub latencies: Histogram<u64>,
    /// How many were not served with a 200.
    pub failed: u64,
}

impl Default for Log {
    fn default() -> Self {
        Self { shared: Arc::new(Mutex::new(Served { latencies: latencies(), failed: 0 })) }
    }
}

impl Log {
    /// What it holds now; afterwards it is empty.
    #[must_use]
    pub fn take(&self) -> Served {
        std::mem::replace(&mut *self.lock(), Served { latencies: latencies(), failed: 0 })
    }

    fn record(&self, latency: Duration, served: bool) {
        let mut log = self.lock();
        if served {
            log.latencies.saturating_record(micros(latency));
        } else {
            log.failed += 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Served> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Sends a request each `period`, however long answers take, until `until`; returns when all are answered.
pub async fn steadily(
    gateway: SocketAddr,
    tenant: &'static str,
    period: Duration,
    log: Log,
    until: impl Future<Output = ()>,
) {
    let client = client();
    let mut requests = JoinSet::new();
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    tokio::pin!(until);
    loop {
        let due = tokio::select! {
            () = &mut until => break,
            due = ticks.tick() => due.into_std(),
        };
        let (client, log) = (client.clone(), log.clone());
        requests.spawn(async move {
            let served = send(&client, gateway, tenant).await;
            log.record(due.elapsed(), served);
        });
        while requests.try_join_next().is_some() {}
    }
    requests.join_all().await;
}

/// Holds `connections` open and sends the next request on each as soon as the last is answered. Ends when the set is
/// dropped.
#[must_use]
pub fn flood(gateway: SocketAddr, tenant: &'static str, connections: usize, log: &Log) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let log = log.clone();
        tasks.spawn(async move {
            let client = client(); // with a pool, and so a connection, of its own
            loop {
                let sent = Instant::now();
                let served = send(&client, gateway, tenant).await;
                log.record(sent.elapsed(), served);
            }
        });
    }
    tasks
}

type HttpClient = Client<HttpConnector, Empty<Bytes>>;

fn client() -> HttpClient {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Client::builder(TokioExecutor::new()).build(connector)
}

/// Whether a request was answered with a 200, to its last byte.
async fn send(client: &HttpClient, gateway: SocketAddr, tenant: &str) -> bool {
    let request = Request::get(format!("http://{gateway}/")).header("x-tenant", tenant).body(Empty::new());
    let request = request.expect("an address and a name make a request");
    let Ok(response) = client.request(request).await else { return false };
    let status = response.status();
    response.into_body().collect().await.is_ok() && status == StatusCode::OK
}
