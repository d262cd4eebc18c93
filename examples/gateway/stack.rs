//! A route's own layers, whichever they are, as one type.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tower::Service;

/// Layers of which the outermost is always ready, as a [`RejectionLayer`](tenantry_tower::rejection::RejectionLayer) is. Clones share them.
///
/// [`BoxCloneSyncService`](tower::util::BoxCloneSyncService) would allocate a copy of them for each request, which holds a reference to all that they share.
pub(crate) struct Stack<Q, R>(Arc<dyn Fn(Q) -> Serving<R> + Send + Sync>);

type Serving<R> = Pin<Box<dyn Future<Output = Result<R, Infallible>> + Send>>;

impl<Q, R> Stack<Q, R> {
    pub(crate) fn new<S>(layers: S) -> Self
    where
        S: Service<Q, Response = R, Error = Infallible> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        Self(Arc::new(move |request| Box::pin(layers.clone().call(request))))
    }
}

impl<Q, R> Service<Q> for Stack<Q, R> {
    type Response = R;
    type Error = Infallible;
    type Future = Serving<R>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Q) -> Serving<R> {
        (self.0)(request)
    }
}

impl<Q, R> Clone for Stack<Q, R> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
