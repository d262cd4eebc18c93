use tower::Layer;

use super::{Guard, Guarded};

/// Refuses clients that are banned, before anything is asked of them, and learns from the answers to the others.
///
/// Stands outside everything that refuses: outside [`RejectionLayer`](crate::rejection::RejectionLayer), whose answers say why. The [`Peer`](crate::proxy::Peer) must be among the request's extensions;
/// a request without one is not watched.
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use tenantry_tower::{
///     guard::{ByTenantLayer, Guard, GuardLayer, GuardPolicy},
///     identity::{FromFn, Identity, IdentityLayer, Fault, Refusal, Scheme},
///     proxy::Peer,
///     rejection::RejectionLayer,
/// };
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let guard = Guard::new(GuardPolicy::new());
/// let service = ServiceBuilder::new()
///     .layer(GuardLayer::new(guard.clone()))
///     .layer(RejectionLayer::new())
///     .layer(IdentityLayer::new(FromFn::new(|request| {
///         let is_good = request.headers.get("x-api-key").is_some_and(|key| key == "s3cr3t");
///         let refusal = Refusal::Invalid(Scheme::ApiKey, Fault::NoSuchKey);
///         async move { if is_good { Ok(Identity::new("acme", Scheme::ApiKey)) } else { Err(refusal) } }
///     })))
///     .layer(ByTenantLayer::new(guard.clone()))
///     .service(service_fn(async |_: Request<()>| {
///         Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
///     }));
///
/// let ask = async |peer: &str, key: &str| {
///     let mut request = Request::get("/").header("x-api-key", key).body(()).unwrap();
///     request.extensions_mut().insert(Peer::new(peer.parse().unwrap()));
///     service.clone().oneshot(request).await.unwrap().status().as_u16()
/// };
/// for guess in 0..20 {
///     ask("192.0.2.1:4711", &format!("guess-{guess}")).await;
/// }
/// assert_eq!(ask("192.0.2.1:4711", "s3cr3t").await, 429); // banned, also with a guess that is right
/// assert_eq!(ask("192.0.2.2:4711", "s3cr3t").await, 200); // somebody else
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct GuardLayer {
    guard: Guard,
}

impl GuardLayer {
    /// With this memory.
    #[must_use]
    pub const fn new(guard: Guard) -> Self {
        Self { guard }
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded::new(inner, self.guard.clone())
    }
}
