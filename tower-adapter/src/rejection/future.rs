use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use tower::{Service, util::Oneshot};

use super::{Problem, RejectionBody};

pin_project! {
    /// The future of [`Respond`](super::Respond).
    pub struct ResponseFuture<S, Q>
    where
        S: Service<Q>,
    {
        #[pin]
        call: Oneshot<S, Q>,
    }
}

impl<S: Service<Q>, Q> ResponseFuture<S, Q> {
    pub(super) fn new(inner: S, request: Q) -> Self {
        Self { call: Oneshot::new(inner, request) }
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
        Poll::Ready(Ok(match ready!(self.project().call.poll(cx)) {
            Ok(response) => response.map(RejectionBody::inner),
            Err(error) => error.into().into_response(),
        }))
    }
}

impl<S: Service<Q>, Q> fmt::Debug for ResponseFuture<S, Q> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
