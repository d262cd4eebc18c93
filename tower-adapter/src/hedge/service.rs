use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower::Service;

use super::{ResponseFuture, layer::Settings, race::Race};
use crate::{replay::ReplayBody, retry::Classify};

/// The service of [`HedgeLayer`](super::HedgeLayer).
///
/// It is always ready: each attempt drives a clone of the service within to readiness, when it is made.
pub struct Hedge<S, C> {
    inner: S,
    settings: Arc<Settings<C>>,
}

impl<S, C> Hedge<S, C> {
    pub(super) const fn new(inner: S, settings: Arc<Settings<C>>) -> Self {
        Self { inner, settings }
    }
}

impl<S, B, C, R> Service<Request<B>> for Hedge<S, C>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone,
    B: Body + Unpin,
    B::Data: Clone,
    C: Classify<S::Error>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B, C>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (race, first) = Race::begin(Arc::clone(&self.settings), request);
        ResponseFuture::new(self.inner.clone(), race, first)
    }
}

impl<S: Clone, C> Clone for Hedge<S, C> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), settings: Arc::clone(&self.settings) }
    }
}

impl<S: fmt::Debug, C> fmt::Debug for Hedge<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hedge")
            .field("inner", &self.inner)
            .field("policy", &self.settings.policy)
            .finish_non_exhaustive()
    }
}
