use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use pin_project_lite::pin_project;

use crate::guard::Error;

pin_project! {
    /// The future of [`ByTenant`](super::ByTenant).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        call: Option<F>,
        remaining: Duration,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn calling(call: F) -> Self {
        Self { call: Some(call), remaining: Duration::ZERO }
    }

    pub(super) const fn refused(remaining: Duration) -> Self {
        Self { call: None, remaining }
    }
}

impl<F, T, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<T, Error<E>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.call.as_pin_mut() {
            Some(call) => call.poll(cx).map_err(Error::Service),
            None => Poll::Ready(Err(Error::Banned { remaining: *this.remaining })),
        }
    }
}
