use std::{
    fmt,
    future::poll_fn,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use tenantry::{Balancer, Probe, ProbeReport, Probes};
use tokio::{task::JoinSet, time::timeout};

use super::answer;
use crate::proxy::{endpoint, target};

/// Carries a balancer's probes over HTTP, for all of its pools with the strategy `prequal`. One for each balancer.
///
/// It needs a tokio runtime, keeps connections to the endpoints and uses them again, and has at most so many probes under way at
/// once. Endpoints whose address is not `http://host:port` or `host:port` are not probed.
pub struct Prober {
    probes: Probes,
    client: Client<HttpConnector, Empty<Bytes>>,
    under_way: JoinSet<Option<(Probe, ProbeReport)>>,
    most: usize,
}

impl Prober {
    /// A prober for this balancer, which it does not keep alive.
    #[must_use]
    pub fn new(balancer: &Balancer) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .build(connector);
        Self { probes: balancer.probes(), client, under_way: JoinSet::new(), most: MOST_UNDER_WAY }
    }

    /// The most probes under way at once, of all pools together; at least 1. Default 256. A pool never has more than 64.
    #[must_use]
    pub fn with_most_under_way(mut self, probes: usize) -> Self {
        self.most = probes.max(1);
        self
    }

    /// Probes until the balancer is gone. Dropping this future ends it at once, with all that is under way.
    pub async fn run(mut self) {
        poll_fn(|cx| self.poll(cx)).await;
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            while let Poll::Ready(Some(ended)) = self.under_way.poll_join_next(cx) {
                // One that panicked has dropped its probe, as one that failed.
                if let Ok(Some((probe, report))) = ended {
                    self.probes.handle_answer(probe, &report);
                }
            }
            if self.under_way.len() >= self.most {
                return Poll::Pending;
            }
            match self.probes.poll_probe(cx) {
                Poll::Ready(Some(probe)) => drop(self.under_way.spawn(carry(self.client.clone(), probe))),
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl fmt::Debug for Prober {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prober")
            .field("under_way", &self.under_way.len())
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}

async fn carry(client: Client<HttpConnector, Empty<Bytes>>, probe: Probe) -> Option<(Probe, ProbeReport)> {
    let uri = target(probe.path().parse::<Uri>().ok()?, endpoint(probe.address()).ok()?);
    let report = timeout(probe.timeout(), ask(client, uri)).await.ok()??;
    Some((probe, report))
}

async fn ask(client: Client<HttpConnector, Empty<Bytes>>, uri: Uri) -> Option<ProbeReport> {
    let request = Request::builder().method(Method::GET).uri(uri).body(Empty::new()).ok()?;
    let response = client.request(request).await.ok()?;
    if response.status() != StatusCode::OK {
        return None;
    }
    let text = Limited::new(response.into_body(), LONGEST_ANSWER).collect().await.ok()?;
    answer::read(&text.to_bytes())
}

const MOST_UNDER_WAY: usize = 256;
/// Bytes.
const LONGEST_ANSWER: usize = 4_096;
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
