use std::{
    fmt,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower::Service;

use super::{
    MIRRORED, ResponseFuture,
    copier::{Copier, Shared},
};
use crate::{
    proxy::asks_for_another_protocol,
    replay::{Replay, ReplayBody},
};

/// The service of [`MirrorLayer`](super::MirrorLayer).
#[derive(Clone)]
pub struct Mirror<S, M> {
    inner: S,
    copies: M,
    shared: Arc<Shared>,
}

impl<S, M> Mirror<S, M> {
    pub(super) const fn new(inner: S, copies: M, shared: Arc<Shared>) -> Self {
        Self { inner, copies, shared }
    }
}

impl<S, M, B, R, T> Service<Request<B>> for Mirror<S, M>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>>,
    M: Service<Request<ReplayBody<B>>, Response = Response<T>> + Clone + Send + 'static,
    M::Future: Send,
    M::Error: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    T: Body + Send,
    T::Data: Send,
    T::Error: Send,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, M, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut head, body) = request.into_parts();
        head.headers.remove(MIRRORED);
        // The half of a tunnel is none.
        let is_next = !asks_for_another_protocol(&head) && self.shared.is_next();
        let body = Replay::new(body, if is_next { self.shared.body_limit } else { 0 });
        let main = body.body();
        let copier = is_next.then(|| Copier::new(&self.shared, self.copies.clone(), &head, body));
        ResponseFuture::new(self.inner.call(Request::from_parts(head, main)), copier)
    }
}

impl<S: fmt::Debug, M> fmt::Debug for Mirror<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mirror")
            .field("inner", &self.inner)
            .field("shared", &self.shared)
            .finish_non_exhaustive()
    }
}
