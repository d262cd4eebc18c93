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
        if let Some(Place { busiest, tenant }) = this.place.take() {
            let (took, end) = (
                this.since.elapsed(),
                match &answer {
                    Ok(answer) => End::of(answer.status(), answer.extensions()),
                    Err(_) => End::Failure,
                },
            );
            busiest.all.add(end, took);
            busiest.of_end(&tenant, end).add(end, took);
        }
        Poll::Ready(answer)
    }
}
