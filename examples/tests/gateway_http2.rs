//! HTTP/2 on both sides: by ALPN, by prior knowledge, and gRPC's trailers from end to end.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod inside;
mod pki;
#[allow(dead_code, reason = "each test program uses a part of it")]
mod raw_upstream;
mod tls_client;

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, Request, Response, Version};
use http_body::Body as HttpBody;
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    body::{Frame, Incoming},
    client::conn::http2::{self, SendRequest},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use pki::Authority;
use raw_upstream::answering;
use tenantry::Balancer;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

/// Answers with what it got: the version and host in headers, the body twice, and trailers as gRPC has them.
async fn echo(request: Request<Incoming>) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    let builder = Response::builder()
        .header("x-version", format!("{:?}", request.version()))
        .header("x-authority", request.uri().authority().map_or("", |authority| authority.as_str()))
        .header("x-te", request.headers().get("te").map_or("", |te| te.to_str().unwrap()))
        .header("x-forwarded", request.headers().get("x-forwarded-host").unwrap())
        .header("content-type", "application/grpc");
    let Ok(collected) = request.into_body().collect().await else {
        return Ok(builder.status(400).body(Full::default().boxed()).unwrap());
    };
    let from_client = collected.trailers().cloned().unwrap_or_default();
    let names: Vec<&str> = from_client.keys().map(http::HeaderName::as_str).collect();
    let builder = builder.header("x-trailers", names.join(","));
    let bytes = collected.to_bytes();
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().unwrap());
    trailers.insert("x-seen", from_client.len().to_string().parse().unwrap());
    let frames = [Frame::data(bytes.clone()), Frame::data(bytes), Frame::trailers(trailers)];
    let body = StreamBody::new(futures(frames));
    Ok(builder.body(BoxBody::new(body)).unwrap())
}

/// Frames, one after the other.
fn futures(frames: [Frame<Bytes>; 3]) -> impl futures_util::Stream<Item = Result<Frame<Bytes>, Infallible>> {
    futures_util::stream::iter(frames.map(Ok))
}

async fn upstream() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                server.serve_connection(TokioIo::new(stream), service_fn(echo)).await.ok()
            });
        }
    });
    url
}

async fn gateway(http2: bool, tls: &str) -> SocketAddr {
    before(&upstream().await, http2, tls).await.0
}

async fn before(url: &str, http2: bool, tls: &str) -> (SocketAddr, Balancer) {
    let document = format!(
        "[pools.api]\nendpoints = [{url:?}]\n[tenants.acme]\n[gateway.upstream.api]\nhttp2 = {http2}\n{tls}"
    );
    inside::gateway(&document).await
}

type Body = StreamBody<futures_util::stream::Iter<std::array::IntoIter<Result<Frame<Bytes>, Infallible>, 2>>>;

/// Speaks HTTP/2 without asking.
async fn http2<S, B>(stream: S) -> SendRequest<B>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    B: HttpBody<Data = Bytes, Error = Infallible> + Send + Unpin + 'static,
{
    let (client, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    client
}

fn call(path: &str) -> Request<Body> {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-checksum", "1".parse().unwrap());
    let frames = [Ok(Frame::data(Bytes::from("ping"))), Ok(Frame::trailers(trailers))];
    let request = Request::post(format!("http://api.test{path}")).header("x-tenant", "acme");
    let request = request.header("te", "trailers").header("content-type", "application/grpc");
    request.body(StreamBody::new(futures_util::stream::iter(frames))).unwrap()
}

async fn assert_served(client: &mut SendRequest<Body>, upstream_speaks: Version) {
    let response = client.send_request(call("/pkg.Service/Method")).await.unwrap();
    assert_eq!((response.status().as_u16(), response.version()), (200, Version::HTTP_2));
    let headers = response.headers().clone();
    assert_eq!(headers["x-version"], format!("{upstream_speaks:?}").as_str());
    assert_eq!(
        (&headers["x-te"], &headers["x-forwarded"]),
        (&"trailers".parse().unwrap(), &"api.test".parse().unwrap())
    );
    let collected = response.into_body().collect().await.unwrap();
    let trailers = collected.trailers().cloned().unwrap_or_default();
    assert_eq!(collected.to_bytes(), "pingping");
    if upstream_speaks == Version::HTTP_2 {
        assert_eq!(
            (&trailers["grpc-status"], &trailers["x-seen"]),
            (&"0".parse().unwrap(), &"1".parse().unwrap())
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpc_passes_from_end_to_end_with_its_trailers() {
    let gateway = gateway(true, "").await;
    let mut client = http2(TcpStream::connect(gateway).await.unwrap()).await;
    for _ in 0..3 {
        assert_served(&mut client, Version::HTTP_2).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http2_comes_in_by_alpn_and_goes_on_as_http11() {
    let authority = Authority::new("http2");
    authority.write("a", &authority.issue(&["a.test"]));
    let (certificate, key) = (authority.file("a.pem"), authority.file("a.key"));
    let tls = format!("[gateway.tls]\ncertificates = [{{ certificate = {certificate:?}, key = {key:?} }}]");
    let gateway = gateway(false, &tls).await;
    let stream =
        tls_client::connect(&tls_client::client(&authority, None, &["h2"]), gateway, "a.test").await.unwrap();
    assert_served(&mut http2(stream).await, Version::HTTP_11).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http11_goes_on_as_http2() {
    let gateway = gateway(true, "").await;
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    let request = "POST / HTTP/1.1\r\nhost: api.test\r\nx-tenant: acme\r\ncontent-length: 4\r\nconnection: close\r\n\r\nping";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("x-version: HTTP/2.0"), "{answer}");
    assert!(answer.contains("ping") && answer.contains("x-forwarded: api.test"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_that_are_too_large_are_refused_over_http2_and_the_connection_lives_on() {
    let gateway = gateway(true, "").await;
    let mut client = http2(TcpStream::connect(gateway).await.unwrap()).await;
    let mut large = call("/");
    large.headers_mut().insert("x-large", "a".repeat(40_000).parse().unwrap());
    let response = client.send_request(large).await.unwrap();
    // The listener tells of it, not h2: by gRPC's RESOURCE_EXHAUSTED.
    assert_eq!(response.headers()["grpc-status"], "8");
    assert_eq!(response.headers()["grpc-message"], "The request's header fields are too large");
    let mut many = call("/");
    for number in 0..101 {
        many.headers_mut().append("x-many", number.into());
    }
    assert_eq!(client.send_request(many).await.unwrap().headers()["grpc-status"], "8");
    let mut vast = call("/");
    vast.headers_mut().insert("x-vast", "a".repeat(100_000).parse().unwrap());
    if let Ok(response) = client.send_request(vast).await {
        assert_eq!(response.status(), 431);
    }
    assert_served(&mut client, Version::HTTP_2).await;
}

/// Whether a call is gRPC is its client's word, and a word must not hold a seat.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_endpoints_hear_no_grpc_nobody_may_pause_for_long_by_calling_it_that() {
    for hears_grpc in [true, false] {
        let limits = "[gateway.limits]\nbody_grace = \"500ms\"";
        let (gateway, balancer) = before(&upstream().await, hears_grpc, limits).await;
        assert_eq!(may_pause(gateway).await, hears_grpc);
        assert_eq!(balancer.stats().pool("api").unwrap().in_flight(), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_reach_an_endpoint_without_grpc_by_a_fallback_may_not_pause_either() {
    for hears_grpc in [true, false] {
        let document = format!(
            "[pools.api]\nendpoints = [{:?}]\nfallback = \"next\"\n[pools.next]\nendpoints = []\nfallback = \"last\"\n[pools.last]\nendpoints = [{:?}]
[tenants.acme]\n[gateway]\nroutes = [{{ path = \"/\", pool = \"api\" }}]\n[gateway.limits]\nbody_grace = \"500ms\"
[gateway.upstream]\napi.http2 = true\nnext.http2 = true\nlast.http2 = {hears_grpc}",
            upstream().await,
            upstream().await
        );
        let (gateway, _) = inside::gateway(&document).await;
        assert_eq!(may_pause(gateway).await, hears_grpc);
    }
}

/// Whether a call whose client pauses for longer than the grace gets its answer.
async fn may_pause(gateway: SocketAddr) -> bool {
    let mut client = http2(TcpStream::connect(gateway).await.unwrap()).await;
    let request = call("/").map(|_| {
        let frames = futures_util::stream::iter(["pi", "ng"]).then(|part| async move {
            sleep(Duration::from_secs(1)).await;
            Ok::<_, Infallible>(Frame::data(Bytes::from(part)))
        });
        StreamBody::new(Box::pin(frames))
    });
    let response = client.send_request(request).await.unwrap();
    let is_served = response.headers().contains_key("x-version");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body == "pingping", is_served, "{body:?}");
    is_served
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trailers_are_held_to_what_heads_are() {
    let (gateway, balancer) = before(&upstream().await, true, "").await;
    let mut client = http2(TcpStream::connect(gateway).await.unwrap()).await;
    let large = HeaderMap::from_iter([(LARGE, "a".repeat(40_000).parse().unwrap())]);
    let mut many = HeaderMap::new();
    for number in 0..101 {
        many.append(LARGE, number.into());
    }
    for trailers in [large, many] {
        let frames = [Ok(Frame::data(Bytes::from("ping"))), Ok(Frame::trailers(trailers))];
        let mut request = call("/").map(|_| StreamBody::new(futures_util::stream::iter(frames)));
        request.headers_mut().remove("content-type");
        let response = client.send_request(request).await.unwrap();
        assert_eq!(response.status(), 400);
        let document = response.into_body().collect().await.unwrap().to_bytes();
        assert!(String::from_utf8_lossy(&document).contains("CLIENT_GONE"), "as over HTTP/1.1: {document:?}");
    }
    assert_served(&mut client, Version::HTTP_2).await;
    let stats = balancer.stats();
    let pool = stats.pool("api").unwrap();
    assert_eq!((pool.in_flight(), pool.endpoints().iter().map(|one| one.failed()).sum()), (0, 0_u64));
}

/// What a client writes behind its body would be fields of its head to some endpoints, and hang or break the request at others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trailers_that_only_a_head_may_say_go_no_further_and_the_endpoint_is_not_blamed() {
    let (gateway, balancer) = before(&upstream().await, true, "").await;
    for name in [
        "content-length",
        "connection",
        "te",
        "upgrade",
        "keep-alive",
        "proxy-connection",
        "transfer-encoding",
        "x-tenant",
        "x_tenant",
        "authorization",
        "cookie",
        "host",
        "forwarded",
        "x-forwarded-for",
    ] {
        let mut stream = TcpStream::connect(gateway).await.unwrap();
        let head =
            "POST / HTTP/1.1\r\nhost: h\r\nx-tenant: acme\r\ntransfer-encoding: chunked\r\nconnection: close";
        let request = format!("{head}\r\n\r\n4\r\nping\r\n0\r\n{name}: 7\r\nx-checksum: 1\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read = timeout(PATIENCE, stream.read_to_string(&mut answer)).await;
        assert!(read.is_ok() && answer.starts_with("HTTP/1.1 200"), "{name}: {answer}");
        assert!(answer.contains("x-trailers: x-checksum\r\n"), "{name}: {answer}");
    }
    let stats = balancer.stats();
    let pool = stats.pool("api").unwrap();
    assert_eq!(
        (pool.in_flight(), pool.endpoints().iter().map(|endpoint| endpoint.failed()).sum()),
        (0, 0_u64)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_end_over_http2_whatever_stands_in_their_trailers() {
    for name in ["connection", "te", "upgrade", "keep-alive", "proxy-connection", "content-length"] {
        let answer = format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n{name}: 7\r\nx-checksum: 1\r\n\r\n"
        );
        let url = answering(|sent| sent.ends_with(b"0\r\n\r\n"), move |_| answer.clone().into_bytes()).await;
        let (gateway, _) = before(&url, false, "").await;
        let mut client = http2(TcpStream::connect(gateway).await.unwrap()).await;
        let response = client.send_request(call("/")).await.unwrap();
        let collected = timeout(PATIENCE, response.into_body().collect()).await.expect(name).unwrap();
        let trailers = collected.trailers().cloned().unwrap_or_default();
        assert_eq!((trailers.len(), &trailers["x-checksum"]), (1, &"1".parse().unwrap()), "{name}");
        assert_eq!(collected.to_bytes(), "ok");
    }
}

const LARGE: http::HeaderName = http::HeaderName::from_static("x-large");
const PATIENCE: Duration = Duration::from_secs(10);
