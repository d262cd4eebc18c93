use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use http_body::Body;
use tower::Service;

use super::{
    ReportBody, ResponseFuture, answer,
    meter::{Meter, Presence},
};

/// The service of [`ReportLayer`](super::ReportLayer).
#[derive(Clone, Debug)]
pub struct Report<S> {
    inner: S,
    path: Arc<str>,
    meter: Arc<Meter>,
}

impl<S> Report<S> {
    pub(super) const fn new(inner: S, path: Arc<str>, meter: Arc<Meter>) -> Self {
        Self { inner, path, meter }
    }

    fn answer<B>(&self) -> Response<ReportBody<B>> {
        let document = Bytes::from(answer::write(&self.meter.report()));
        let mut response = Response::new(ReportBody::answer(document));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

impl<S, B, R> Service<Request<B>> for Report<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body,
    R::Data: From<Bytes>,
{
    type Response = Response<ReportBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if request.method() == Method::GET && request.uri().path() == &*self.path {
            return ResponseFuture::ready(self.answer());
        }
        let presence = Presence::begin(&self.meter);
        ResponseFuture::serving(self.inner.call(request), presence)
    }
}
