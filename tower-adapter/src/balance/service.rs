use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tenantry::Balancer;
use tower::Service;

use super::{Error, LeaseBody, ResponseFuture, settings::Settings};

/// The service of [`BalanceLayer`](super::BalanceLayer).
///
/// It is always ready: who has to wait is decided per tenant, and readiness knows no tenant. The inner service is driven
/// to readiness after the lease was acquired, on a clone of its own, so that a tenant in the queue keeps nothing of it
/// (a permit of a `ConcurrencyLimit`, say) from the others.
#[derive(Clone, Debug)]
pub struct Balance<S> {
    inner: S,
    balancer: Balancer,
    settings: Arc<Settings>,
}

impl<S> Balance<S> {
    pub(super) fn new(inner: S, balancer: Balancer, settings: Settings) -> Self {
        Self { inner, balancer, settings: Arc::new(settings) }
    }
}

impl<S, B, R> Service<Request<B>> for Balance<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: Body,
{
    type Response = Response<LeaseBody<R>>;
    type Error = Error<S::Error>;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (parts, body) = request.into_parts();
        match self.settings.acquire(&self.balancer, &parts) {
            Some((acquire, landing)) => {
                let request = Request::from_parts(parts, body);
                ResponseFuture::new(acquire, &self.balancer, landing, self.inner.clone(), request)
            }
            None => ResponseFuture::failed(Error::MissingTenant),
        }
    }
}
