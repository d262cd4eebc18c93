//! The gateway's spans, as a collector gets them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

use std::{
    convert::Infallible,
    future,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use gateway_parts::{
    config::Document,
    listener::{Listener, Live},
    route::Router,
};
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::{collector::trace::v1::ExportTraceServiceRequest, trace::v1::Span};
use prost::Message;
use tenantry::{Balancer, Format};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

type Seen = Arc<Mutex<Vec<(String, HeaderMap, Bytes)>>>;

/// Answers everything with 200, and keeps it, as long as its test runs.
async fn server() -> (SocketAddr, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, seen) = (listener.local_addr().unwrap(), Seen::default());
    let kept = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let kept = Arc::clone(&kept);
            let service = service_fn(move |request: Request<Incoming>| {
                let kept = Arc::clone(&kept);
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.unwrap().to_bytes();
                    kept.lock().unwrap().push((head.uri.path().to_owned(), head.headers, body));
                    Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
                }
            });
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    (address, seen)
}

/// One request that names a trace, through a gateway whose document says so of traces: the spans, and what the endpoint was told.
async fn trace(trust: &str) -> (Vec<Span>, HeaderMap) {
    let ((upstream, asked), (collector, exported)) = (server().await, server().await);
    let text = format!(
        "[pools.api]\nendpoints = [\"http://{upstream}\"]\n[tenants.acme]\n[gateway]\notel = {{ endpoint = \"http://{collector}\"{trust} }}\n"
    );
    let Document { balancer, settings, .. } = Document::from_text(&text, Format::Toml).unwrap();
    let balancer = Balancer::new(balancer).unwrap();
    let sending = settings.otel().unwrap().start(&balancer).unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = socket.local_addr().unwrap();
    let router = Router::new(&balancer, &settings, None);
    let listener = Listener::new(socket, Live::new(&settings, router));
    tokio::spawn(listener.serve(future::pending(), Duration::ZERO));

    let mut stream = TcpStream::connect(gateway).await.unwrap();
    let head = "GET /orders?key=secret HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\nx-tenant: acme\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    sending.stop().await;

    let exported = exported.lock().unwrap();
    assert!(exported.iter().any(|(path, ..)| path == "/v1/metrics"), "{exported:?}");
    let traces = exported.iter().filter(|(path, ..)| path == "/v1/traces");
    let resources =
        traces.flat_map(|(.., body)| ExportTraceServiceRequest::decode(body.clone()).unwrap().resource_spans);
    let scopes = resources.flat_map(|resource| resource.scope_spans);
    (scopes.flat_map(|scope| scope.spans).collect(), asked.lock().unwrap()[0].1.clone())
}

fn of_kind(spans: &[Span], kind: i32) -> &Span {
    spans.iter().find(|span| span.kind == kind).unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_through_the_gateway_is_one_trace() {
    let (spans, asked) = trace("").await;
    let (server, attempt) = (of_kind(&spans, 2), of_kind(&spans, 3));
    assert_eq!(server.name, "GET /");
    assert_eq!(attempt.parent_span_id, server.span_id);
    assert_eq!(hex(&server.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736", "this machine is trusted");
    let told = format!("00-{}-{}-01", hex(&attempt.trace_id), hex(&attempt.span_id));
    assert_eq!(asked["traceparent"], told);
    assert!(!format!("{spans:?}").contains("secret"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_trusts_nobody_begins_traces_of_its_own() {
    let (spans, asked) = trace(", trusted = []").await;
    let (server, attempt) = (of_kind(&spans, 2), of_kind(&spans, 3));
    assert_ne!(hex(&server.trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(hex(&server.links[0].trace_id), "4bf92f3577b34da6a3ce929d0e0e4736");
    let told = format!("00-{}-{}-01", hex(&server.trace_id), hex(&attempt.span_id));
    assert_eq!(asked["traceparent"], told);
}

#[test]
fn what_cannot_be_used_is_told_by_path() {
    for (table, path) in [
        ("{ endpoint = \"collector\" }", "gateway.otel.endpoint"),
        ("{ endpoint = \"http://user:secret@127.0.0.1:9\" }", "gateway.otel.endpoint"),
        ("{ endpoint = \"http://127.0.0.1:9\", sample = 2.0 }", "gateway.otel.sample"),
        ("{ endpoint = \"http://127.0.0.1:9\", trusted = [\"::1\", \"lb\"] }", "gateway.otel.trusted[1]"),
    ] {
        let text = format!("[pools.api]\nendpoints = [\"http://a:1\"]\n[gateway]\notel = {table}\n");
        let problem = Document::from_text(&text, Format::Toml).unwrap_err().to_string();
        assert!(problem.starts_with(path) && !problem.contains("secret"), "{problem}");
    }
}
