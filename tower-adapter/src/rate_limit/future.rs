use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use pin_project_lite::pin_project;
use tenantry::Balancer;

use super::{fields, layer::Settings};
use crate::tenant::TenantId;

pin_project! {
    /// The future of [`RateLimit`](super::RateLimit). What is left is read when the answer's head is there.
    pub struct ResponseFuture<F> {
        #[pin]
        call: F,
        tenant: Option<TenantId>,
        balancer: Balancer,
        settings: Settings,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(
        call: F,
        tenant: Option<TenantId>,
        balancer: Balancer,
        settings: Settings,
    ) -> Self {
        Self { call, tenant, balancer, settings }
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.call.poll(cx))?;
        if !this.settings.keeps_upstream {
            fields::take_off(response.headers_mut());
        }
        let limits = this.tenant.as_ref().and_then(|tenant| this.balancer.own_limits_of(tenant.as_str()));
        let mut limits = limits.unwrap_or_default();
        limits.retain(|limit| !limit.is_shadow());
        if !limits.is_empty() {
            fields::put_on(response.headers_mut(), &limits, this.settings.older);
        }
        Poll::Ready(Ok(response))
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
