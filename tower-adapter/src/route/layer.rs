use tower::Layer;

use super::{Routed, Routes};

/// Lets each request take its route, if its tenant may.
///
/// Stands inside what says whose the request is ([`IdentityLayer`](crate::identity::IdentityLayer), [`TenantLayer`](crate::tenant::TenantLayer)), outside
/// [`BalanceLayer`](crate::balance::BalanceLayer), which takes pool, cost, priority and timeout from the route where it was told none itself, and inside
/// [`RejectionLayer`](crate::rejection::RejectionLayer), which makes answers of refusals.
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use tenantry_tower::{
///     rejection::RejectionLayer,
///     route::{MatchedRoute, Route, RouteLayer, Routes},
///     tenant::TenantLayer,
/// };
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let routes = Routes::new([Route::new("/"), Route::new("/admin").with_tenants(["acme"])])?;
/// let service = ServiceBuilder::new()
///     .layer(TenantLayer::header("x-tenant"))
///     .layer(RejectionLayer::new())
///     .layer(RouteLayer::new(routes))
///     .service(service_fn(async |request: Request<()>| {
///         let path = request.extensions().get::<MatchedRoute>().expect("RouteLayer puts it there").path().to_owned();
///         Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::from(path)))
///     }));
///
/// for (path, status) in [("/public", 200), ("/admin", 403), ("/public/../admin", 403), ("/public/..%2fadmin", 400)] {
///     let request = Request::get(path).header("x-tenant", "umbrella").body(())?;
///     assert_eq!(service.clone().oneshot(request).await?.status(), status, "{path}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RouteLayer {
    routes: Routes,
}

impl RouteLayer {
    /// These routes.
    #[must_use]
    pub const fn new(routes: Routes) -> Self {
        Self { routes }
    }
}

impl<S> Layer<S> for RouteLayer {
    type Service = Routed<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Routed::new(inner, self.routes.clone())
    }
}
