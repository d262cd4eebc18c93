use std::{
    fmt,
    pin::Pin,
    task::{Context as TaskContext, Poll, ready},
};

use http::Response;
use opentelemetry::{
    Context, KeyValue,
    trace::{Status, TraceContextExt},
};
use pin_project_lite::pin_project;

use super::names;

pin_project! {
    /// The future of [`AttemptSpan`](super::AttemptSpan). Dropped before its answer, its span ends as given up.
    pub struct ResponseFuture<F> {
        #[pin]
        call: F,
        span: OpenSpan,
    }
}

/// Ends once.
struct OpenSpan(Option<Context>);

impl<F> ResponseFuture<F> {
    pub(super) const fn new(call: F, span: Option<Context>) -> Self {
        Self { call, span: OpenSpan(span) }
    }
}

impl<F, R, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.call.poll(cx));
        match &result {
            Ok(response) => {
                let status = response.status();
                let error = (status.as_u16() >= 400).then(|| status.as_str().to_owned());
                this.span.end(Some(KeyValue::new(names::STATUS, i64::from(status.as_u16()))), error);
            }
            Err(_) => this.span.end(None, Some("connection".to_owned())),
        }
        Poll::Ready(result)
    }
}

impl OpenSpan {
    fn end(&mut self, status: Option<KeyValue>, error: Option<String>) {
        let Some(context) = self.0.take() else { return };
        let span = context.span();
        span.set_attributes(status);
        if let Some(error) = error {
            span.set_attribute(KeyValue::new(names::ERROR, error));
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

impl Drop for OpenSpan {
    fn drop(&mut self) {
        self.end(None, Some("cancelled".to_owned()));
    }
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
