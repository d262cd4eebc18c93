use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

use http::Response;
use pin_project_lite::pin_project;

use super::{counts::End, layer::Place};

pin_project! {
    /// The future of [`Counted`](super::Counted).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        call: F,
        place: Option<Place>,
        since: Instant,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) fn new(call: F, place: Option<Place>) -> Self {
        Self { call, place, since: Instant::now() }
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.call.poll(cx));
        if let Some(place) = this.place.take() {
            let took = this.since.elapsed();
            match answer.as_ref().map_or(Ok(End::Failure), End::of) {
                Ok(end) => place.count(end, took),
                Err(late) => late.on_end(move |outcome| place.count(End::late(outcome), took)),
            }
        }
        Poll::Ready(answer)
    }
}
