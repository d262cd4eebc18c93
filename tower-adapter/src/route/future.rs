use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::Request;
use pin_project_lite::pin_project;
use tower::Service;

use super::Error;
use crate::inner_call::InnerCall;

pin_project! {
    /// The future of [`Routed`](super::Routed).
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        call: Option<InnerCall<S, Request<B>>>,
        denied: Option<Box<Error<S::Error>>>,
    }
}

impl<S: Service<Request<B>>, B> ResponseFuture<S, B> {
    pub(super) fn calling(inner: S, request: Request<B>) -> Self {
        Self { call: Some(InnerCall::new(inner, request)), denied: None }
    }

    pub(super) fn denied(error: Error<S::Error>) -> Self {
        Self { call: None, denied: Some(Box::new(error)) }
    }
}

impl<S: Service<Request<B>>, B> Future for ResponseFuture<S, B> {
    type Output = Result<S::Response, Error<S::Error>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.call.as_pin_mut() {
            Some(call) => call.poll(cx).map_err(Error::Service),
            None => Poll::Ready(Err(*this.denied.take().expect("a future is polled until it is ready"))),
        }
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for ResponseFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.denied.is_some() { "denied" } else { "calling" };
        f.debug_struct("ResponseFuture").field("state", &state).finish()
    }
}
