use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use pin_project_lite::pin_project;

use super::witness::Witness;

pin_project! {
    /// The future of [`Guarded`](super::Guarded).
    pub struct ResponseFuture<F, R> {
        #[pin]
        call: Option<F>,
        witness: Option<Witness>,
        refused: Option<Box<Response<R>>>,
    }
}

impl<F, R> ResponseFuture<F, R> {
    pub(super) const fn calling(call: F, witness: Witness) -> Self {
        Self { call: Some(call), witness: Some(witness), refused: None }
    }

    pub(super) fn refused(answer: Response<R>) -> Self {
        Self { call: None, witness: None, refused: Some(Box::new(answer)) }
    }
}

impl<F, R, E> Future for ResponseFuture<F, R>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(call) = this.call.as_pin_mut() else {
            return Poll::Ready(Ok(*this.refused.take().expect("a future is polled until it is ready")));
        };
        let answer = ready!(call.poll(cx));
        if let (Ok(answer), Some(witness)) = (&answer, this.witness.take()) {
            witness.testify(answer.status(), answer.extensions());
        }
        Poll::Ready(answer)
    }
}

impl<F, R> fmt::Debug for ResponseFuture<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.call.is_some() { "calling" } else { "refused" };
        f.debug_struct("ResponseFuture").field("state", &state).finish()
    }
}
