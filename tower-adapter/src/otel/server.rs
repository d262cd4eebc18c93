use std::{
    fmt,
    sync::Arc,
    task::{Context as TaskContext, Poll},
};

use http::{Method, Request};
use opentelemetry::{
    Context, KeyValue,
    global::BoxedTracer,
    metrics::{Histogram, Meter},
    propagation::TextMapPropagator,
    trace::{Link, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, Tracer},
};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tower::{Layer, Service};

use super::names;
use crate::{
    identity::Networks,
    log::{Record, Summary, short_path, short_tenant},
    proxy::{Peer, without_credential},
};

/// Makes a span of each request, from its arrival to the last byte of its answer. Stands within [`LogLayer`](crate::log::LogLayer), which tells it of the end, and around everything else; what is in a span, and whose trace it goes on with: [the module](super).
#[derive(Clone)]
pub struct ServerSpanLayer {
    tracer: Option<Arc<BoxedTracer>>,
    duration: Option<Histogram<f64>>,
    hops: Arc<Networks>,
}

impl ServerSpanLayer {
    /// Spans of this tracer.
    #[must_use]
    pub fn new(tracer: BoxedTracer) -> Self {
        Self { tracer: Some(Arc::new(tracer)), ..Self::off() }
    }

    /// No spans: for stacks whose type is to be the same with and without them.
    #[must_use]
    pub fn off() -> Self {
        Self { tracer: None, duration: None, hops: Arc::default() }
    }

    /// Whose word on traces counts: a request of a peer in these networks goes on with the trace that it names, and is recorded where that is. Default: nobody's.
    #[must_use]
    pub fn with_trusted_hops(mut self, hops: Networks) -> Self {
        self.hops = Arc::new(hops);
        self
    }

    /// Requests are timed, too: `http.server.request.duration`, in seconds. Default: they are not.
    #[must_use]
    pub fn with_meter(mut self, meter: &Meter) -> Self {
        let histogram = meter.f64_histogram("http.server.request.duration").with_unit("s");
        self.duration = Some(histogram.with_boundaries(BOUNDARIES.to_vec()).build());
        self
    }
}

impl<S> Layer<S> for ServerSpanLayer {
    type Service = ServerSpan<S>;

    fn layer(&self, inner: S) -> ServerSpan<S> {
        ServerSpan { inner, layer: self.clone() }
    }
}

impl fmt::Debug for ServerSpanLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerSpanLayer").field("is_on", &self.tracer.is_some()).finish_non_exhaustive()
    }
}

/// The service of [`ServerSpanLayer`].
#[derive(Clone, Debug)]
pub struct ServerSpan<S> {
    inner: S,
    layer: ServerSpanLayer,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for ServerSpan<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        let record = request.extensions().get::<Record>().cloned();
        if let (Some(tracer), Some(record)) = (&self.layer.tracer, record) {
            let context = self.layer.context(tracer, &request);
            record.note_trace(context.span().span_context().trace_id().to_string());
            let (span, method) = (context.clone(), names::method(request.method()));
            let duration = self.layer.duration.clone();
            record.on_end(move |summary| end(&span, duration.as_ref(), method, summary));
            request.extensions_mut().insert(InSpan(context));
        }
        self.inner.call(request)
    }
}

impl ServerSpanLayer {
    /// With a span of this request in the trace that it names, where its peer may say so. Else it begins a trace, whose number nobody chose and whose recording nobody asked for, with a link to what
    /// the request names.
    fn context<B>(&self, tracer: &BoxedTracer, request: &Request<B>) -> Context {
        let named = TraceContextPropagator::new()
            .extract_with_context(&Context::new(), &HeaderExtractor(request.headers()));
        let peer = request.extensions().get::<Peer>();
        let is_trusted = peer.is_some_and(|peer| self.hops.contains(peer.address().ip()));
        let (parent, links) = if is_trusted {
            (named, vec![])
        } else {
            let named = Some(named.span().span_context().clone()).filter(SpanContext::is_valid);
            (Context::new(), named.into_iter().map(Link::with_context).collect())
        };
        let span = tracer.build_with_context(begun(request).with_links(links), &parent);
        parent.with_span(span)
    }
}

/// The span that a request is in.
#[derive(Clone)]
pub(super) struct InSpan(pub(super) Context);

fn begun<B>(request: &Request<B>) -> SpanBuilder {
    let peer = request.extensions().get::<Peer>();
    let scheme = peer.map_or("http", |peer| peer.scheme().as_str()).to_owned();
    let client = peer.map(|peer| peer.address().ip().to_canonical().to_string());
    let mut attributes = vec![
        KeyValue::new(names::METHOD, names::method(request.method())),
        KeyValue::new(names::PATH, short_path(request.uri())),
        KeyValue::new(names::SCHEME, scheme),
        KeyValue::new(names::PROTOCOL_VERSION, names::protocol_version(request.version())),
    ];
    attributes.extend(client.map(|client| KeyValue::new(names::CLIENT, client)));
    SpanBuilder::from_name(name(request.method())).with_kind(SpanKind::Server).with_attributes(attributes)
}

/// What the conventions say where there is no route, or none yet.
fn name(method: &Method) -> &'static str {
    match names::method(method) {
        "_OTHER" => "HTTP",
        known => known,
    }
}

fn end(context: &Context, duration: Option<&Histogram<f64>>, method: &'static str, summary: &Summary<'_>) {
    let (span, facts) = (context.span(), &summary.facts);
    let mut told = vec![KeyValue::new(names::OUTCOME, summary.outcome.to_owned())];
    if let Some(route) = &facts.route {
        told.push(KeyValue::new(names::ROUTE, route.path().to_owned()));
        let name = if method == "_OTHER" { "HTTP" } else { method };
        span.update_name(format!("{name} {}", route.path()));
    }
    if let Some(picked) = &facts.picked {
        told.push(KeyValue::new(names::POOL, picked.pool().to_owned()));
    }
    if let Some(status) = summary.status {
        told.push(KeyValue::new(names::STATUS, i64::from(status.as_u16())));
    }
    let is_error = matches!(summary.outcome, "failed" | "aborted");
    if is_error {
        // gRPC fails by a 200.
        let status = summary.status.filter(|status| summary.outcome == "failed" && status.is_server_error());
        let error = status.map_or_else(|| summary.outcome.to_owned(), |status| status.as_str().to_owned());
        told.push(KeyValue::new(names::ERROR, error));
        span.set_status(Status::error(""));
    }
    if let Some(histogram) = duration {
        let labels: Vec<KeyValue> =
            told.iter().cloned().chain([KeyValue::new(names::METHOD, method)]).collect();
        histogram.record(summary.duration.as_secs_f64(), &labels);
    }
    told.push(KeyValue::new(names::ATTEMPTS, i64::from(facts.attempts)));
    if let Some(status) = summary.grpc_status {
        told.push(KeyValue::new(names::GRPC_STATUS, i64::from(status)));
    }
    if let Some(tenant) = &facts.tenant {
        told.push(KeyValue::new(names::TENANT, short_tenant(tenant.as_str()).to_owned()));
    }
    if let Some(picked) = &facts.picked {
        told.push(KeyValue::new(names::ENDPOINT, without_credential(picked.address()).to_owned()));
    }
    if let Some(wait) = facts.wait {
        told.push(KeyValue::new(names::WAIT_MS, wait.as_secs_f64() * 1e3));
    }
    if let Some(reason) = summary.reason {
        told.push(KeyValue::new(names::REASON, reason));
    }
    span.set_attributes(told);
    span.end();
}

/// The conventions' own, in seconds.
const BOUNDARIES: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
