use std::{fmt, sync::Arc, time::Duration};

use tower::{
    Layer,
    retry::budget::{Budget, TpsBudget},
};

use super::{Hedge, HedgePolicy, latency::Latencies};
use crate::retry::HttpClassifier;

/// Sends a request that takes long once more, and gives the first good answer. One layer for each pool: it learns how long requests take there.
///
/// ```
/// use std::{sync::atomic::{AtomicU32, Ordering}, time::Duration};
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use tenantry_tower::{hedge::{HedgeLayer, HedgePolicy, Winner}, replay::ReplayBody};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// static CALLS: AtomicU32 = AtomicU32::new(0);
/// let policy = HedgePolicy::after(Duration::from_millis(50));
/// let service = ServiceBuilder::new().layer(HedgeLayer::new(policy)).service(service_fn(
///     async |_: Request<ReplayBody<Full<Bytes>>>| {
///         if CALLS.fetch_add(1, Ordering::Relaxed) == 0 {
///             tokio::time::sleep(Duration::from_secs(10)).await;
///         }
///         Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
///     },
/// ));
/// let answer = service.oneshot(Request::get("/").body(Full::default())?).await?;
/// assert_eq!(answer.extensions().get(), Some(&Winner::Hedge));
/// # Ok(())
/// # }
/// ```
pub struct HedgeLayer<C = HttpClassifier> {
    settings: Arc<Settings<C>>,
}

/// What all services of a layer share.
pub(super) struct Settings<C> {
    pub(super) policy: HedgePolicy,
    pub(super) classifier: C,
    /// Where no balancer has one.
    pub(super) budget: Arc<dyn Budget + Send + Sync>,
    pub(super) latencies: Latencies,
}

impl HedgeLayer {
    /// By this policy, and the [default rules](HttpClassifier) on what has failed.
    #[must_use]
    pub fn new(policy: HedgePolicy) -> Self {
        let budget = Arc::new(TpsBudget::new(BUDGET_WINDOW, BUDGET_PER_SECOND, BUDGET_RATIO));
        Self::of(policy, HttpClassifier::default(), budget)
    }
}

impl<C> HedgeLayer<C> {
    fn of(policy: HedgePolicy, classifier: C, budget: Arc<dyn Budget + Send + Sync>) -> Self {
        let settings = Settings { policy, classifier, budget, latencies: Latencies::default() };
        Self { settings: Arc::new(settings) }
    }

    /// Rules of one's own on what has failed: a [`Classify`](crate::retry::Classify), such as a function. Default: [`HttpClassifier`].
    #[must_use]
    pub fn classify<D>(self, classifier: D) -> HedgeLayer<D> {
        let Settings { policy, budget, .. } = &*self.settings;
        HedgeLayer::of(policy.clone(), classifier, Arc::clone(budget))
    }

    /// The budget where there is no `BalanceLayer` within. Default: 5 % and 1/s over 10 s.
    #[must_use]
    pub fn budget(self, budget: Arc<dyn Budget + Send + Sync>) -> Self
    where
        C: Clone,
    {
        let Settings { policy, classifier, .. } = &*self.settings;
        Self::of(policy.clone(), classifier.clone(), budget)
    }
}

impl<S, C> Layer<S> for HedgeLayer<C> {
    type Service = Hedge<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Hedge::new(inner, Arc::clone(&self.settings))
    }
}

impl<C> Clone for HedgeLayer<C> {
    fn clone(&self) -> Self {
        Self { settings: Arc::clone(&self.settings) }
    }
}

impl<C> fmt::Debug for HedgeLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HedgeLayer").field("policy", &self.settings.policy).finish_non_exhaustive()
    }
}

const BUDGET_WINDOW: Duration = Duration::from_secs(10);
const BUDGET_PER_SECOND: u32 = 1;
const BUDGET_RATIO: f32 = 0.05;
