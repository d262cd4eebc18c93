use std::task::{Context, Poll};

use http::{Request, Response};
use tower::Service;

use super::{CountedFuture, RequestsLayer, layer::Place};
use crate::{route::MatchedRoute, tenant::TenantId};

/// The service of [`RequestsLayer`].
#[derive(Clone, Debug)]
pub struct Counted<S> {
    inner: S,
    layer: RequestsLayer,
}

impl<S> Counted<S> {
    pub(super) const fn new(inner: S, layer: RequestsLayer) -> Self {
        Self { inner, layer }
    }
}

impl<S, B, R> Service<Request<B>> for Counted<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = CountedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let tenant = request.extensions().get::<TenantId>().cloned();
        let place = tenant.map(|tenant| {
            let busiest = self.layer.busiest(request.extensions().get::<MatchedRoute>());
            Place { busiest, tenant }
        });
        CountedFuture::new(self.inner.call(request), place)
    }
}
