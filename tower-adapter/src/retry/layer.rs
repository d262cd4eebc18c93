use std::{
    fmt,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use tower::{
    Layer,
    retry::budget::{Budget, TpsBudget},
};

use super::{HttpClassifier, Retry, RetryPolicy};

/// Tries requests again that have failed: at another endpoint, after a while, within a budget.
///
/// Put it around a [`BalanceLayer`](crate::balance::BalanceLayer), inside a [`RejectionLayer`](crate::rejection::RejectionLayer); it works around any other
/// tower service that answers HTTP, too.
///
/// ```
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use bytes::Bytes;
/// use http::{Request, Response, StatusCode};
/// use http_body_util::Full;
/// use tenantry_tower::{replay::ReplayBody, retry::{Attempts, RetryLayer, RetryPolicy}};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// static CALLS: AtomicU32 = AtomicU32::new(0);
/// let service = ServiceBuilder::new().layer(RetryLayer::new(RetryPolicy::new())).service(service_fn(
///     async |_: Request<ReplayBody<Full<Bytes>>>| {
///         let status = match CALLS.fetch_add(1, Ordering::Relaxed) {
///             0 => StatusCode::SERVICE_UNAVAILABLE,
///             _ => StatusCode::OK,
///         };
///         Ok::<_, std::convert::Infallible>(Response::builder().status(status).body(Full::<Bytes>::default()).unwrap())
///     },
/// ));
/// let answer = service.oneshot(Request::put("/").body(Full::from("again and again"))?).await?;
/// assert_eq!((answer.status(), &answer.headers()["x-attempt-count"]), (StatusCode::OK, &"2".parse()?));
/// assert_eq!(answer.extensions().get::<Attempts>().unwrap().count(), 2);
/// # Ok(())
/// # }
/// ```
pub struct RetryLayer<C = HttpClassifier> {
    settings: Arc<Settings<C>>,
}

/// What all services of a layer share.
pub(super) struct Settings<C> {
    pub(super) policy: RetryPolicy,
    pub(super) classifier: C,
    /// Where no balancer has one.
    pub(super) budget: Arc<dyn Budget + Send + Sync>,
    /// Tells requests' waits apart.
    pub(super) requests: AtomicU64,
}

impl RetryLayer {
    /// By this policy, and the [default rules](HttpClassifier) on what has failed.
    #[must_use]
    pub fn new(policy: RetryPolicy) -> Self {
        let budget = Arc::new(TpsBudget::new(BUDGET_WINDOW, BUDGET_PER_SECOND, BUDGET_RATIO));
        let settings =
            Settings { policy, classifier: HttpClassifier::default(), budget, requests: AtomicU64::new(0) };
        Self { settings: Arc::new(settings) }
    }
}

impl<C> RetryLayer<C> {
    /// Rules of one's own on what has failed: a [`Classify`](super::Classify), such as a function. Default: [`HttpClassifier`].
    #[must_use]
    pub fn classify<D>(self, classifier: D) -> RetryLayer<D> {
        let Settings { policy, budget, .. } = &*self.settings;
        let (policy, budget) = (policy.clone(), Arc::clone(budget));
        RetryLayer {
            settings: Arc::new(Settings { policy, classifier, budget, requests: AtomicU64::new(0) }),
        }
    }

    /// The budget where there is no `BalanceLayer` within; where there is, each tenant has its own in each pool, and this one is not asked. Default: 20 % and 10/s over 10 s.
    #[must_use]
    pub fn budget(self, budget: Arc<dyn Budget + Send + Sync>) -> Self
    where
        C: Clone,
    {
        let Settings { policy, classifier, .. } = &*self.settings;
        let (policy, classifier) = (policy.clone(), classifier.clone());
        Self { settings: Arc::new(Settings { policy, classifier, budget, requests: AtomicU64::new(0) }) }
    }
}

impl<S, C> Layer<S> for RetryLayer<C> {
    type Service = Retry<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Retry::new(inner, Arc::clone(&self.settings))
    }
}

impl<C> Clone for RetryLayer<C> {
    fn clone(&self) -> Self {
        Self { settings: Arc::clone(&self.settings) }
    }
}

impl<C> fmt::Debug for RetryLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryLayer").field("policy", &self.settings.policy).finish_non_exhaustive()
    }
}

const BUDGET_WINDOW: Duration = Duration::from_secs(10);
const BUDGET_PER_SECOND: u32 = 10;
const BUDGET_RATIO: f32 = 0.2;
