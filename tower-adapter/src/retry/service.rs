use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower::Service;

use super::{Classify, Error, ResponseFuture, RetryBody, job::Job, layer::Settings};
use crate::replay::ReplayBody;

/// The service of [`RetryLayer`](super::RetryLayer).
///
/// It is always ready: each attempt drives a clone of the service within to readiness, when it is made.
pub struct Retry<S, C> {
    inner: S,
    settings: Arc<Settings<C>>,
}

impl<S, C> Retry<S, C> {
    pub(super) const fn new(inner: S, settings: Arc<Settings<C>>) -> Self {
        Self { inner, settings }
    }
}

impl<S, B, C, R> Service<Request<B>> for Retry<S, C>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone,
    B: Body + Unpin,
    B::Data: Clone,
    C: Classify<S::Error>,
    R: Body,
{
    type Response = Response<RetryBody<R>>;
    type Error = Error<S::Error>;
    type Future = ResponseFuture<S, B, C, R>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (job, first) = Job::begin(self.inner.clone(), Arc::clone(&self.settings), request);
        ResponseFuture::new(job, first)
    }
}

impl<S: Clone, C> Clone for Retry<S, C> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), settings: Arc::clone(&self.settings) }
    }
}

impl<S: fmt::Debug, C> fmt::Debug for Retry<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retry")
            .field("inner", &self.inner)
            .field("policy", &self.settings.policy)
            .finish_non_exhaustive()
    }
}
