use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::{LogBody, line::Line};

pin_project! {
    /// The future of [`Logged`](super::Logged). Dropped before its answer, the request was given up, and that is told.
    pub struct ResponseFuture<F> {
        #[pin]
        call: F,
        line: Option<Box<Line>>,
    }
}

impl<F> ResponseFuture<F> {
    pub(super) const fn new(call: F, line: Option<Box<Line>>) -> Self {
        Self { call, line }
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: Body,
{
    type Output = Result<Response<LogBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.call.poll(cx));
        let mut line = this.line.take();
        Poll::Ready(match result {
            Ok(response) => {
                if let Some(line) = &mut line {
                    line.answered(&response);
                }
                Ok(response.map(|body| LogBody::new(body, line)))
            }
            Err(error) => {
                line.iter_mut().for_each(|line| line.failed());
                Err(error)
            }
        })
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("line", &self.line).finish_non_exhaustive()
    }
}
