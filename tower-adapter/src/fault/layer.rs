use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use http::request::Parts;
use tower::Layer;

use super::{Fault, Faulty, fault::Kind, future::Plan};

/// Lets requests suffer faults. Those of one request add up: its delays, then an abort, the first that befalls it, or else the earliest reset.
///
/// Clones, and the services of one layer, count requests together. Which request suffers what follows from the seed and the request's number.
///
/// ```
/// use std::time::Duration;
/// use bytes::Bytes;
/// use http::{Request, Response, StatusCode};
/// use http_body_util::Full;
/// use tenantry_tower::{fault::{Fault, FaultLayer}, share::Share};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let faults = FaultLayer::from_seed(7)
///     .with(Fault::delay(Duration::from_millis(300)).of(Share::new(0.1)?))
///     .with(Fault::abort(StatusCode::SERVICE_UNAVAILABLE).when(|request| request.uri.path() == "/down"));
/// let service = ServiceBuilder::new().layer(faults).service(service_fn(async |_: Request<()>| {
///     Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::from("hello"))))
/// }));
/// assert_eq!(service.clone().oneshot(Request::get("/down").body(())?).await?.status(), 503);
/// assert_eq!(service.oneshot(Request::get("/").body(())?).await?.status(), 200);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct FaultLayer {
    faults: Arc<[Fault]>,
    seed: u64,
    requests: Arc<AtomicU64>,
}

impl FaultLayer {
    /// Without faults, yet.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self { faults: Arc::default(), seed, requests: Arc::default() }
    }

    /// And this one.
    #[must_use]
    pub fn with(mut self, fault: Fault) -> Self {
        self.faults = self.faults.iter().cloned().chain([fault]).collect();
        self
    }

    /// What the next request suffers.
    pub(super) fn plan(&self, request: &Parts) -> Plan {
        // Relaxed: it numbers requests, and orders nothing.
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let mut plan = Plan::default();
        for (stream, fault) in (0..).zip(&*self.faults) {
            if !fault.share.holds(self.seed, stream, number) || !fault.is_meant(request) {
                continue;
            }
            match fault.kind {
                Kind::Delay(time) => plan.delay += time,
                Kind::Abort(status) => plan.abort = plan.abort.or(Some(status)),
                Kind::Reset(bytes) => plan.reset = Some(plan.reset.map_or(bytes, |before| before.min(bytes))),
            }
        }
        plan
    }
}

impl<S> Layer<S> for FaultLayer {
    type Service = Faulty<S>;

    fn layer(&self, inner: S) -> Faulty<S> {
        Faulty::new(inner, self.clone())
    }
}
