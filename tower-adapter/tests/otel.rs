//! Spans and metrics, as a collector gets them.

#![cfg(feature = "otel")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

use std::{
    convert::Infallible,
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn as hyper_service};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::{Metric, metric::Data},
    trace::v1::Span,
};
use prost::Message;
use tenantry::{Balancer, Config, PoolSpec, Rate, TenantSpec};
use tenantry_tower::{
    balance::BalanceLayer,
    identity::Networks,
    log::{LogLayer, NoteLayer, Sampling},
    otel::{AttemptSpanLayer, Otlp, OtlpError, ServerSpanLayer, Telemetry, observe},
    proxy::Peer,
    rejection::RejectionLayer,
    retry::{RetryLayer, RetryPolicy},
    tenant::TenantLayer,
};
use tokio::net::TcpListener;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

/// Takes what comes, as long as its test runs.
#[derive(Clone, Default)]
struct Collector {
    spans: Arc<Mutex<Vec<Span>>>,
    metrics: Arc<Mutex<Vec<Metric>>>,
    services: Arc<Mutex<Vec<String>>>,
}

impl Collector {
    async fn start() -> (Self, String) {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = collector.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let collector = serving.clone();
                let service = hyper_service(move |request| collector.clone().take(request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        (collector, format!("http://{address}"))
    }

    async fn take(self, request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, Infallible> {
        assert_eq!(request.headers()["content-type"], "application/x-protobuf");
        let path = request.uri().path().to_owned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        match &*path {
            "/v1/traces" => {
                for spans in ExportTraceServiceRequest::decode(body).unwrap().resource_spans {
                    let name = text(&spans.resource.unwrap().attributes, "service.name").unwrap();
                    self.services.lock().unwrap().push(name);
                    let spans = spans.scope_spans.into_iter().flat_map(|scope| scope.spans);
                    self.spans.lock().unwrap().extend(spans);
                }
            }
            "/v1/metrics" => {
                let metrics = ExportMetricsServiceRequest::decode(body).unwrap().resource_metrics;
                let scopes = metrics.into_iter().flat_map(|resource| resource.scope_metrics);
                self.metrics.lock().unwrap().extend(scopes.flat_map(|scope| scope.metrics));
            }
            _ => return Ok(answer(StatusCode::NOT_FOUND)),
        }
        Ok(answer(StatusCode::OK))
    }

    fn span(&self, name: &str) -> Span {
        let spans = self.spans.lock().unwrap();
        spans
            .iter()
            .find(|span| span.name == name)
            .unwrap_or_else(|| unreachable!("{name}: {spans:#?}"))
            .clone()
    }
}

fn answer(status: StatusCode) -> Response<Empty<Bytes>> {
    let mut response = Response::new(Empty::new());
    *response.status_mut() = status;
    response
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    attributes.iter().find(|attribute| attribute.key == key)?.value.as_ref()?.value.as_ref()
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    match value(attributes, key)? {
        Value::StringValue(text) => Some(text.clone()),
        _ => None,
    }
}

fn number(attributes: &[KeyValue], key: &str) -> Option<i64> {
    match value(attributes, key)? {
        Value::IntValue(number) => Some(*number),
        _ => None,
    }
}

type Heads = Arc<Mutex<Vec<http::HeaderMap>>>;

fn balancer() -> Balancer {
    let config = Config::new()
        .with_pool("api", PoolSpec::new(["http://10.0.0.1:8080", "http://10.0.0.2:8080"]))
        .with_tenant("acme", TenantSpec::new())
        .with_tenant("slow", TenantSpec::new().with_rate(Rate::requests(1, Duration::from_secs(86_400))));
    Balancer::new(config).unwrap()
}

/// A stack before an endpoint that fails so many times, and notes what it is sent.
fn stack(
    telemetry: Telemetry,
    balancer: Balancer,
    failures: usize,
) -> (
    impl Service<Request<Full<Bytes>>, Response = Response<impl http_body::Body>, Error = Infallible> + Clone,
    Heads,
) {
    let heads = Heads::default();
    let seen = Arc::clone(&heads);
    let endpoint = service_fn(move |request: Request<_>| {
        let mut seen = seen.lock().unwrap();
        seen.push(request.headers().clone());
        let status = if seen.len() <= failures { 503 } else { 200 };
        let answer = Response::builder().status(status).body(Full::new(Bytes::from("hello"))).unwrap();
        async move {
            drop::<Request<tenantry_tower::replay::ReplayBody<_>>>(request);
            Ok::<_, Infallible>(answer)
        }
    });
    let service = ServiceBuilder::new()
        .layer(LogLayer::new(Sampling::all()))
        .layer(
            ServerSpanLayer::new(telemetry.tracer())
                .with_meter(&telemetry.meter())
                .with_trusted_hops(Networks::parse(["10.0.0.0/8"]).unwrap()),
        )
        .layer(RejectionLayer::new())
        .layer(TenantLayer::header("x-tenant"))
        .layer(NoteLayer::new())
        .layer(RetryLayer::new(RetryPolicy::new()))
        .layer(BalanceLayer::new(balancer))
        .layer(NoteLayer::new())
        .layer(AttemptSpanLayer::new(telemetry.tracer()))
        .service(endpoint);
    (service, heads)
}

async fn ask<S, B>(service: &S, request: http::request::Builder) -> u16
where
    S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible> + Clone,
    B: http_body::Body,
{
    let response = service.clone().oneshot(request.body(Full::default()).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    assert!(response.into_body().collect().await.is_ok());
    status
}

fn peer(address: &str) -> Peer {
    Peer::new(address.parse().unwrap())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[tokio::test]
async fn a_request_is_a_span_with_one_within_for_each_attempt_and_goes_on_with_its_trace() {
    let (collector, url) = Collector::start().await;
    let telemetry = Otlp::new(url).with_service("shop").start().unwrap();
    let (service, heads) = stack(telemetry.clone(), balancer(), 1);
    let request = Request::get("/orders?key=secret").header("x-tenant", "acme").header("cookie", "secret");
    let request = request.header("traceparent", PARENT).header("tracestate", "vendor=1");
    assert_eq!(ask(&service, request.extension(peer("10.0.0.7:4711"))).await, 200);
    telemetry.stop().await;

    let spans = collector.spans.lock().unwrap().clone();
    assert_eq!(spans.len(), 3, "{spans:#?}");
    let (server, attempts): (Vec<_>, Vec<_>) = spans.into_iter().partition(|span| span.kind == 2);
    let server = &server[0];
    assert_eq!(hex(&server.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(hex(&server.parent_span_id), "00f067aa0ba902b7");
    for (key, expected) in [
        ("http.request.method", "GET"),
        ("url.path", "/orders"),
        ("tenantry.tenant", "acme"),
        ("tenantry.pool", "api"),
        ("tenantry.outcome", "served"),
    ] {
        assert_eq!(text(&server.attributes, key).as_deref(), Some(expected), "{key}: {server:#?}");
    }
    assert_eq!(number(&server.attributes, "http.response.status_code"), Some(200));
    assert_eq!(number(&server.attributes, "tenantry.attempts"), Some(2));
    assert!(text(&server.attributes, "tenantry.endpoint").unwrap().starts_with("http://10.0.0."));
    assert!(matches!(value(&server.attributes, "tenantry.wait_ms"), Some(Value::DoubleValue(_))));

    let statuses: Vec<_> =
        attempts.iter().map(|span| number(&span.attributes, "http.response.status_code").unwrap()).collect();
    assert_eq!(statuses, [503, 200]);
    assert_eq!(text(&attempts[0].attributes, "error.type").as_deref(), Some("503"));
    let heads = heads.lock().unwrap();
    for (attempt, head) in attempts.iter().zip(heads.iter()) {
        assert_eq!((attempt.kind, &attempt.parent_span_id), (3, &server.span_id));
        assert_eq!(attempt.trace_id, server.trace_id);
        let told = format!("00-{}-{}-01", hex(&attempt.trace_id), hex(&attempt.span_id));
        assert_eq!(head["traceparent"], told);
        assert_eq!(head["tracestate"], "vendor=1");
    }
    assert_eq!(collector.services.lock().unwrap()[0], "shop");
    assert!(!format!("{:?}", collector.spans.lock().unwrap()).contains("secret"));
}

#[tokio::test]
async fn nobody_but_a_trusted_hop_switches_recording_on() {
    let (collector, url) = Collector::start().await;
    // Nothing that begins here is recorded.
    let telemetry = Otlp::new(url).with_sample(0.0).start().unwrap();
    let (service, heads) = stack(telemetry.clone(), balancer(), 0);
    // A ratio goes by a trace's number: one of zeros, or of the highest digits, is in any of them.
    for parent in [PARENT, "00-00000000000000010000000000000000-00f067aa0ba902b7-01"] {
        for stranger in [None, Some(peer("192.0.2.1:4711"))] {
            let request = Request::get("/strange").header("x-tenant", "acme").header("traceparent", parent);
            let request = stranger.into_iter().fold(request, http::request::Builder::extension);
            assert_eq!(ask(&service, request).await, 200);
        }
    }
    let request = Request::get("/trusted").header("x-tenant", "acme").header("traceparent", PARENT);
    assert_eq!(ask(&service, request.extension(peer("10.0.0.7:4711"))).await, 200);
    telemetry.stop().await;
    let spans = collector.spans.lock().unwrap().clone();
    let paths: Vec<_> = spans.iter().filter_map(|span| text(&span.attributes, "url.path")).collect();
    assert_eq!(paths, ["/trusted"]);
    let told: Vec<String> =
        heads.lock().unwrap().iter().map(|head| head["traceparent"].to_str().unwrap().to_owned()).collect();
    for strange in &told[..4] {
        assert!(strange.ends_with("-00"), "it is not recorded: {strange}");
        assert!(!strange.contains("4bf92f3577b34da6") && !strange.contains("0000000000000001"), "{strange}");
    }
    assert!(told[4].starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && told[4].ends_with("-01"));
}

#[tokio::test]
async fn what_a_stranger_names_is_a_link_and_what_it_writes_is_told_in_part() {
    let (collector, url) = Collector::start().await;
    let telemetry = Otlp::new(url).start().unwrap();
    let (service, _) = stack(telemetry.clone(), balancer(), 0);
    let path = format!("/{}", "a".repeat(20_000));
    let request = Request::get(path).header("x-tenant", "b".repeat(5_000)).header("traceparent", PARENT);
    let lines = Lines::default();
    let writer = lines.clone();
    let log = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
    let logging = tracing::subscriber::set_default(log);
    assert_eq!(ask(&service, request).await, 403);
    drop(logging);
    telemetry.stop().await;
    let span = collector.span("GET");
    let logged = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains(&format!("trace_id=\"{}\"", hex(&span.trace_id))), "the span's, too: {logged}");
    assert_ne!(hex(&span.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert!(span.parent_span_id.is_empty());
    let links: Vec<_> = span.links.iter().map(|link| (hex(&link.trace_id), hex(&link.span_id))).collect();
    assert_eq!(links, [("4bf92f3577b34da6a3ce929d0e0e4736".to_owned(), "00f067aa0ba902b7".to_owned())]);
    assert_eq!(text(&span.attributes, "url.path").unwrap().len(), 1_024);
    assert!(text(&span.attributes, "tenantry.tenant").is_none_or(|tenant| tenant.len() <= 255));
}

#[tokio::test]
async fn a_refused_request_says_why_and_a_failed_one_is_an_error() {
    let (collector, url) = Collector::start().await;
    let telemetry = Otlp::new(url).start().unwrap();
    let (service, _) = stack(telemetry.clone(), balancer(), usize::MAX);
    assert_eq!(ask(&service, Request::post("/failed").header("x-tenant", "acme")).await, 503);
    assert_eq!(ask(&service, Request::put("/first").header("x-tenant", "slow")).await, 503);
    assert_eq!(ask(&service, Request::delete("/second").header("x-tenant", "slow")).await, 429);
    telemetry.stop().await;
    let refused = collector.span("DELETE");
    assert!(refused.links.is_empty(), "it has named no trace");
    assert_eq!(text(&refused.attributes, "tenantry.reason").as_deref(), Some("RATE_LIMITED"));
    assert_eq!(text(&refused.attributes, "tenantry.outcome").as_deref(), Some("rejected"));
    assert_eq!(refused.status.unwrap().code, 0);
    let spans = collector.spans.lock().unwrap().clone();
    let failed = spans.iter().find(|span| span.kind == 2 && span.name == "POST").unwrap();
    assert_eq!(text(&failed.attributes, "error.type").as_deref(), Some("503"));
    assert_eq!(failed.status.as_ref().unwrap().code, 2);
}

#[tokio::test]
async fn a_request_that_is_given_up_ends_both_spans() {
    let (collector, url) = Collector::start().await;
    let telemetry = Otlp::new(url).start().unwrap();
    let never =
        service_fn(|_: Request<_>| std::future::pending::<Result<Response<Full<Bytes>>, Infallible>>());
    let service = ServiceBuilder::new()
        .layer(LogLayer::new(Sampling::all()))
        .layer(ServerSpanLayer::new(telemetry.tracer()))
        .layer(RejectionLayer::new())
        .layer(TenantLayer::header("x-tenant"))
        .layer(BalanceLayer::new(balancer()))
        .layer(AttemptSpanLayer::new(telemetry.tracer()))
        .service(never);
    let request = Request::get("/").header("x-tenant", "acme").body(Full::<Bytes>::default()).unwrap();
    let mut answer = Box::pin(service.oneshot(request));
    assert!(futures_util::poll!(&mut answer).is_pending());
    drop(answer);
    telemetry.stop().await;
    let spans = collector.spans.lock().unwrap().clone();
    let error =
        |kind: i32| text(&spans.iter().find(|span| span.kind == kind).unwrap().attributes, "error.type");
    assert_eq!((error(2).as_deref(), error(3).as_deref()), (Some("aborted"), Some("cancelled")));
}

#[tokio::test]
async fn the_collector_gets_durations_and_what_the_balancer_knows() {
    let (collector, url) = Collector::start().await;
    let telemetry = Otlp::new(url).start().unwrap();
    let balancer = balancer();
    observe(&telemetry.meter(), &balancer);
    let (service, _) = stack(telemetry.clone(), balancer, 0);
    assert_eq!(ask(&service, Request::get("/").header("x-tenant", "acme")).await, 200);
    telemetry.stop().await;
    let metrics = collector.metrics.lock().unwrap();
    let metric =
        |name: &str| metrics.iter().find(|metric| metric.name == name).expect(name).data.clone().unwrap();
    let Data::Histogram(durations) = metric("http.server.request.duration") else {
        unreachable!("a histogram")
    };
    let point = &durations.data_points[0];
    assert_eq!((point.count, number(&point.attributes, "http.response.status_code")), (1, Some(200)));
    assert_eq!(text(&point.attributes, "tenantry.pool").as_deref(), Some("api"));
    assert_eq!(text(&point.attributes, "tenantry.tenant"), None);
    for (name, points) in [
        ("tenantry.pool.in_flight", 1),
        ("tenantry.pool.waiting", 1),
        ("tenantry.pool.capacity", 1),
        ("tenantry.endpoint.in_flight", 2),
        ("tenantry.endpoint.healthy", 2),
    ] {
        let Data::Gauge(gauge) = metric(name) else { unreachable!("{name} is a gauge") };
        assert_eq!(gauge.data_points.len(), points, "{name}");
    }
}

#[tokio::test]
async fn without_spans_the_trace_goes_through_as_it_came() {
    let (url, heads) = (Collector::start().await.1, Heads::default());
    let telemetry = Otlp::new(url).start().unwrap();
    let seen = Arc::clone(&heads);
    let endpoint = service_fn(move |request: Request<()>| {
        seen.lock().unwrap().push(request.headers().clone());
        async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::default())) }
    });
    let request =
        |value| Request::get("/").header("traceparent", value).header("tracestate", "a=1").body(()).unwrap();
    // Off, or of requests in no span.
    let layers = [AttemptSpanLayer::off(), AttemptSpanLayer::new(telemetry.tracer())];
    for layer in layers {
        let service = ServiceBuilder::new().layer(layer).service(endpoint.clone());
        service.oneshot(request("anything at all")).await.unwrap();
    }
    telemetry.stop().await;
    let heads = heads.lock().unwrap();
    assert!(heads.iter().all(|head| head["traceparent"] == "anything at all" && head["tracestate"] == "a=1"));
    assert_eq!(heads.len(), 2);
}

#[tokio::test]
async fn a_collector_that_is_none_is_refused_and_one_that_is_away_harms_nobody() {
    for wrong in ["", "collector", "https://127.0.0.1:4318", "http://"] {
        assert!(matches!(Otlp::new(wrong).start(), Err(OtlpError::Endpoint)), "{wrong}");
    }
    let away = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let telemetry = Otlp::new(format!("http://{}", away.local_addr().unwrap())).start().unwrap();
    drop(away);
    let (service, _) = stack(telemetry.clone(), balancer(), 0);
    assert_eq!(ask(&service, Request::get("/").header("x-tenant", "acme")).await, 200);
    telemetry.stop().await;
}

#[tokio::test]
async fn a_grpc_answers_span_has_its_status() {
    let (collector, url) = Collector::start().await;
    let telemetry = Otlp::new(url).start().unwrap();
    let (service, _) = stack(telemetry.clone(), balancer(), 0);
    let call = Request::post("/").header("x-tenant", "nobody").header("content-type", "application/grpc");
    assert_eq!(ask(&service, call).await, 200);
    assert_eq!(ask(&service, Request::get("/").header("x-tenant", "acme")).await, 200);
    telemetry.stop().await;
    let status = |name| number(&collector.span(name).attributes, "rpc.grpc.status_code");
    assert_eq!((status("POST"), status("GET")), (Some(7), None));
}
