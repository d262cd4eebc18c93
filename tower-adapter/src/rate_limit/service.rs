use std::task::{Context, Poll};

use http::{Request, Response};
use tenantry::Balancer;
use tower::Service;

use super::{ResponseFuture, layer::Settings};
use crate::tenant::TenantId;

/// The service of [`RateLimitLayer`](super::RateLimitLayer).
#[derive(Clone, Debug)]
pub struct RateLimit<S> {
    inner: S,
    balancer: Balancer,
    settings: Settings,
}

impl<S> RateLimit<S> {
    pub(super) const fn new(inner: S, balancer: Balancer, settings: Settings) -> Self {
        Self { inner, balancer, settings }
    }
}

impl<S, B, R> Service<Request<B>> for RateLimit<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let tenant = request.extensions().get::<TenantId>().cloned();
        ResponseFuture::new(self.inner.call(request), tenant, self.balancer.clone(), self.settings)
    }
}
