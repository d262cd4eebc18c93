//! Clients of HTTP/2 that ask and then leave no room for the answer.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod inside;
#[allow(dead_code, reason = "each test program uses a part of it")]
mod raw_upstream;

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use raw_upstream::head;
use tenantry::Balancer;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

const LENGTH: usize = 10_000_000;

/// `/small` is a few bytes, all else is long.
async fn upstream() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let head = head(&mut stream).await;
                let length = if head.starts_with("GET /small ") { 2 } else { LENGTH };
                let answer =
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
                // The gateway may leave before the end.
                stream.write_all(&[answer.into_bytes(), vec![7; length]].concat()).await.ok();
            });
        }
    });
    url
}

async fn gateway(grace: &str) -> (SocketAddr, Balancer) {
    let url = upstream().await;
    let document = format!(
        "[pools.api]\nendpoints = [{url:?}]\ncapacity = 8\nqueue = {{ timeout = \"50ms\" }}\n[tenants.acme]\n[gateway]\n[gateway.limits]\nbody_grace = {grace:?}"
    );
    inside::gateway(&document).await
}

type Client = SendRequest<Empty<Bytes>>;

/// One whose streams begin with so much room, and get more only where their answers are read.
async fn client(gateway: SocketAddr, window: u32) -> Client {
    let stream = TokioIo::new(TcpStream::connect(gateway).await.unwrap());
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(window).initial_connection_window_size(1 << 30);
    let (client, connection) = builder.handshake(stream).await.unwrap();
    tokio::spawn(connection);
    client
}

fn get(path: &str, kind: &str) -> Request<Empty<Bytes>> {
    let request =
        Request::get(format!("http://h{path}")).header("x-tenant", "acme").header("content-type", kind);
    request.body(Empty::new()).unwrap()
}

async fn settles(balancer: &Balancer, taken: u32) {
    let in_flight = || balancer.stats().pool("api").unwrap().in_flight();
    let reached = timeout(Duration::from_secs(30), async {
        while in_flight() != taken {
            sleep(Duration::from_millis(5)).await;
        }
    });
    assert!(reached.await.is_ok(), "{} instead of {taken} seats are taken", in_flight());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_without_a_window_give_their_seats_back() {
    let (gateway, balancer) = gateway("3s").await;
    for kind in ["text/plain", "application/grpc"] {
        let mut greedy = client(gateway, 0).await;
        let mut answers = Vec::new();
        for _ in 0..8 {
            answers.push(greedy.send_request(get("/", kind)).await.unwrap());
        }
        settles(&balancer, 0).await;
        let mut other = client(gateway, 1 << 20).await;
        let served = other.send_request(get("/", kind)).await.unwrap();
        assert_eq!(served.into_body().collect().await.unwrap().to_bytes().len(), LENGTH);
        let stats = balancer.stats();
        let failed = stats.pool("api").unwrap().endpoints()[0].failed();
        assert_eq!(failed, 0, "none of it was the endpoint's doing");
        drop(answers);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_stream_ends_alone_and_its_connection_serves_on() {
    let (gateway, balancer) = gateway("1s").await;
    let mut client = client(gateway, 1_000).await;
    let stalled = client.send_request(get("/", "text/plain")).await.unwrap();
    settles(&balancer, 0).await;
    for _ in 0..3 {
        let small = client.send_request(get("/small", "text/plain")).await.unwrap();
        assert_eq!(small.into_body().collect().await.unwrap().to_bytes(), vec![7; 2]);
    }
    assert!(stalled.into_body().collect().await.is_err(), "it was not whole, and says so");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_reads_in_steps_gets_all_of_it() {
    let (gateway, _) = gateway("20s").await;
    let mut client = client(gateway, 100_000).await;
    let mut body = client.send_request(get("/", "text/plain")).await.unwrap().into_body();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame.unwrap().data_ref().map_or(0, Bytes::len);
        tokio::task::yield_now().await;
    }
    assert_eq!(length, LENGTH);
}
