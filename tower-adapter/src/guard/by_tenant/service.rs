use std::task::{Context, Poll};

use http::Request;
use tower::Service;

use super::ResponseFuture;
use crate::{
    guard::{Error, Guard, witness::Proved},
    tenant::TenantId,
};

/// The service of [`ByTenantLayer`](crate::guard::ByTenantLayer).
#[derive(Clone, Debug)]
pub struct ByTenant<S> {
    inner: S,
    guard: Guard,
}

impl<S> ByTenant<S> {
    pub(super) const fn new(inner: S, guard: Guard) -> Self {
        Self { inner, guard }
    }
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for ByTenant<S> {
    type Response = S::Response;
    type Error = Error<S::Error>;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Error::Service)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Some(tenant) = request.extensions().get::<TenantId>() else {
            return ResponseFuture::calling(self.inner.call(request));
        };
        if let Some(proved) = request.extensions().get::<Proved>() {
            proved.tell(tenant);
        }
        match self.guard.admit_tenant(tenant) {
            Ok(()) => ResponseFuture::calling(self.inner.call(request)),
            Err(banned) => ResponseFuture::refused(banned.0),
        }
    }
}
