//! The connections of HTTP/1.1 that the reverse proxy keeps: used again, and let go of.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, channel::Channel};
use support::{BoxError, TestBody, body, empty, to, upstream};
use tenantry_tower::proxy::{Error, ResponseBody, ReverseProxy};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinHandle,
    time::timeout,
};
use tower::ServiceExt;

/// An endpoint by hand.
struct Endpoint(TcpListener);

impl Endpoint {
    async fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    /// Sends a request to it by a task of its own.
    fn ask(
        &self,
        proxy: &ReverseProxy<TestBody>,
        upload: TestBody,
    ) -> JoinHandle<Result<Response<ResponseBody>, Error>> {
        let method = if http_body::Body::is_end_stream(&upload) { Method::GET } else { Method::POST };
        let request = Request::builder().method(method).uri("/").header("host", "h").body(upload).unwrap();
        tokio::spawn(proxy.clone().oneshot(to(&self.0.local_addr().unwrap().to_string(), request)))
    }

    /// Answers a request that comes over a new connection.
    async fn serve_one(&self, proxy: &ReverseProxy<TestBody>) -> (OwnedReadHalf, OwnedWriteHalf) {
        let call = self.ask(proxy, empty());
        let (mut read, mut write) = self.accept().await;
        head(&mut read).await;
        write.write_all(SHORT).await.unwrap();
        assert_eq!(text(call.await.unwrap().unwrap()).await, "ok");
        (read, write)
    }

    async fn accept(&self) -> (OwnedReadHalf, OwnedWriteHalf) {
        self.0.accept().await.unwrap().0.into_split()
    }
}

/// Up to the empty line.
async fn head(stream: &mut OwnedReadHalf) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap().into());
    }
    head
}

/// Waits until the other side has closed.
async fn closed(stream: &mut OwnedReadHalf) {
    let rest = timeout(PATIENCE, stream.read(&mut [0])).await;
    assert_eq!(rest.expect("the connection is still open").unwrap_or(0), 0);
}

async fn text(answer: Response<ResponseBody>) -> Bytes {
    answer.into_body().collect().await.unwrap().to_bytes()
}

const SHORT: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn one_that_is_closed_meanwhile_is_not_used_again_and_gives_its_socket_back() {
    let (endpoint, proxy) = (Endpoint::new().await, ReverseProxy::new());
    let (mut read, mut write) = endpoint.serve_one(&proxy).await;
    write.shutdown().await.unwrap();
    // Nobody asks for anything.
    closed(&mut read).await;

    endpoint.serve_one(&proxy).await;
}

#[tokio::test]
async fn one_that_nobody_uses_is_closed_after_a_minute() {
    let (endpoint, proxy) = (Endpoint::new().await, ReverseProxy::new());
    let mut call = endpoint.ask(&proxy, empty());
    let (mut read, mut write) = endpoint.accept().await;
    for _ in 0..3 {
        head(&mut read).await;
        write.write_all(SHORT).await.unwrap();
        text(call.await.unwrap().unwrap()).await;
        advance(Duration::from_secs(58)).await;
        call = endpoint.ask(&proxy, empty());
    }
    head(&mut read).await;
    write.write_all(SHORT).await.unwrap();
    text(call.await.unwrap().unwrap()).await;
    advance(Duration::from_secs(62)).await;
    closed(&mut read).await;
}

async fn advance(span: Duration) {
    tokio::time::pause();
    tokio::time::advance(span).await;
    tokio::time::resume();
}

/// After this answer the next request comes over the same connection, or over another.
async fn kept_after(answer: &'static [u8], expected: &'static str) -> bool {
    let (endpoint, proxy) = (Endpoint::new().await, ReverseProxy::new());
    let call = endpoint.ask(&proxy, empty());
    let (mut read, mut write) = endpoint.accept().await;
    head(&mut read).await;
    write.write_all(answer).await.unwrap();
    if answer.starts_with(b"HTTP/1.0") {
        write.shutdown().await.unwrap();
    }
    assert_eq!(text(call.await.unwrap().unwrap()).await, expected);
    let again = endpoint.ask(&proxy, empty());
    // One that is not kept is closed.
    let is_kept = read.peek(&mut [0]).await.unwrap() > 0;
    if !is_kept {
        (read, write) = endpoint.accept().await;
    }
    head(&mut read).await;
    write.write_all(SHORT).await.unwrap();
    assert_eq!(text(again.await.unwrap().unwrap()).await, "ok");
    is_kept
}

#[tokio::test]
async fn one_is_kept_after_an_answer_that_leaves_it_clean() {
    for (answer, expected) in [
        (SHORT, "ok"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", ""),
        (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n", ""),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", ""),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "ok"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x\r\n\r\n2\r\nok\r\n0\r\nx: 1\r\n\r\n", "ok"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", "ok"),
    ] {
        assert!(kept_after(answer, expected).await, "{}", String::from_utf8_lossy(answer));
    }
}

#[tokio::test]
async fn none_is_kept_that_its_endpoint_ends_or_says_too_much_over() {
    for (answer, expected) in [
        (&b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"[..], "ok"),
        (b"HTTP/1.0 200 OK\r\n\r\nto the end", "to the end"),
        // What came with an answer is nobody's answer.
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil",
            "ok",
        ),
    ] {
        assert!(!kept_after(answer, expected).await, "{}", String::from_utf8_lossy(answer));
    }
}

#[tokio::test]
async fn what_comes_unasked_is_nobodys_answer() {
    let (endpoint, proxy) = (Endpoint::new().await, ReverseProxy::new());
    let (mut read, mut write) = endpoint.serve_one(&proxy).await;
    write.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil").await.unwrap();
    closed(&mut read).await;
    endpoint.serve_one(&proxy).await;
}

#[tokio::test]
async fn one_whose_answer_is_all_there_is_kept_also_if_nobody_wants_it() {
    let (endpoint, proxy) = (Endpoint::new().await, ReverseProxy::new());
    let call = endpoint.ask(&proxy, empty());
    let (mut read, mut write) = endpoint.accept().await;
    head(&mut read).await;
    write.write_all(SHORT).await.unwrap();
    drop(call.await.unwrap().unwrap());
    let call = endpoint.ask(&proxy, empty());
    head(&mut read).await;
    write.write_all(SHORT).await.unwrap();
    assert_eq!(text(call.await.unwrap().unwrap()).await, "ok");
}

#[tokio::test]
async fn an_endpoint_that_answers_first_gets_all_of_the_request_after_it() {
    let (endpoint, proxy) = (Endpoint::new().await, ReverseProxy::new());
    for answer in [&b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"[..], SHORT] {
        let call = endpoint.ask(&proxy, body(Full::<Bytes>::from(vec![b'x'; 8_000_000])));
        let (mut read, mut write) = endpoint.accept().await;
        head(&mut read).await;
        write.write_all(answer).await.unwrap();
        text(call.await.unwrap().unwrap()).await;
        let all = timeout(PATIENCE, read.read_exact(&mut vec![0; 8_000_000])).await;
        all.expect("the rest does not come").unwrap();
    }
}

/// More of them than a task may do at once, and without a timer that would look again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_in_one_task_all_end() {
    let server = upstream(async |_| Response::new(Full::<Bytes>::from("a few bytes"))).await;
    let proxy = ReverseProxy::new().with_response_timeout(None);
    for _ in 0..3 {
        let calls = (0..500).map(|_| {
            let request = Request::get("/").header("host", "h").body(empty()).unwrap();
            let call = proxy.clone().oneshot(to(&server.url(), request));
            async { text(call.await.unwrap()).await }
        });
        let all = timeout(PATIENCE, futures_util::future::join_all(calls)).await;
        assert!(all.expect("some hang").iter().all(|text| text == "a few bytes"));
    }
    assert!(server.connections() <= 500, "{}", server.connections());
}

#[tokio::test]
async fn those_of_a_proxy_that_is_gone_are_closed() {
    let (endpoint, proxy) = (Endpoint::new().await, ReverseProxy::new());
    let call = endpoint.ask(&proxy, empty());
    let (mut read, mut write) = endpoint.accept().await;
    head(&mut read).await;
    drop(proxy);
    write.write_all(SHORT).await.unwrap();
    assert_eq!(text(call.await.unwrap().unwrap()).await, "ok");
    closed(&mut read).await;
}

#[tokio::test]
async fn one_whose_answer_nobody_wants_to_the_end_is_closed() {
    let (endpoint, proxy) = (Endpoint::new().await, ReverseProxy::new());
    let call = endpoint.ask(&proxy, empty());
    let (mut read, mut write) = endpoint.accept().await;
    head(&mut read).await;
    write.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\nhalf of it").await.unwrap();
    let mut answer = call.await.unwrap().unwrap();
    assert_eq!(answer.body_mut().frame().await.unwrap().unwrap().into_data().unwrap(), "half of it");
    drop(answer);
    closed(&mut read).await;
}

#[tokio::test]
async fn a_call_that_is_dropped_closes_its_own() {
    let (endpoint, proxy) = (Endpoint::new().await, ReverseProxy::new());
    let call = endpoint.ask(&proxy, empty());
    let (mut read, _write) = endpoint.accept().await;
    head(&mut read).await;
    call.abort();
    closed(&mut read).await;
}

#[tokio::test]
async fn after_an_upload_it_is_used_again() {
    let (endpoint, proxy) = (Endpoint::new().await, ReverseProxy::new());
    let upload = || body(Full::<Bytes>::from("four"));
    let mut call = endpoint.ask(&proxy, upload());
    let (mut read, mut write) = endpoint.accept().await;
    for _ in 0..3 {
        assert!(head(&mut read).await.contains("content-length: 4\r\n"));
        read.read_exact(&mut [0; 4]).await.unwrap();
        write.write_all(SHORT).await.unwrap();
        assert_eq!(text(call.await.unwrap().unwrap()).await, "ok");
        call = endpoint.ask(&proxy, upload());
    }
    call.abort();
}

#[tokio::test]
async fn an_upload_goes_on_while_nobody_reads_an_early_answer() {
    let (endpoint, proxy) = (Endpoint::new().await, ReverseProxy::new());
    let (mut sender, upload) = Channel::<Bytes, BoxError>::new(1);
    let call = endpoint.ask(&proxy, body(upload));
    let (mut read, mut write) = endpoint.accept().await;
    head(&mut read).await;
    let answering = tokio::spawn(async move {
        write.write_all(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 8000000\r\n\r\n").await.unwrap();
        write.write_all(&vec![b'x'; 8_000_000]).await.unwrap();
        write
    });
    let answer = call.await.unwrap().unwrap();
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let reading = tokio::spawn(async move { read.read_to_end(&mut Vec::new()).await });
    let chunk = Bytes::from(vec![b'y'; 100_000]);
    for _ in 0..80 {
        let sent = timeout(PATIENCE, sender.send_data(chunk.clone())).await;
        sent.expect("the upload stands still").unwrap();
    }
    drop(sender);
    assert_eq!(text(answer).await.len(), 8_000_000);
    answering.await.unwrap().shutdown().await.unwrap();
    assert!(reading.await.unwrap().unwrap() > 8_000_000);
}
