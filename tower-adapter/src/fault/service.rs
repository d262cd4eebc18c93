use std::task::{Context, Poll};

use http::{Request, Response};
use tower::Service;

use super::{FaultBody, FaultLayer, ResponseFuture};

/// The service of [`FaultLayer`].
///
/// It is always ready; the service within is driven to readiness when it is asked, on a clone of its own.
#[derive(Clone, Debug)]
pub struct Faulty<S> {
    inner: S,
    faults: FaultLayer,
}

impl<S> Faulty<S> {
    pub(super) const fn new(inner: S, faults: FaultLayer) -> Self {
        Self { inner, faults }
    }
}

impl<S, B, R> Service<Request<B>> for Faulty<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
{
    type Response = Response<FaultBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let plan = self.faults.plan(&parts);
        ResponseFuture::new(plan, self.inner.clone(), Request::from_parts(parts, body))
    }
}
