use http::{HeaderName, request::Parts};
use tower::Layer;

use super::{Extension, FromFn, Header, Identify, Tenant, TenantId};

/// Finds the tenant of each request and puts its [`TenantId`] into the request's extensions.
///
/// Layers compose: one that finds nobody leaves what an outer one has found.
///
/// ```
/// use http::Request;
/// use tenantry_tower::tenant::{TenantId, TenantLayer};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let whose = ServiceBuilder::new()
///     .layer(TenantLayer::from_fn(|request| {
///         let subdomain = request.uri.host()?.strip_suffix(".example.com")?;
///         Some(TenantId::new(subdomain))
///     }))
///     .layer(TenantLayer::header("x-tenant")) // the inner layer wins where it finds one
///     .service(service_fn(async |request: Request<()>| {
///         Ok::<_, std::convert::Infallible>(request.extensions().get::<TenantId>().cloned())
///     }));
///
/// let by_header = Request::get("http://umbrella.example.com/").header("x-tenant", "acme").body(())?;
/// assert_eq!(whose.clone().oneshot(by_header).await?, Some(TenantId::new("acme")));
/// let by_host = Request::get("http://umbrella.example.com/").body(())?;
/// assert_eq!(whose.oneshot(by_host).await?, Some(TenantId::new("umbrella")));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TenantLayer<I> {
    identify: I,
}

impl<I: Identify> TenantLayer<I> {
    /// A layer that finds tenants in a way of your own.
    #[must_use]
    pub const fn new(identify: I) -> Self {
        Self { identify }
    }
}

impl TenantLayer<Header> {
    /// Reads the tenant's id from a header. For a name that is known only at run time: [`TenantLayer::new`] with
    /// [`Header::new`].
    ///
    /// The header is believed, whoever sends it. Put the layer behind something that authenticates and sets it, or take the id from what
    /// that something puts into the extensions ([`TenantLayer::extension`]). To believe it from some peers only:
    /// [`TrustedHeader`](crate::identity::TrustedHeader).
    ///
    /// # Panics
    ///
    /// When `name` is not a header's name in lower case.
    #[must_use]
    pub const fn header(name: &'static str) -> Self {
        Self::new(Header::new(HeaderName::from_static(name)))
    }
}

impl TenantLayer<Extension<String>> {
    /// Reads the tenant's id from the `T` among the request's extensions: `TenantLayer::extension::<Claims>()`.
    #[must_use]
    pub const fn extension<T: AsRef<str> + Send + Sync + 'static>() -> TenantLayer<Extension<T>> {
        TenantLayer::new(Extension::new())
    }
}

impl<F: Fn(&Parts) -> Option<TenantId>> TenantLayer<FromFn<F>> {
    /// Asks a function.
    #[must_use]
    pub const fn from_fn(function: F) -> Self {
        Self::new(FromFn::new(function))
    }
}

impl<S, I: Clone> Layer<S> for TenantLayer<I> {
    type Service = Tenant<S, I>;

    fn layer(&self, inner: S) -> Self::Service {
        Tenant::new(inner, self.identify.clone())
    }
}
