use std::task::{Context, Poll};

use http::Request;
use tower::Service;

use super::Identify;

/// The service of [`TenantLayer`](super::TenantLayer).
#[derive(Clone, Debug)]
pub struct Tenant<S, I> {
    inner: S,
    identify: I,
}

impl<S, I> Tenant<S, I> {
    pub(super) const fn new(inner: S, identify: I) -> Self {
        Self { inner, identify }
    }
}

impl<S, I, B> Service<Request<B>> for Tenant<S, I>
where
    S: Service<Request<B>>,
    I: Identify,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        if let Some(tenant) = self.identify.identify(&parts) {
            parts.extensions.insert(tenant);
        }
        self.inner.call(Request::from_parts(parts, body))
    }
}
