use tenantry::Balancer;
use tower::Layer;

use super::{RateLimit, ResetForm};

/// Tells with every answer what the request's tenant has left of its rates; see the [module](self::super) for the fields.
///
/// Stands inside [`TenantLayer`](crate::tenant::TenantLayer), which says whose the request is, and outside
/// [`RejectionLayer`](crate::rejection::RejectionLayer), so that refusals carry the fields too. It refuses nothing, and works around any
/// other service as well. Where nobody was identified, or the tenant has no rates, it adds nothing.
///
/// What an upstream says about limits (`RateLimit`, `RateLimit-Policy`, `X-RateLimit-*`, `anthropic-ratelimit-*`) is taken off
/// every answer, also where the layer has nothing to say: it is the quota of the account that all tenants share, and would show each
/// what the others use.
///
/// ```
/// use http::{Request, Response};
/// use tenantry::{Balancer, Config, PoolSpec, Rate, TenantSpec};
/// use tenantry_tower::{rate_limit::RateLimitLayer, tenant::TenantLayer};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config = Config::new()
///     .with_pool("api", PoolSpec::new(["http://10.0.0.1:8080"]))
///     .with_tenant("acme", TenantSpec::new().with_rate(Rate::per_second(100)));
/// let service = ServiceBuilder::new()
///     .layer(TenantLayer::header("x-tenant"))
///     .layer(RateLimitLayer::new(Balancer::new(config)?))
///     .service(service_fn(async |_: Request<()>| Ok::<_, std::convert::Infallible>(Response::new(()))));
///
/// let answer = service.oneshot(Request::get("/").header("x-tenant", "acme").body(())?).await?;
/// assert_eq!(answer.headers()["ratelimit-policy"], r#""requests";q=100;w=1"#);
/// assert_eq!(answer.headers()["ratelimit"], r#""requests";r=100"#);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RateLimitLayer {
    balancer: Balancer,
    settings: Settings,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Settings {
    pub(super) older: Option<ResetForm>,
    pub(super) keeps_upstream: bool,
}

impl RateLimitLayer {
    /// The layer for this balancer's tenants.
    #[must_use]
    pub fn new(balancer: Balancer) -> Self {
        Self { balancer, settings: Settings::default() }
    }

    /// Sends `X-RateLimit-Limit`, `-Remaining` and `-Reset` too, the last one in this form. Default: not sent.
    #[must_use]
    pub const fn with_older_fields(mut self, reset: ResetForm) -> Self {
        self.settings.older = Some(reset);
        self
    }

    /// Leaves what an upstream says about its own limits where this layer does not say the same field itself. For upstreams
    /// that know each tenant by a key of its own. Default: taken off.
    #[must_use]
    pub const fn keeping_upstream_fields(mut self) -> Self {
        self.settings.keeps_upstream = true;
        self
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RateLimit::new(inner, self.balancer.clone(), self.settings)
    }
}
