use std::sync::Arc;

use http::HeaderName;
use tower::Layer;

use super::{Authenticate, Identified};

/// Lets through who can prove who they are, and says so in the request's extensions: [`Identity`](super::Identity) and
/// [`TenantId`](crate::tenant::TenantId).
///
/// Stands outside [`BalanceLayer`](crate::balance::BalanceLayer), which needs the tenant, and inside
/// [`RejectionLayer`](crate::rejection::RejectionLayer), which makes answers of refusals.
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use tenantry_tower::{
///     identity::{FromFn, Identity, IdentityLayer, Refusal, Scheme},
///     rejection::RejectionLayer,
///     tenant::TenantId,
/// };
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let service = ServiceBuilder::new()
///     .layer(RejectionLayer::new())
///     .layer(IdentityLayer::new(FromFn::new(|request| {
///         let session = request.headers.get("x-session").cloned();
///         async move {
///             // A database would be asked here.
///             match session {
///                 None => Err(Refusal::Missing(Scheme::Custom)),
///                 Some(_) => Ok(Identity::new("acme", Scheme::Custom)),
///             }
///         }
///     })))
///     .service(service_fn(async |request: Request<()>| {
///         assert_eq!(request.extensions().get::<TenantId>(), Some(&TenantId::new("acme")));
///         Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
///     }));
///
/// let good = Request::get("/").header("x-session", "1").body(())?;
/// assert_eq!(service.clone().oneshot(good).await?.status(), 200);
/// assert_eq!(service.oneshot(Request::new(())).await?.status(), 401);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct IdentityLayer<A> {
    authenticate: Arc<A>,
    tell: Option<HeaderName>,
}

impl<A: Authenticate> IdentityLayer<A> {
    /// Checks credentials in this way.
    pub fn new(authenticate: A) -> Self {
        Self { authenticate: Arc::new(authenticate), tell: None }
    }

    /// Tells the service within the tenant's id in this header, and takes off what the client has written there, or in one that CGI, WSGI or PHP would take for it (`x_tenant`). A tenant whose id cannot stand in a
    /// header is refused. Default: not told; then what the client writes in a header that means something to an upstream goes through.
    #[must_use]
    pub fn telling(mut self, header: HeaderName) -> Self {
        self.tell = Some(header);
        self
    }
}

impl<A> Clone for IdentityLayer<A> {
    fn clone(&self) -> Self {
        Self { authenticate: Arc::clone(&self.authenticate), tell: self.tell.clone() }
    }
}

impl<S, A> Layer<S> for IdentityLayer<A> {
    type Service = Identified<S, A>;

    fn layer(&self, inner: S) -> Self::Service {
        Identified::new(inner, Arc::clone(&self.authenticate), self.tell.clone())
    }
}
