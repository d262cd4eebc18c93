use std::{
    convert::Infallible,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower::Service;

use super::{Problem, RejectionBody, ResponseFuture, future::Form};
use crate::grpc;

/// The service of [`RejectionLayer`](super::RejectionLayer).
#[derive(Clone, Debug)]
pub struct Respond<S> {
    inner: S,
    long_wait: Option<Duration>,
}

impl<S> Respond<S> {
    pub(super) const fn new(inner: S, long_wait: Option<Duration>) -> Self {
        Self { inner, long_wait }
    }
}

impl<S, B, R> Service<Request<B>> for Respond<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    S::Error: Into<Problem>,
    R: Body,
    R::Data: From<Bytes>,
{
    type Response = Response<RejectionBody<R>>;
    type Error = Infallible;
    type Future = ResponseFuture<S, Request<B>>;

    /// Always ready: an inner service that fails to become ready shall be answered for like one that fails a call, so
    /// both happen in the future.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let form = Form { is_grpc: grpc::is_grpc(request.headers()), long_wait: self.long_wait };
        ResponseFuture::new(self.inner.clone(), request, form)
    }
}
