use std::{borrow::Cow, sync::Arc, time::Duration};

use http::request::Parts;
use tenantry::Balancer;
use tower::Layer;

use super::{
    Balance, Classify,
    classify::Classifier,
    settings::{Settings, UpstreamLimits},
};
use crate::affinity::Affinity;

/// Admits each request in its tenant's turn and picks the endpoint that serves it.
///
/// Needs a [`TenantId`](crate::tenant::TenantId) among the request's extensions (put a
/// [`TenantLayer`](crate::tenant::TenantLayer) around it) and leaves a [`PickedEndpoint`](super::PickedEndpoint) there.
///
/// The inner service is called as soon as there is a lease, which may be when this one is called: one that wants a runtime then (as
/// [`ReverseProxy`](crate::proxy::ReverseProxy) does, for its timer) wants it when this is called, not only when its future is polled.
///
/// ```
/// use std::time::Duration;
/// use http::{Request, Response};
/// use http_body_util::BodyExt;
/// use tenantry::{Balancer, Config, PoolSpec, TenantSpec};
/// use tenantry_tower::{balance::{BalanceLayer, PickedEndpoint}, tenant::TenantLayer};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let balancer = Balancer::new(
///     Config::new()
///         .with_pool("api", PoolSpec::new(["http://10.0.0.1:8080"]))
///         .with_tenant("acme", TenantSpec::default()),
/// )?;
/// let service = ServiceBuilder::new()
///     .layer(TenantLayer::header("x-tenant"))
///     .layer(
///         BalanceLayer::new(balancer.clone())
///             .pool("api")
///             .timeout(Duration::from_secs(2))
///             .key(|request| Some(request.headers.get("x-user")?.as_bytes().into())),
///     )
///     .service(service_fn(async |request: Request<()>| {
///         let picked = request.extensions().get::<PickedEndpoint>().expect("BalanceLayer puts it there");
///         Ok::<_, std::convert::Infallible>(Response::new(picked.address().to_owned()))
///     }));
///
/// let response = service.oneshot(Request::get("/").header("x-tenant", "acme").body(())?).await?;
/// assert_eq!(balancer.stats().pool("api").unwrap().in_flight(), 1); // held until the body's last byte
/// let body = response.into_body().collect().await?.to_bytes();
/// assert_eq!(body, "http://10.0.0.1:8080");
/// assert_eq!(balancer.stats().pool("api").unwrap().in_flight(), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct BalanceLayer {
    balancer: Balancer,
    settings: Settings,
}

impl BalanceLayer {
    /// Asks this balancer. By default for the only pool, at cost 1, without a key, waiting as long as the pool's queue
    /// allows.
    #[must_use]
    pub fn new(balancer: Balancer) -> Self {
        Self { balancer, settings: Settings::default() }
    }

    /// The pool that serves these requests; needed where the balancer has several.
    #[must_use]
    pub fn pool(mut self, name: impl Into<Arc<str>>) -> Self {
        self.settings.pool = Some(name.into());
        self
    }

    /// How long a request may wait for its turn. Default: the pool's queue timeout.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = Some(timeout);
        self
    }

    /// What a request will cost, in the unit of the tenants' cost quotas. Default 1.
    #[must_use]
    pub fn cost(mut self, cost: impl Fn(&Parts) -> u64 + Send + Sync + 'static) -> Self {
        self.settings.cost = Some(Arc::new(cost));
        self
    }

    /// How urgent a request is among its own tenant's: 0 (most) to 7 (least), as in RFC 9218. Default 3; above 7 counts as 7.
    #[must_use]
    pub fn priority(mut self, priority: impl Fn(&Parts) -> u8 + Send + Sync + 'static) -> Self {
        self.settings.priority = Some(Arc::new(priority));
        self
    }

    /// How many seats a request takes while it runs. Default 1; 0 counts as 1.
    #[must_use]
    pub fn seats(mut self, seats: impl Fn(&Parts) -> u32 + Send + Sync + 'static) -> Self {
        self.settings.seats = Some(Arc::new(seats));
        self
    }

    /// Learns from every answer what its endpoint [says of its limits](crate::upstream): an endpoint where nothing is left, or that asks to be left
    /// alone, gets no requests until its own word. Default: not, because what it says to one tenant then stops all of them: turn it on where
    /// the limits are those of an account that they share.
    #[must_use]
    pub const fn learn_upstream_limits(mut self) -> Self {
        self.settings.limits = UpstreamLimits::Learnt;
        self
    }

    /// Lets a tenant's clients [return](crate::affinity) to the endpoint that served them. Default: not.
    #[must_use]
    pub fn affinity(mut self, affinity: Affinity) -> Self {
        self.settings.affinity = Some(affinity);
        self
    }

    /// What answers say about their endpoints. Default: [`HttpClassifier`](super::HttpClassifier), which knows HTTP and gRPC.
    #[must_use]
    pub fn classify(mut self, classify: impl Classify + 'static) -> Self {
        self.settings.classifier = Classifier::new(classify);
        self
    }

    /// The key by which hash strategies keep requests together. Default: none.
    #[must_use]
    pub fn key(
        mut self,
        key: impl for<'a> Fn(&'a Parts) -> Option<Cow<'a, [u8]>> + Send + Sync + 'static,
    ) -> Self {
        self.settings.key = Some(Arc::new(key));
        self
    }
}

impl<S> Layer<S> for BalanceLayer {
    type Service = Balance<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Balance::new(inner, self.balancer.clone(), self.settings.clone())
    }
}
