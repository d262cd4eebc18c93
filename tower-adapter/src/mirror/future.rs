use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tenantry::Rejection;
use tower::Service;

use super::copier::Copier;
use crate::replay::ReplayBody;

pin_project! {
    /// The future of [`Mirror`](super::Mirror). Dropped before its answer is there, or refused, it sends no copy.
    pub struct ResponseFuture<F, M, B>
    where
        B: Body,
    {
        #[pin]
        call: F,
        copier: Option<Copier<M, B>>,
    }
}

impl<F, M, B: Body> ResponseFuture<F, M, B> {
    pub(super) const fn new(call: F, copier: Option<Copier<M, B>>) -> Self {
        Self { call, copier }
    }
}

impl<F, M, B, R, A, E> Future for ResponseFuture<F, M, B>
where
    F: Future<Output = Result<Response<A>, E>>,
    M: Service<Request<ReplayBody<B>>, Response = Response<R>> + Send + 'static,
    M::Future: Send,
    M::Error: Send,
    B: Body + Send + 'static,
    B::Data: Send,
    R: Body + Send,
    R::Data: Send,
    R::Error: Send,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let answer = ready!(this.call.poll(cx));
        // What was refused here is asked of nobody else.
        let is_refused = matches!(&answer, Ok(answer) if answer.extensions().get::<Rejection>().is_some());
        if let Some(copier) = this.copier.take().filter(|_| !is_refused) {
            copier.send();
        }
        Poll::Ready(answer)
    }
}

impl<F, M, B: Body> fmt::Debug for ResponseFuture<F, M, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("is_copied", &self.copier.is_some()).finish_non_exhaustive()
    }
}
