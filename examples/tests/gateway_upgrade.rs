//! WebSockets and other upgrades: tunnels that hold their seats, and what must not become one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod folder;
mod inside;
mod pki;
#[allow(dead_code, reason = "each test program uses a part of it")]
mod raw_upstream;
#[allow(dead_code, reason = "each test program uses a part of it")]
mod support;
mod tls_client;

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use folder::Folder;
use futures_util::{SinkExt, StreamExt};
use gateway_parts::{
    config::Document,
    listener::{Listener, Live},
    route::Router,
};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use hyper::{
    body::Incoming, client::conn::http2, ext::Protocol, server::conn::http2 as http2_server,
    service::service_fn, upgrade,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use pki::{Authority, Pair};
use raw_upstream::head;
use support::Gateway;
use tenantry::{Balancer, Format};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};
use tokio_tungstenite::{
    WebSocketStream, accept_async, client_async,
    tungstenite::{Message, client::IntoClientRequest, protocol::Role},
};

/// Sends every message back.
async fn echo() -> String {
    listen(async |stream| {
        let Ok(mut socket) = accept_async(stream).await else { return };
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() || socket.send(message).await.is_err() {
                break;
            }
        }
    })
    .await
}

/// An upstream that does this with each connection. Its URL.
async fn listen<F>(serve: impl Fn(TcpStream) -> F + Clone + Send + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    url
}

/// Reads a request's head, answers it, and does this with what then comes.
async fn raw<F>(
    answer: &'static str,
    then: impl Fn(TcpStream, String) -> F + Clone + Send + Sync + 'static,
) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    listen(move |mut stream| {
        let then = then.clone();
        async move {
            let head = head(&mut stream).await;
            if stream.write_all(answer.as_bytes()).await.is_ok() {
                then(stream, head).await;
            }
        }
    })
    .await
}

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: tcp\r\n\r\n";

/// Nothing more: the stream is held until its client has gone.
async fn hold(mut stream: TcpStream, _: String) {
    while stream.read(&mut [0; 1_024]).await.is_ok_and(|read| read > 0) {}
}

async fn gateway(url: &str, more: &str) -> (SocketAddr, Balancer) {
    waiting_gateway(url, "50ms", more).await
}

/// Where a request waits so long for the only seat.
async fn waiting_gateway(url: &str, wait: &str, more: &str) -> (SocketAddr, Balancer) {
    let document = format!(
        "[pools.api]\nendpoints = [{url:?}]\ncapacity = 1\nqueue = {{ timeout = {wait:?} }}\n[tenants.acme]\n[gateway]\n{more}"
    );
    inside::gateway(&document).await
}

async fn connect(gateway: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

fn wish(upgrade: &str) -> String {
    format!(
        "GET /feed HTTP/1.1\r\nhost: h\r\nx-tenant: acme\r\nconnection: upgrade\r\nupgrade: {upgrade}\r\n\r\n"
    )
}

/// A tunnel to an upstream that speaks `tcp`.
async fn tunnel(gateway: SocketAddr) -> TcpStream {
    let mut stream = connect(gateway, &wish("tcp")).await;
    let head = head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 101") && head.contains("upgrade: tcp\r\n"), "{head}");
    stream
}

async fn websocket<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> WebSocketStream<S> {
    let mut request = "ws://h/feed".into_client_request().unwrap();
    request.headers_mut().insert("x-tenant", "acme".parse().unwrap());
    client_async(request, stream).await.unwrap().0
}

async fn assert_echoes<S: AsyncRead + AsyncWrite + Unpin>(socket: &mut WebSocketStream<S>) {
    for message in [Message::text("hello"), Message::binary(vec![7; 300_000])] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), message);
    }
}

fn in_flight(balancer: &Balancer) -> u64 {
    balancer.stats().pool("api").unwrap().in_flight().into()
}

/// Waits until the seats that are taken are so many.
async fn settles(balancer: &Balancer, taken: u64) {
    let reached = timeout(PATIENCE, async {
        while in_flight(balancer) != taken {
            sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(reached.await.is_ok(), "{} instead of {taken} seats are taken", in_flight(balancer));
}

/// What an ordinary request is answered.
async fn status(gateway: SocketAddr) -> u16 {
    let mut stream = connect(gateway, "GET / HTTP/1.1\r\nhost: h\r\nx-tenant: acme\r\n\r\n").await;
    head(&mut stream).await[9..12].parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_websocket_echoes_and_holds_its_seat_until_it_closes() {
    let (gateway, balancer) = gateway(&echo().await, "").await;
    let mut socket = websocket(TcpStream::connect(gateway).await.unwrap()).await;
    assert_echoes(&mut socket).await;
    assert_eq!(in_flight(&balancer), 1);
    assert_eq!(status(gateway).await, 503, "the only seat is taken");
    assert_echoes(&mut socket).await;
    socket.close(None).await.unwrap();
    while socket.next().await.is_some_and(|message| message.is_ok()) {}
    drop(socket);
    settles(&balancer, 0).await;
    let stats = balancer.stats();
    let endpoint = &stats.pool("api").unwrap().endpoints()[0];
    assert_eq!((endpoint.completed(), endpoint.failed()), (1, 0));
    assert_echoes(&mut websocket(TcpStream::connect(gateway).await.unwrap()).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_websocket_comes_over_tls_and_on_a_route_with_retries_hedges_and_a_mirror() {
    let authority = Authority::new("upgrade-tls");
    authority.write("a", &authority.issue(&["a.test"]));
    let (certificate, key, url) = (authority.file("a.pem"), authority.file("a.key"), echo().await);
    let document = format!(
        "[pools.api]\nendpoints = [{url:?}]\n[pools.next]\nendpoints = [{url:?}]\n[tenants.acme]\n[gateway]\n\
        routes = [{{ path = \"/\", pool = \"api\", retry = {{ attempts = 3 }}, hedge = \"1ms\", mirror = {{ pool = \"next\", share = 1.0 }} }}]\n\
        [gateway.tls]\ncertificates = [{{ certificate = {certificate:?}, key = {key:?} }}]"
    );
    let (gateway, balancer) = inside::gateway(&document).await;
    let client = tls_client::client(&authority, None, &["http/1.1"]);
    let mut socket = websocket(tls_client::connect(&client, gateway, "a.test").await.unwrap()).await;
    assert_echoes(&mut socket).await;
    assert_eq!(in_flight(&balancer), 1);
    drop(socket);
    settles(&balancer, 0).await;
    let stats = balancer.stats();
    let (api, next) = (stats.pool("api").unwrap(), stats.pool("next").unwrap());
    let copies: u64 = next.endpoints().iter().map(tenantry::EndpointStats::completed).sum();
    assert_eq!((api.retries().passed(), api.hedges().passed(), copies), (0, 0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_wish_for_another_http_or_tls_reaches_the_endpoint() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let url = raw("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", move |_, head| {
        let tell = tell.clone();
        async move { tell.send(head).unwrap() }
    })
    .await;
    let (gateway, _) = gateway(&url, "").await;
    let settings = "connection: upgrade, http2-settings\r\nhttp2-settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n";
    for lines in [
        format!("{settings}upgrade: h2c\r\n"),
        format!("{settings}upgrade: H2C\r\n"),
        format!("{settings}upgrade: websocket, h2c\r\n"),
        format!("{settings}upgrade: websocket\r\nupgrade: h2c\r\n"),
        format!("{settings}upgrade:\th2c\r\n"),
        "connection: upgrade\r\nupgrade: HTTP/2.0\r\n".to_owned(),
        "connection: upgrade\r\nupgrade: TLS/1.2\r\n".to_owned(),
        "upgrade: websocket\r\n".to_owned(),
        "connection: close, upgrade\r\nupgrade: websocket\r\ncontent-length: 1\r\n".to_owned(),
    ] {
        let request = format!("POST / HTTP/1.1\r\nhost: h\r\nx-tenant: acme\r\n{lines}\r\n1");
        let mut stream = connect(gateway, &request).await;
        assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"), "{lines}");
        let head = told.recv().await.unwrap();
        assert!(!head.contains("upgrade") && !head.contains("http2-settings"), "{lines}: {head}");
    }
    let old =
        "GET / HTTP/1.0\r\nhost: h\r\nx-tenant: acme\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    head(&mut connect(gateway, old).await).await;
    assert!(!told.recv().await.unwrap().contains("upgrade"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_101_to_what_nobody_asked_for_is_no_tunnel() {
    let (gateway, balancer) = gateway(&raw(SWITCH, hold).await, "").await;
    for request in [wish("h2c"), wish("websocket"), wish("tcp").replace("upgrade\r\n", "close\r\n")] {
        let mut stream = connect(gateway, &request).await;
        let head = head(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 502"), "{request}: {head}");
        settles(&balancer, 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_upgrade_is_an_ordinary_answer_and_the_connection_goes_on() {
    let answer = "HTTP/1.1 426 Upgrade Required\r\nupgrade: websocket\r\nconnection: upgrade, close\r\ncontent-length: 2\r\n\r\nno";
    let (gateway, balancer) = gateway(&raw(answer, hold).await, "").await;
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    for _ in 0..3 {
        // What follows at once is another request, not a tunnel's bytes: whoever believed in a tunnel would let it by.
        let hidden = "GET /hidden HTTP/1.1\r\nhost: h\r\n\r\n";
        stream.write_all(format!("{}{hidden}", wish("tcp")).as_bytes()).await.unwrap();
        let head_of_refusal = head(&mut stream).await;
        assert!(head_of_refusal.starts_with("HTTP/1.1 426"), "{head_of_refusal}");
        let mut body = [0; 2];
        stream.read_exact(&mut body).await.unwrap();
        assert_eq!(&body, b"no");
        let unnamed = head(&mut stream).await;
        assert!(unnamed.starts_with("HTTP/1.1 400"), "{unnamed}");
        let length = unnamed.to_lowercase();
        let length = length.split("content-length: ").nth(1).unwrap().split('\r').next().unwrap();
        stream.read_exact(&mut vec![0; length.parse().unwrap()]).await.unwrap();
    }
    settles(&balancer, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_one_side_goes_on_and_the_other_may_still_send() {
    // The endpoint speaks last.
    let url = raw(SWITCH, |mut stream, _| async move {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        stream.write_all(format!("{} bytes", all.len()).as_bytes()).await.unwrap();
    })
    .await;
    let (address, balancer) = gateway(&url, "").await;
    let mut stream = tunnel(address).await;
    stream.write_all(&vec![1; 1_000_000]).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, "1000000 bytes");
    settles(&balancer, 0).await;
    // The client speaks last.
    let (tell, mut told) = mpsc::unbounded_channel();
    let url = raw(SWITCH, move |mut stream, _| {
        let tell = tell.clone();
        async move {
            stream.write_all(b"over to you").await.unwrap();
            stream.shutdown().await.unwrap();
            let mut all = String::new();
            stream.read_to_string(&mut all).await.unwrap();
            tell.send(all).unwrap();
        }
    })
    .await;
    let (address, balancer) = gateway(&url, "").await;
    let mut stream = tunnel(address).await;
    let mut heard = String::new();
    stream.read_to_string(&mut heard).await.unwrap();
    assert_eq!(heard, "over to you");
    assert_eq!(in_flight(&balancer), 1);
    stream.write_all(b"thank you").await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(told.recv().await.unwrap(), "thank you");
    settles(&balancer, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_breaks_off_gives_the_seat_back() {
    let (address, balancer) = gateway(&raw(SWITCH, hold).await, "").await;
    for _ in 0..3 {
        let stream = tunnel(address).await;
        settles(&balancer, 1).await;
        stream.set_zero_linger().unwrap(); // a reset
        drop(stream);
        settles(&balancer, 0).await;
    }
    let resets = |mut stream: TcpStream, _| async move {
        stream.read_u8().await.unwrap();
        stream.set_zero_linger().unwrap();
    };
    let (address, balancer) = gateway(&raw(SWITCH, resets).await, "").await;
    for _ in 0..3 {
        let mut stream = tunnel(address).await;
        settles(&balancer, 1).await;
        stream.write_all(b"1").await.unwrap();
        assert!(!stream.read(&mut [0]).await.is_ok_and(|read| read > 0), "the tunnel ends");
        settles(&balancer, 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tunnel_over_which_nothing_moves_ends() {
    let (gateway, balancer) =
        gateway(&raw(SWITCH, hold).await, "limits = { tunnel_idle_timeout = \"300ms\" }").await;
    let mut stream = tunnel(gateway).await;
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    settles(&balancer, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tunnel_takes_only_as_much_as_the_other_side_reads() {
    let url = raw(SWITCH, |stream, _| async move {
        sleep(Duration::MAX).await;
        drop(stream);
    })
    .await;
    let (gateway, balancer) = gateway(&url, "limits = { tunnel_idle_timeout = \"1s\" }").await;
    let mut stream = tunnel(gateway).await;
    let mut taken = 0;
    // Until the tunnel is full, and then ends, because nothing moves.
    while let Ok(written) = stream.write(&[0; 65_536]).await {
        taken += written;
        assert!(taken < 1 << 30, "somebody collects what nobody reads");
    }
    settles(&balancer, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tunnel_is_one_of_the_listeners_connections() {
    let (gateway, _) = waiting_gateway(&echo().await, "30s", "limits = { max_connections = 1 }").await;
    let mut first = websocket(TcpStream::connect(gateway).await.unwrap()).await;
    let second = connect(gateway, "").await;
    assert_echoes(&mut first).await;
    let mut second = Box::pin(websocket(second));
    assert!(timeout(Duration::from_millis(100), second.as_mut()).await.is_err(), "there is no seat for it");
    drop(first);
    assert_echoes(&mut second.await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_websocket_over_http2_is_an_upgrade_to_the_endpoint() {
    let (gateway, balancer) = gateway(&echo().await, "limits = { keep_alive_timeout = \"200ms\" }").await;
    let mut client = over_http2(gateway).await;
    let mut socket = extended_websocket(&mut client).await;
    assert_echoes(&mut socket).await;
    assert_eq!(in_flight(&balancer), 1);
    // A connection with a tunnel is not idle.
    sleep(Duration::from_secs(1)).await;
    assert_echoes(&mut socket).await;
    socket.close(None).await.unwrap();
    while socket.next().await.is_some_and(|message| message.is_ok()) {}
    drop(socket);
    settles(&balancer, 0).await;
}

async fn over_http2(gateway: SocketAddr) -> http2::SendRequest<Empty<Bytes>> {
    let stream = TokioIo::new(TcpStream::connect(gateway).await.unwrap());
    let (client, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn extended_websocket(
    client: &mut http2::SendRequest<Empty<Bytes>>,
) -> WebSocketStream<TokioIo<upgrade::Upgraded>> {
    let response = client.send_request(extended(Some("websocket"))).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(!response.headers().contains_key("sec-websocket-accept"), "{response:?}");
    let stream = TokioIo::new(upgrade::on(response).await.unwrap());
    WebSocketStream::from_raw_socket(stream, Role::Client, None).await
}

fn extended(protocol: Option<&'static str>) -> Request<Empty<Bytes>> {
    let uri = if protocol.is_some() { "http://h/feed" } else { "h:80" };
    let request = Request::builder().method(Method::CONNECT).uri(uri).header("x-tenant", "acme");
    let request = request.header("sec-websocket-version", "13");
    let request =
        protocol.into_iter().fold(request, |request, name| request.extension(Protocol::from_static(name)));
    request.body(Empty::new()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_http2_only_a_tunnel_that_is_one_is_answered_by_200() {
    let ordinary = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let (gateway, balancer) = gateway(&raw(ordinary, hold).await, "").await;
    let mut client = over_http2(gateway).await;
    for (protocol, expected) in [
        (Some("websocket"), StatusCode::BAD_GATEWAY),
        (Some("h2c"), StatusCode::NOT_IMPLEMENTED),
        (Some("connect-udp"), StatusCode::NOT_IMPLEMENTED),
    ] {
        let response = client.send_request(extended(protocol)).await.unwrap();
        assert_eq!(response.status(), expected, "{protocol:?}");
        response.into_body().collect().await.unwrap();
        settles(&balancer, 0).await;
    }
    let plain = client.send_request(extended(None)).await.unwrap();
    assert!(plain.status().is_client_error() || plain.status().is_server_error(), "{plain:?}");
}

/// An upstream that serves [`serve_echo`], and what a clone is held of for each of its connections.
async fn echo_over_http2(configure: fn(&mut http2_server::Builder<TokioExecutor>)) -> (String, Arc<()>) {
    let connections = Arc::new(());
    let counted = Arc::clone(&connections);
    let url = listen(move |stream| {
        let count = Arc::clone(&counted);
        async move {
            serve_echo(stream, configure).await;
            drop(count);
        }
    });
    (url.await, connections)
}

/// Takes WebSockets over HTTP/2 and sends every message back; refuses `/no`, and answers other requests by their method. Each answer says of which authority it was asked.
async fn serve_echo<S>(stream: S, configure: fn(&mut http2_server::Builder<TokioExecutor>))
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let answer = async |mut request: Request<Incoming>| {
        let authority = request.uri().authority().unwrap().to_string();
        let plain = move |status: u16, text: &str| {
            let response = Response::builder().status(status).header("x-authority", authority);
            response.body(Full::new(Bytes::copy_from_slice(text.as_bytes()))).unwrap()
        };
        let is_websocket =
            request.extensions().get::<Protocol>().is_some_and(|protocol| protocol.as_str() == "websocket");
        if !is_websocket || request.method() != Method::CONNECT {
            return Ok::<_, Infallible>(plain(200, request.method().as_str()));
        }
        assert!(!request.headers().contains_key("sec-websocket-key"), "{request:?}");
        if request.uri().path() == "/no" {
            return Ok(plain(403, "no"));
        }
        let client = upgrade::on(&mut request);
        tokio::spawn(async move {
            let stream = TokioIo::new(client.await.unwrap());
            let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
            while let Some(Ok(message)) = socket.next().await {
                if message.is_close() || socket.send(message).await.is_err() {
                    break;
                }
            }
        });
        Ok(plain(200, ""))
    };
    let mut builder = http2_server::Builder::new(TokioExecutor::new());
    configure(&mut builder);
    builder.serve_connection(TokioIo::new(stream), service_fn(answer)).await.ok(); // the gateway may break off
}

/// The same over TLS, which shows this certificate.
async fn echo_over_tls(own: &Pair) -> String {
    let certificate = CertificateDer::from_pem_slice(own.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
    let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let mut config = builder.with_single_cert(vec![certificate], key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let url = listen(move |stream| {
        let accepting = acceptor.accept(stream);
        async move {
            // Who does not trust it breaks off.
            let Ok(stream) = accepting.await else { return };
            serve_echo(stream, with_tunnels).await;
        }
    });
    url.await.replace("http://", "https://")
}

/// For an endpoint that takes them.
fn with_tunnels(builder: &mut http2_server::Builder<TokioExecutor>) {
    builder.enable_connect_protocol();
}

/// A WebSocket's, by this method and to this path, of this host.
fn handshake(method: &str, path: &str, host: &str) -> String {
    format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nx-tenant: acme\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"
    )
}

/// The head of what such a handshake is answered.
async fn shake(gateway: SocketAddr, handshake: &str) -> String {
    head(&mut connect(gateway, handshake).await).await
}

const HTTP2: &str = "upstream = { api = { http2 = true } }";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn towards_http2_a_websocket_is_an_extended_connect() {
    let (gateway, balancer) = gateway(&echo_over_http2(with_tunnels).await.0, HTTP2).await;
    for _ in 0..2 {
        let mut socket = websocket(TcpStream::connect(gateway).await.unwrap()).await;
        assert_echoes(&mut socket).await;
        assert_eq!(in_flight(&balancer), 1);
        socket.close(None).await.unwrap();
        while socket.next().await.is_some_and(|message| message.is_ok()) {}
        drop(socket);
        settles(&balancer, 0).await;
    }
    // And from a client of HTTP/2.
    let mut client = over_http2(gateway).await;
    let mut socket = extended_websocket(&mut client).await;
    assert_echoes(&mut socket).await;
    drop(socket);
    settles(&balancer, 0).await;
    // Another wish is none: the request is an ordinary one. So is a handshake that is refused.
    let mut stream = connect(gateway, &wish("tcp")).await;
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
    assert!(shake(gateway, &handshake("GET", "/no", "h")).await.starts_with("HTTP/1.1 403"));
    settles(&balancer, 0).await;
    let stats = balancer.stats();
    assert_eq!(stats.pool("api").unwrap().endpoints()[0].failed(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_takes_no_extended_connect_refuses_that_stream_alone() {
    let (gateway, balancer) = gateway(&echo_over_http2(|_| {}).await.0, HTTP2).await;
    assert_eq!(status(gateway).await, 200);
    // More than any endpoint's failures in a row may be.
    for _ in 0..20 {
        assert!(shake(gateway, &handshake("GET", "/", "h")).await.starts_with("HTTP/1.1 501"));
        settles(&balancer, 0).await;
    }
    let stats = balancer.stats();
    assert_eq!(stats.pool("api").unwrap().endpoints()[0].failed(), 0);
    assert_eq!(status(gateway).await, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tunnels_take_no_stream_from_requests_to_an_endpoint_of_http2() {
    let (url, connections) = echo_over_http2(|builder| {
        builder.enable_connect_protocol().max_concurrent_streams(5);
    })
    .await;
    let document =
        format!("[pools.api]\nendpoints = [{url:?}]\ncapacity = 9\n[tenants.acme]\n[gateway]\n{HTTP2}");
    let (gateway, balancer) = inside::gateway(&document).await;
    let mut sockets = Vec::new();
    for _ in 0..5 {
        sockets.push(websocket(TcpStream::connect(gateway).await.unwrap()).await);
    }
    assert_eq!(in_flight(&balancer), 5);
    assert_eq!(timeout(PATIENCE, status(gateway)).await.expect("an answer"), 200);
    for socket in &mut sockets {
        assert_echoes(socket).await;
    }
    // With a tunnel its connection ends, and that of a handshake that was refused. The requests' stays, and is one.
    drop(sockets);
    assert!(shake(gateway, &handshake("GET", "/no", "h")).await.starts_with("HTTP/1.1 403"));
    assert_eq!(status(gateway).await, 200);
    let ended = timeout(PATIENCE, async {
        // One is the listener's, one the test's.
        while Arc::strong_count(&connections) > 3 {
            sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(ended.await.is_ok(), "{} connections are open", Arc::strong_count(&connections) - 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn towards_http2_no_method_but_get_becomes_a_websocket() {
    let (url, _) = echo_over_http2(with_tunnels).await;
    let rules = "routes = [{ path = \"/\", pool = \"api\", methods = [\"POST\"] }]";
    let (gateway, _) = gateway(&url, &format!("{HTTP2}\n{rules}")).await;
    assert!(shake(gateway, &handshake("GET", "/", "h")).await.starts_with("HTTP/1.1 405"));
    let mut stream = connect(gateway, &handshake("POST", "/", "h")).await;
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
    let mut method = [0; 4];
    stream.read_exact(&mut method).await.unwrap();
    assert_eq!(&method, b"POST");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn towards_http2_a_websocket_names_the_host_that_its_client_did() {
    let (gateway, balancer) = gateway(&echo_over_http2(with_tunnels).await.0, HTTP2).await;
    for (path, status) in [("/feed", 101), ("/no", 403)] {
        let answer = shake(gateway, &handshake("GET", path, "shop.test:8443")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert!(answer.contains("x-authority: shop.test:8443\r\n"), "{answer}");
        settles(&balancer, 0).await;
    }
    // What no authority can be.
    let answer = shake(gateway, &handshake("GET", "/feed", "a:b:c")).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("application/problem+json"), "{answer}");
    let stats = balancer.stats();
    assert_eq!(stats.pool("api").unwrap().endpoints()[0].failed(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tls_it_is_the_endpoint_whose_name_is_verified() {
    let authority = Authority::new("upgrade-upstream");
    let ca = authority.file("ca.pem");
    for (name, expected) in [("127.0.0.1", "HTTP/1.1 101"), ("shop.test", "HTTP/1.1 502")] {
        let url = echo_over_tls(&authority.issue(&[name])).await;
        let document = format!(
            "[pools.api]\nendpoints = [{url:?}]\n[tenants.acme]\n[gateway.upstream.api]\nhttp2 = true\ntls = {{ ca = {ca:?} }}"
        );
        let (gateway, _) = inside::gateway(&document).await;
        let answer = shake(gateway, &handshake("GET", "/feed", "shop.test")).await;
        assert!(answer.starts_with(expected), "{name}: {answer}");
    }
}

/// A listener in this process that can be told to stop: where it is, its balancer, what stops it, and what comes of its drain.
async fn stoppable(
    document: &str,
    drain: Duration,
) -> (SocketAddr, Balancer, oneshot::Sender<()>, JoinHandle<bool>) {
    let Document { balancer, settings, .. } = Document::from_text(document, Format::Toml).unwrap();
    let balancer = Balancer::new(balancer).unwrap();
    let router = Router::new(&balancer, &settings, None);
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { stopped.await.unwrap_or(()) };
    let served = Listener::new(socket, Live::new(&settings, router)).serve(stopped, drain);
    (address, balancer, stop, tokio::spawn(served))
}

/// An upstream that switches, and says when its side of the tunnel has ended, and whether by an end.
async fn listening_upstream() -> (String, mpsc::UnboundedReceiver<bool>) {
    let (tell, told) = mpsc::unbounded_channel();
    let url = raw(SWITCH, move |mut stream, _| {
        let tell = tell.clone();
        async move {
            let ended = stream.read(&mut [0; 64]).await;
            tell.send(ended.is_ok_and(|read| read == 0)).unwrap();
        }
    })
    .await;
    (url, told)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_time_to_drain_is_over_idle_tunnels_end_on_both_sides() {
    let (url, mut told) = listening_upstream().await;
    let document = format!(
        "[pools.api]\nendpoints = [{url:?}]\n[tenants.acme]\n[gateway]\nlimits = {{ tunnel_idle_timeout = \"0s\" }}"
    );
    let drain = Duration::from_millis(400);
    let (gateway, balancer, stop, serving) = stoppable(&document, drain).await;
    let mut client = tunnel(gateway).await;
    settles(&balancer, 1).await;
    let since = Instant::now();
    stop.send(()).unwrap();
    // At once nobody new is taken in; who is there stays.
    timeout(PATIENCE, async { while TcpStream::connect(gateway).await.is_ok() {} }).await.unwrap();
    assert_eq!(client.read(&mut [0; 64]).await.unwrap(), 0, "an end, not a reset");
    assert!(since.elapsed() >= drain, "not before its time");
    assert!(timeout(PATIENCE, told.recv()).await.unwrap().unwrap(), "the endpoint hears an end");
    assert!(timeout(PATIENCE, serving).await.unwrap().unwrap(), "nothing is cut off");
    settles(&balancer, 0).await;
    let stats = balancer.stats();
    let endpoint = &stats.pool("api").unwrap().endpoints()[0];
    assert_eq!((endpoint.completed(), endpoint.failed()), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_websocket_over_http2_ends_with_the_time_to_drain_too() {
    let url = echo().await;
    let document = format!("[pools.api]\nendpoints = [{url:?}]\n[tenants.acme]\n[gateway]\n");
    let (gateway, balancer, stop, serving) = stoppable(&document, Duration::from_millis(300)).await;
    let mut client = over_http2(gateway).await;
    let mut socket = extended_websocket(&mut client).await;
    assert_echoes(&mut socket).await;
    stop.send(()).unwrap();
    while timeout(PATIENCE, socket.next()).await.unwrap().is_some_and(|message| message.is_ok()) {}
    assert!(timeout(PATIENCE, serving).await.unwrap().unwrap());
    settles(&balancer, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_does_not_end_is_still_cut_off() {
    let url = raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello", hold).await;
    let document = format!("[pools.api]\nendpoints = [{url:?}]\n[tenants.acme]\n[gateway]\n");
    let (gateway, _, stop, serving) = stoppable(&document, Duration::from_millis(100)).await;
    let mut stream = connect(gateway, "GET / HTTP/1.1\r\nhost: h\r\nx-tenant: acme\r\n\r\n").await;
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
    stop.send(()).unwrap();
    assert!(!timeout(PATIENCE, serving).await.unwrap().unwrap());
}

#[test]
fn at_a_graceful_end_a_tunnel_has_the_time_to_drain() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (folder, url) = (Folder::new("upgrade"), runtime.block_on(echo()));
    for (drain, closes) in [("60s", true), ("300ms", false)] {
        let mut gateway = Gateway::start_with(&folder, &url, &format!("drain = {drain:?}"));
        let address = gateway.url.trim_start_matches("http://").to_owned();
        runtime.block_on(async {
            let mut socket = websocket(TcpStream::connect(&address).await.unwrap()).await;
            assert_echoes(&mut socket).await;
            gateway.interrupt();
            // From when on nobody new is taken in.
            timeout(PATIENCE, async { while TcpStream::connect(&address).await.is_ok() {} }).await.unwrap();
            if closes {
                assert_echoes(&mut socket).await;
                socket.close(None).await.unwrap();
            }
            while socket.next().await.is_some_and(|message| message.is_ok()) {}
        });
        // With the time to drain it ends, too.
        assert!(gateway.program.child.wait().unwrap().success(), "{drain}");
    }
}

const PATIENCE: Duration = Duration::from_secs(30);
