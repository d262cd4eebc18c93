use std::{
    fmt,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use http::{Request, Response, Uri};
use opentelemetry::{
    KeyValue,
    global::BoxedTracer,
    propagation::TextMapPropagator,
    trace::{SpanBuilder, SpanKind, TraceContextExt, Tracer},
};
use opentelemetry_http::HeaderInjector;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tower::{Layer, Service};

use super::{future::ResponseFuture, names, server::InSpan};
use crate::balance::PickedEndpoint;

/// Makes a span of each attempt, from its way to the endpoint to its answer's head, and tells the endpoint of it by `traceparent` and `tracestate`. Stands within [`BalanceLayer`](crate::balance::BalanceLayer), of requests in a span of
/// [`ServerSpanLayer`](super::ServerSpanLayer); the others it leaves as they are.
#[derive(Clone)]
pub struct AttemptSpanLayer {
    tracer: Option<Arc<BoxedTracer>>,
}

impl AttemptSpanLayer {
    /// Spans of this tracer.
    #[must_use]
    pub fn new(tracer: BoxedTracer) -> Self {
        Self { tracer: Some(Arc::new(tracer)) }
    }

    /// No spans.
    #[must_use]
    pub const fn off() -> Self {
        Self { tracer: None }
    }
}

impl<S> Layer<S> for AttemptSpanLayer {
    type Service = AttemptSpan<S>;

    fn layer(&self, inner: S) -> AttemptSpan<S> {
        AttemptSpan { inner, tracer: self.tracer.clone() }
    }
}

impl fmt::Debug for AttemptSpanLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttemptSpanLayer").field("is_on", &self.tracer.is_some()).finish()
    }
}

/// The service of [`AttemptSpanLayer`].
#[derive(Clone)]
pub struct AttemptSpan<S> {
    inner: S,
    tracer: Option<Arc<BoxedTracer>>,
}

impl<S, B, R> Service<Request<B>> for AttemptSpan<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let around = request.extensions().get::<InSpan>().cloned();
        let (Some(tracer), Some(InSpan(around))) = (&self.tracer, around) else {
            return ResponseFuture::new(self.inner.call(request), None);
        };
        let context = around.with_span(tracer.build_with_context(begun(&request), &around));
        TraceContextPropagator::new().inject_context(&context, &mut HeaderInjector(request.headers_mut()));
        ResponseFuture::new(self.inner.call(request), Some(context))
    }
}

impl<S: fmt::Debug> fmt::Debug for AttemptSpan<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AttemptSpan").field("inner", &self.inner).finish_non_exhaustive()
    }
}

fn begun<B>(request: &Request<B>) -> SpanBuilder {
    let method = names::method(request.method());
    let mut attributes = vec![KeyValue::new(names::METHOD, method)];
    if let Some(picked) = request.extensions().get::<PickedEndpoint>() {
        attributes.push(KeyValue::new(names::POOL, picked.pool().to_owned()));
        let uri = picked.address().parse::<Uri>().unwrap_or_default();
        attributes.extend(uri.host().map(|host| KeyValue::new(names::SERVER, host.to_owned())));
        attributes.extend(uri.port_u16().map(|port| KeyValue::new(names::SERVER_PORT, i64::from(port))));
    }
    let name = if method == "_OTHER" { "HTTP" } else { method };
    SpanBuilder::from_name(name).with_kind(SpanKind::Client).with_attributes(attributes)
}
