use std::time::Duration;

use tower::Layer;

use super::Respond;

/// Answers for the service within when it has no answer: every error that is a [`Problem`](super::Problem) becomes a
/// response, and the service cannot fail any more.
///
/// The errors of [`Balance`](crate::balance::Balance) and of
/// [`ReverseProxy`](crate::proxy::ReverseProxy) are such. For a service with an error of its own, implement
/// `From<YourError> for Problem`, or map it with tower's `map_err` before.
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use tenantry::{Balancer, Config, PoolSpec};
/// use tenantry_tower::{balance::BalanceLayer, rejection::RejectionLayer};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let balancer = Balancer::new(Config::new().with_pool("api", PoolSpec::new(["http://10.0.0.1:8080"])))?;
/// let service = ServiceBuilder::new()
///     .layer(RejectionLayer::new())
///     .layer(BalanceLayer::new(balancer))
///     .service(service_fn(async |_: Request<()>| {
///         Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
///     }));
///
/// let response = service.oneshot(Request::new(())).await?; // no TenantLayer: nobody says whose it is
/// assert_eq!(response.status(), 400);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct RejectionLayer {
    long_wait: Option<Duration>,
}

impl RejectionLayer {
    /// The layer.
    #[must_use]
    pub const fn new() -> Self {
        Self { long_wait: None }
    }

    /// The longest wait that clients are asked to sit out: a longer one says `x-should-retry: false`, and -1 as gRPC's pushback.
    /// Default: 60 s, below what any official client refuses to sleep.
    #[must_use]
    pub const fn long_wait(mut self, wait: Duration) -> Self {
        self.long_wait = Some(wait);
        self
    }
}

impl<S> Layer<S> for RejectionLayer {
    type Service = Respond<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Respond::new(inner, self.long_wait)
    }
}
