use std::task::{Context, Poll};

use http::{Request, Response};
use tower::Service;

use super::{CountedBody, LogBody, ResponseFuture, Sampling, line::Line, record::Record};

/// The service of [`LogLayer`](super::LogLayer).
#[derive(Clone, Debug)]
pub struct Logged<S> {
    inner: S,
    sampling: Option<Sampling>,
}

impl<S> Logged<S> {
    pub(super) const fn new(inner: S, sampling: Option<Sampling>) -> Self {
        Self { inner, sampling }
    }
}

impl<S, B, R> Service<Request<B>> for Logged<S>
where
    S: Service<Request<CountedBody<B>>, Response = Response<R>>,
    R: http_body::Body,
{
    type Response = Response<LogBody<R>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Some(sampling) = self.sampling.clone() else {
            let request = request.map(|body| CountedBody::new(body, None));
            return ResponseFuture::new(self.inner.call(request), None);
        };
        let (mut head, body) = request.into_parts();
        let record = Record::new();
        let line = Box::new(Line::new(record.clone(), sampling, &head));
        head.extensions.insert(record.clone());
        let request = Request::from_parts(head, CountedBody::new(body, Some(record)));
        ResponseFuture::new(self.inner.call(request), Some(line))
    }
}
