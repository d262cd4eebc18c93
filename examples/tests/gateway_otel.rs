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
    config::{Document, Settings},
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

/// A gateway whose document says so of traces.
async fn gateway(otel: &str, upstream: SocketAddr) -> (SocketAddr, Settings, Balancer, TcpListener) {
    let text = format!(
        "[pools.api]\nendpoints = [\"http://{upstream}\"]\n[tenants.acme]\n[gateway]\notel = {otel}\n"
    );
    let Document { balancer, settings, .. } = Document::from_text(&text, Format::Toml).unwrap();
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    (socket.local_addr().unwrap(), settings, Balancer::new(balancer).unwrap(), socket)
}

/// One request that names a trace.
async fn ask(gateway: SocketAddr) {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    let head = "GET /orders?key=secret HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\nx-tenant: acme\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

fn spans(exported: &Seen) -> Vec<Span> {
    let exported = exported.lock().unwrap();
    assert!(exported.iter().any(|(path, ..)| path == "/v1/metrics"), "{exported:?}");
    let traces = exported.iter().filter(|(path, ..)| path == "/v1/traces");
    let resources =
        traces.flat_map(|(.., body)| ExportTraceServiceRequest::decode(body.clone()).unwrap().resource_spans);
    let scopes = resources.flat_map(|resource| resource.scope_spans);
    scopes.flat_map(|scope| scope.spans).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The request's span and its attempt's, of which the endpoint was told.
fn one_trace(spans: &[Span], server: &Span, told: &HeaderMap) {
    let attempt = spans.iter().find(|span| span.kind == 3 && span.parent_span_id == server.span_id).unwrap();
    let named = format!("00-{}-{}-01", hex(&server.trace_id), hex(&attempt.span_id));
    assert_eq!(told["traceparent"], named);
}

/// Both in one test: sending starts once in a process.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_is_one_trace_and_only_trusted_hops_say_which() {
    let ((upstream, asked), (collector, exported)) = (server().await, server().await);
    let otel = |trust: &str| format!("{{ endpoint = \"http://{collector}\"{trust} }}");
    let mut sending = None;
    for trust in ["", ", trusted = []"] {
        let (address, settings, balancer, socket) = gateway(&otel(trust), upstream).await;
        if sending.is_none() {
            sending = Some(settings.otel().unwrap().start(&balancer).unwrap());
        }
        let router = Router::new(&balancer, &settings, None);
        let listener = Listener::new(socket, Live::new(&settings, router));
        tokio::spawn(listener.serve(future::pending(), Duration::ZERO));
        ask(address).await;
    }
    sending.unwrap().stop().await;

    let (spans, asked) = (spans(&exported), asked.lock().unwrap());
    let servers: Vec<_> = spans.iter().filter(|span| span.kind == 2).collect();
    let [trusted, stranger] = servers[..] else { unreachable!("one for each request: {spans:#?}") };
    assert_eq!(trusted.name, "GET /");
    assert_eq!(hex(&trusted.trace_id), NAMED, "this machine is trusted");
    assert!(trusted.links.is_empty());
    assert_ne!(hex(&stranger.trace_id), NAMED);
    assert_eq!(hex(&stranger.links[0].trace_id), NAMED);
    one_trace(&spans, trusted, &asked[0].1);
    one_trace(&spans, stranger, &asked[1].1);
    assert!(!format!("{spans:?}").contains("secret"));
}

const NAMED: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

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
