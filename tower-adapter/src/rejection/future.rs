use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use tower::Service;

use super::{Problem, RejectionBody};
use crate::inner_call::InnerCall;

pin_project! {
    /// The future of [`Respond`](super::Respond).
    pub struct ResponseFuture<S, Q>
    where
        S: Service<Q>,
    {
        #[pin]
        call: InnerCall<S, Q>,
        form: Form,
    }
}

/// How a problem is told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) is_grpc: bool,
    pub(super) long_wait: Option<Duration>,
}

impl Form {
    fn answer<B: From<Bytes>>(self, problem: Problem) -> Response<B> {
        let problem = match self.long_wait {
            Some(wait) => problem.with_long_wait(wait),
            None => problem,
        };
        if self.is_grpc { problem.into_grpc_response() } else { problem.into_response() }
    }
}

impl<S: Service<Q>, Q> ResponseFuture<S, Q> {
    pub(super) fn new(inner: S, request: Q, form: Form) -> Self {
        Self { call: InnerCall::new(inner, request), form }
    }
}

impl<S, Q, R> Future for ResponseFuture<S, Q>
where
    S: Service<Q, Response = Response<R>>,
    S::Error: Into<Problem>,
    R: Body,
    R::Data: From<Bytes>,
{
    type Output = Result<Response<RejectionBody<R>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        Poll::Ready(Ok(match ready!(this.call.poll(cx)) {
            Ok(response) => response.map(RejectionBody::inner),
            Err(error) => this.form.answer(error.into()),
        }))
    }
}

impl<S: Service<Q>, Q> fmt::Debug for ResponseFuture<S, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
