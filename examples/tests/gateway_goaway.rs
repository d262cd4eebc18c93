//! Endpoints of HTTP/2 that close a connection while a request is on its way, as nginx does after so many of them: clients see nothing of it, and nobody is blamed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod inside;

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Goes away from so many connections, each when a request has come, of which it says that it has not looked at it; over all later ones it answers with the request's body.
async fn upstream(leaves: usize, reason: u8) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for _ in 0..leaves {
            let (stream, _) = listener.accept().await.unwrap();
            leave(stream, reason).await;
        }
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                server.serve_connection(TokioIo::new(stream), service_fn(echo)).await.ok()
            });
        }
    });
    url
}

async fn echo(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.map(|body| body.to_bytes());
    Ok(Response::new(Full::new(body.unwrap_or_default())))
}

async fn leave(mut stream: TcpStream, reason: u8) {
    stream.read_exact(&mut [0; PREFACE]).await.unwrap();
    stream.write_all(&SETTINGS).await.unwrap();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        stream.read_exact(&mut vec![0; length as usize]).await.unwrap();
        if head[3] == HEADERS {
            break;
        }
    }
    stream.write_all(&[&GO_AWAY[..], &[reason]].concat()).await.unwrap();
    // Until the other side has closed it.
    while stream.read(&mut [0; 1_024]).await.is_ok_and(|read| read > 0) {}
}

/// The answer, and what the endpoint has completed and failed at.
async fn ask(leaves: usize, route: &str, method: &str) -> (String, u64, u64) {
    ask_one_that_leaves_for(NO_ERROR, leaves, route, method).await
}

async fn ask_one_that_leaves_for(reason: u8, leaves: usize, route: &str, method: &str) -> (String, u64, u64) {
    let url = upstream(leaves, reason).await;
    let document = format!(
        "[pools.api]\nendpoints = [{url:?}]\nretry = {{ ratio = 1.0, per_second = 100 }}\n[tenants.acme]\n[gateway]\nroutes = [{{ path = \"/\", pool = \"api\"{route} }}]\n[gateway.upstream.api]\nhttp2 = true\n"
    );
    let (gateway, balancer) = inside::gateway(&document).await;
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    let body = if method == "POST" { "content-length: 4\r\n\r\nping" } else { "\r\n" };
    let request = format!("{method} / HTTP/1.1\r\nhost: h\r\nx-tenant: acme\r\nconnection: close\r\n{body}");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let pool = balancer.pool_stats("api").unwrap();
    assert_eq!(pool.in_flight(), 0);
    let endpoint = &pool.endpoints()[0];
    (answer, endpoint.completed(), endpoint.failed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_without_a_body_goes_over_another_connection() {
    for leaves in [0, 1, 3] {
        let (answer, completed, failed) = ask(leaves, "", "GET").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{leaves}: {answer}");
        assert_eq!((completed, failed), (1, 0), "{leaves}");
    }
    let (answer, _, failed) = ask(4, "", "GET").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(failed, 1, "whoever closes four in a row takes no requests");
    // There is an end to it.
    let (answer, _, failed) = ask(16, "", "GET").await;
    assert!(answer.starts_with("HTTP/1.1 502") && answer.contains("NOT_PROCESSED"), "{answer}");
    assert_eq!(failed, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_with_a_body_does_so_whether_its_route_has_retries_or_not_and_whatever_its_method() {
    for (leaves, route) in [(0, ""), (1, ""), (3, ""), (2, ", retry = {}")] {
        let (answer, _, failed) = ask(leaves, route, "POST").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ping"), "{leaves}: {answer}");
        assert_eq!(failed, 0, "a server may close its connections");
    }
    let (answer, _, failed) = ask(4, "", "POST").await;
    assert!(answer.starts_with("HTTP/1.1 502") && answer.contains("NOT_PROCESSED"), "{answer}");
    assert_eq!(failed, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_closes_connections_for_an_error_is_blamed() {
    for reason in [INTERNAL_ERROR, ENHANCE_YOUR_CALM] {
        for (leaves, method) in [(16, "GET"), (4, "POST")] {
            let (answer, _, failed) = ask_one_that_leaves_for(reason, leaves, "", method).await;
            assert!(answer.starts_with("HTTP/1.1 502") && answer.contains("NOT_PROCESSED"), "{answer}");
            assert_eq!(failed, 4, "nobody would ever eject it");
        }
        // All the same nobody has looked at the request.
        let (answer, _, failed) = ask_one_that_leaves_for(reason, 1, "", "POST").await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("ping"), "{answer}");
        assert_eq!(failed, 1);
    }
}

/// How long is what a client of HTTP/2 says first.
const PREFACE: usize = 24;

/// A frame's type.
const HEADERS: u8 = 1;

/// None that differ from the defaults.
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

/// The last stream that counts is 0, that is none; a reason's last byte follows.
const GO_AWAY: [u8; 16] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Reasons, as RFC 9113 §7 has them.
const NO_ERROR: u8 = 0;
const INTERNAL_ERROR: u8 = 2;
const ENHANCE_YOUR_CALM: u8 = 11;
