//! The reverse proxy between real sockets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod support;

use std::{future::ready, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{
    BodyExt, Empty, Full,
    channel::{Channel, Sender},
};
use hyper::body::Incoming;
use support::{BoxError, TestBody, body, empty, front, pattern, to, upstream};
use tenantry_tower::{
    identity::Networks,
    proxy::{Error, HostPolicy, ReverseProxy},
    rejection::RejectionLayer,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Mutex,
    sync::mpsc,
};
use tower::{Layer, ServiceExt};

fn get(path: &str) -> http::request::Builder {
    Request::get(path).header("host", "shop.example")
}

/// An upstream that tells what it was asked.
async fn listening() -> (support::Server, mpsc::UnboundedReceiver<(http::request::Parts, Bytes)>) {
    let (heard, hear) = mpsc::unbounded_channel();
    let server = upstream(move |request| {
        let heard = heard.clone();
        async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            heard.send((parts, body)).unwrap();
            Response::new(Empty::<Bytes>::new())
        }
    })
    .await;
    (server, hear)
}

/// Sends bytes to a front and gives all that comes back until the connection closes.
async fn raw(front: &support::Server, bytes: &str) -> String {
    let mut stream = TcpStream::connect(front.address).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn path_query_host_and_method_reach_the_endpoint_as_they_came() {
    let (server, mut hear) = listening().await;
    let request = get("/a%2Fb/../c?x=%20&y").method("PATCH").body(empty()).unwrap();
    ReverseProxy::new().oneshot(to(&server.url(), request)).await.unwrap();
    let (parts, _) = hear.recv().await.unwrap();
    assert_eq!((parts.method, parts.uri.to_string()), (Method::PATCH, "/a%2Fb/../c?x=%20&y".to_owned()));
    assert_eq!(parts.headers["host"], "shop.example");
}

#[tokio::test]
async fn an_absolute_target_names_the_host() {
    let (server, mut hear) = listening().await;
    let request =
        Request::get("http://user@bank.example:81/x").header("host", "other").body(empty()).unwrap();
    ReverseProxy::new().oneshot(to(&server.url(), request)).await.unwrap();
    let (parts, _) = hear.recv().await.unwrap();
    assert_eq!(
        (parts.uri.to_string().as_str(), &parts.headers["host"]),
        ("/x", &"bank.example:81".parse().unwrap())
    );
}

#[tokio::test]
async fn the_endpoint_may_see_its_own_host() {
    let (server, mut hear) = listening().await;
    let proxy = ReverseProxy::new().with_host(HostPolicy::Endpoint);
    proxy.oneshot(to(&server.url(), get("/").body(empty()).unwrap())).await.unwrap();
    let (parts, _) = hear.recv().await.unwrap();
    assert_eq!(parts.headers["host"], server.address.to_string());
    assert_eq!(parts.headers["x-forwarded-host"], "shop.example");
}

#[tokio::test]
async fn hop_by_hop_fields_end_here_in_both_directions() {
    let (heard, mut hear) = mpsc::unbounded_channel();
    let server = upstream(move |request: Request<Incoming>| {
        heard.send(request.headers().clone()).unwrap();
        async {
            let response =
                Response::builder().header("connection", "x-hop").header("x-hop", "1").header("x-end", "2");
            response
                .header("keep-alive", "timeout=5")
                .header("upgrade", "h2c")
                .body(Empty::<Bytes>::new())
                .unwrap()
        }
    })
    .await;
    let request = get("/").header("connection", "x-private, keep-alive").header("x-private", "1");
    let request =
        request.header("proxy-authorization", "Basic x").header("te", "trailers, gzip").header("x-end", "1");
    let response =
        ReverseProxy::new().oneshot(to(&server.url(), request.body(empty()).unwrap())).await.unwrap();

    let seen: HeaderMap = hear.recv().await.unwrap();
    for gone in ["x-private", "keep-alive", "proxy-authorization", "transfer-encoding", "upgrade"] {
        assert!(!seen.contains_key(gone), "{gone}");
    }
    assert_eq!((&seen["te"], &seen["x-end"]), (&"trailers".parse().unwrap(), &"1".parse().unwrap()));
    for gone in ["connection", "x-hop", "keep-alive", "upgrade"] {
        assert!(!response.headers().contains_key(gone), "{gone}");
    }
    assert_eq!(response.headers()["x-end"], "2");
}

#[tokio::test]
async fn the_endpoint_learns_who_asked_from_those_who_are_believed() {
    let (server, mut hear) = listening().await;
    let trusting = |hop| ReverseProxy::new().with_trusted_hops(Networks::parse([hop]).unwrap());
    let own = "for=127.0.0.1;host=\"a.test:8080\";proto=http";
    let chained = format!("for=203.0.113.7;proto=https, {own}");
    for (proxy, expected) in [
        (ReverseProxy::new(), [own, "127.0.0.1", "http", "a.test:8080"]),
        (trusting("10.0.0.0/8"), [own, "127.0.0.1", "http", "a.test:8080"]),
        (trusting("127.0.0.1"), [&*chained, "203.0.113.7, 127.0.0.1", "https", "shop.test"]),
    ] {
        let front = front(proxy, &server.url()).await;
        let head = "GET / HTTP/1.1\r\nhost: a.test:8080\r\nx-forwarded-for: 203.0.113.7\r\nforwarded: for=203.0.113.7;proto=https\r\n";
        let rest = "x-forwarded-proto: https\r\nx-forwarded-host: shop.test\r\nconnection: close\r\n\r\n";
        raw(&front, &format!("{head}{rest}")).await;
        let headers = hear.recv().await.unwrap().0.headers;
        let names = ["forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host"];
        assert_eq!(names.map(|name| headers[name].to_str().unwrap()), expected);
        assert!(names.iter().all(|name| headers.get_all(*name).iter().count() == 1), "{headers:?}");
    }
}

#[tokio::test]
async fn eight_megabytes_pass_both_ways_at_once() {
    let server = upstream(async |request: Request<Incoming>| Response::new(request.into_body())).await;
    let sent = pattern(8 << 20);
    let request = Request::post("/").header("host", "h").body(body(Full::from(sent.clone()))).unwrap();
    let response = ReverseProxy::new().oneshot(to(&server.url(), request)).await.unwrap();
    let received = response.into_body().collect().await.unwrap().to_bytes();
    assert!(received == sent, "{} bytes came back, or other ones", received.len());
}

async fn send_events(mut events: Sender<Bytes, BoxError>, see: Arc<Mutex<mpsc::UnboundedReceiver<()>>>) {
    for number in 0..20 {
        events.send_data(format!("data: {number}\n\n").into()).await.unwrap();
        see.lock().await.recv().await.unwrap();
    }
}

#[tokio::test]
async fn events_arrive_as_they_are_sent() {
    // The upstream sends an event only after the one before it was seen at the other end.
    let (seen, see) = mpsc::unbounded_channel::<()>();
    let see = Arc::new(Mutex::new(see));
    let server = upstream(move |_| {
        let (events, body) = Channel::<Bytes, BoxError>::new(1);
        tokio::spawn(send_events(events, Arc::clone(&see)));
        ready(Response::builder().header("content-type", "text/event-stream").body(body).unwrap())
    })
    .await;
    let request = get("/events").body(empty()).unwrap();
    let mut events = ReverseProxy::new().oneshot(to(&server.url(), request)).await.unwrap().into_body();
    for number in 0..20 {
        let frame = events.frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), format!("data: {number}\n\n"));
        seen.send(()).unwrap();
    }
    assert!(events.frame().await.is_none());
}

#[tokio::test]
async fn an_upload_arrives_as_it_is_sent() {
    let (heard, mut hear) = mpsc::unbounded_channel();
    let server = upstream(move |mut request: Request<Incoming>| {
        let heard = heard.clone();
        async move {
            while let Some(frame) = request.frame().await {
                heard.send(frame.unwrap().into_data().unwrap()).unwrap();
            }
            Response::new(Empty::<Bytes>::new())
        }
    })
    .await;
    let (mut sender, upload) = Channel::<Bytes, BoxError>::new(1);
    let request = Request::put("/").header("host", "h").body(body(upload)).unwrap();
    let call = tokio::spawn(ReverseProxy::new().oneshot(to(&server.url(), request)));
    for number in 0..20 {
        sender.send_data(format!("part {number}").into()).await.unwrap();
        assert_eq!(hear.recv().await.unwrap(), format!("part {number}"));
    }
    drop(sender);
    assert_eq!(call.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn connections_are_used_again() {
    let server = upstream(async |_| Response::new(Full::<Bytes>::from("x"))).await;
    let proxy = ReverseProxy::new();
    for _ in 0..5 {
        let request = to(&server.url(), get("/").body(empty()).unwrap());
        proxy.clone().oneshot(request).await.unwrap().into_body().collect().await.unwrap();
    }
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn answers_without_a_body_keep_their_head() {
    let server = upstream(async |request: Request<Incoming>| {
        let response = Response::builder().header("etag", "\"v1\"");
        match request.uri().path() {
            "/204" => response.status(204).body(Full::<Bytes>::default()).unwrap(),
            "/304" => response.status(304).body(Full::default()).unwrap(),
            _ => response.body(Full::from("content")).unwrap(),
        }
    })
    .await;
    let front = front(ReverseProxy::new(), &server.url()).await;
    for (line, status, length) in [
        ("HEAD /", "200 OK", Some("content-length: 7")),
        ("GET /204", "204 No Content", None),
        ("GET /304", "304 Not Modified", None),
    ] {
        let answer = raw(&front, &format!("{line} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}\r\n")) && answer.ends_with("\r\n\r\n"),
            "{answer}"
        );
        assert_eq!(answer.lines().find(|line| line.starts_with("content-length")), length, "{answer}");
        assert!(answer.contains("etag: \"v1\"") && !answer.contains("transfer-encoding"), "{answer}");
    }
}

#[tokio::test]
async fn an_old_client_gets_an_answer_without_chunks() {
    let server = upstream(async |_| {
        let (mut sender, body) = Channel::<Bytes, BoxError>::new(1);
        tokio::spawn(async move { sender.send_data("old".into()).await });
        Response::new(body)
    })
    .await;
    let front = front(ReverseProxy::new(), &server.url()).await;
    let answer = raw(&front, "GET / HTTP/1.0\r\nhost: h\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.0 200") && answer.ends_with("\r\n\r\nold"), "{answer}");
}

#[tokio::test]
async fn a_length_beside_chunks_smuggles_nothing() {
    let (server, mut hear) = listening().await;
    let front = front(ReverseProxy::new(), &server.url()).await;
    let chunks = "5\r\nGET /\r\n0\r\n\r\n";
    for framing in
        ["content-length: 3\r\ntransfer-encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: 3"]
    {
        let head = format!("POST /x HTTP/1.1\r\nhost: h\r\nconnection: close\r\n{framing}\r\n\r\n");
        assert!(raw(&front, &(head + chunks)).await.starts_with("HTTP/1.1 200"), "{framing}");
        let (parts, body) = hear.recv().await.unwrap();
        assert_eq!((body.as_ref(), parts.headers.get("content-length")), (&b"GET /"[..], None), "{framing}");
    }
}

#[tokio::test]
async fn a_get_with_a_chunked_body_keeps_it() {
    let (server, mut hear) = listening().await;
    let front = front(ReverseProxy::new(), &server.url()).await;
    let request = "GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    assert!(raw(&front, request).await.starts_with("HTTP/1.1 200"));
    assert_eq!(hear.recv().await.unwrap().1, "ok");
}

#[tokio::test]
async fn a_request_without_exactly_one_valid_host_is_refused() {
    let (server, _hear) = listening().await;
    let front = front(RejectionLayer::new().layer(ReverseProxy::new()), &server.url()).await;
    for hosts in [
        "",
        "host: a\r\nhost: b\r\n",
        "host: a b\r\n",
        "host: user@a\r\n",
        "host: a\"/\r\n",
        "host: \r\n",
        "host: a:80:90\r\n",
        "host: a..\r\n",
        "host: %61\r\n",
        "host: a;x\r\n",
        "host: a,\r\n",
        "host: a!\r\n",
        "host: [a]\r\n",
    ] {
        let answer = raw(&front, &format!("GET / HTTP/1.1\r\n{hosts}connection: close\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("BAD_HOST"), "{answer}");
    }
}

async fn failure(proxy: ReverseProxy<TestBody>, endpoint: &str, upload: TestBody) -> Error {
    let request = Request::post("/").header("host", "h").body(upload).unwrap();
    proxy.oneshot(to(endpoint, request)).await.unwrap_err()
}

#[tokio::test]
async fn nobody_listening_is_a_bad_gateway() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = failure(ReverseProxy::new(), &address.to_string(), empty()).await;
    assert!(matches!(error, Error::Connect(_)), "{error:?}");
    assert_eq!(error.status(), StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn an_answer_that_is_not_http_is_a_bad_gateway() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"220 mail.example ESMTP\r\n").await
    });
    let error = failure(ReverseProxy::new(), &address, empty()).await;
    assert!(matches!(error, Error::Endpoint(_)), "{error:?}");
    assert_eq!(error.status(), StatusCode::BAD_GATEWAY);
}

/// An endpoint that answers one request with these bytes and closes.
async fn answering(bytes: impl AsRef<[u8]> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let heard = stream.read(&mut [0; 4096]).await.unwrap();
        assert!(heard > 0);
        stream.write_all(bytes.as_ref()).await
    });
    address
}

#[tokio::test]
async fn a_length_beside_chunks_cuts_no_answer() {
    let endpoint = answering(
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    )
    .await;
    let front = front(ReverseProxy::new(), &endpoint).await;
    let answer = raw(&front, "GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").await;
    assert!(answer.contains("5\r\nhello\r\n") && !answer.contains("content-length"), "{answer}");
}

#[tokio::test]
async fn of_an_answer_the_length_is_one_number_or_it_is_a_bad_gateway() {
    for (lengths, expected) in [
        ("content-length: 5\r\n", true),
        ("content-length: 5\r\ncontent-length: 5\r\n", true),
        ("content-length: 5, 5\r\n", true),
        ("content-length: 5\r\ncontent-length: 6\r\n", false),
        ("content-length: 5, 6\r\n", false),
        ("content-length: +5\r\n", false),
        ("content-length: -5\r\n", false),
    ] {
        for (method, body) in [("HEAD", ""), ("GET", "hello")] {
            let endpoint = answering(format!("HTTP/1.1 200 OK\r\n{lengths}\r\n{body}").into_bytes()).await;
            let front = front(RejectionLayer::new().layer(ReverseProxy::new()), &endpoint).await;
            let answer =
                raw(&front, &format!("{method} / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")).await;
            let told: Vec<&str> = answer.lines().filter(|line| line.starts_with("content-length")).collect();
            if expected {
                assert!(
                    answer.starts_with("HTTP/1.1 200") && answer.ends_with(body),
                    "{method} {lengths}: {answer}"
                );
                assert_eq!(told, ["content-length: 5"], "{method} {lengths}");
            } else {
                assert!(answer.starts_with("HTTP/1.1 502"), "{method} {lengths}: {answer}");
            }
        }
    }
}

#[tokio::test]
async fn an_answer_with_a_transfer_coding_that_would_be_lost_is_a_bad_gateway() {
    for codings in ["gzip, chunked", "gzip\r\ntransfer-encoding: chunked", "identity", "xchunked"] {
        let head = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: {codings}\r\nconnection: close\r\n\r\n");
        let endpoint = answering((head + "5\r\nhello\r\n0\r\n\r\n").into_bytes()).await;
        let error = failure(ReverseProxy::new(), &endpoint, empty()).await;
        assert!(matches!(error, Error::Endpoint(_)), "{codings}: {error:?}");
        assert_eq!(error.status(), StatusCode::BAD_GATEWAY);
    }
}

#[tokio::test]
async fn an_endpoint_that_changes_the_protocol_unasked_is_a_bad_gateway() {
    let endpoint =
        answering(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n").await;
    let error = failure(ReverseProxy::new(), &endpoint, empty()).await;
    assert!(matches!(error, Error::Switched), "{error:?}");
    assert_eq!(error.status(), StatusCode::BAD_GATEWAY);
}

#[tokio::test]
async fn an_endpoint_that_never_answers_is_a_gateway_timeout() {
    let server = upstream(async |_| std::future::pending::<Response<Empty<Bytes>>>().await).await;
    let proxy = ReverseProxy::new().with_response_timeout(Duration::from_millis(20));
    let error = failure(proxy, &server.url(), empty()).await;
    assert!(matches!(error, Error::TimedOut), "{error:?}");
    assert_eq!(error.status(), StatusCode::GATEWAY_TIMEOUT);
}

#[tokio::test]
async fn a_client_that_stops_sending_is_not_the_endpoints_fault() {
    let (server, _hear) = listening().await;
    let (_never_sends, upload) = Channel::<Bytes, BoxError>::new(1);
    let proxy = ReverseProxy::new().with_response_timeout(Duration::from_millis(20));
    let error = failure(proxy, &server.url(), body(upload)).await;
    assert!(matches!(error, Error::ClientStalled), "{error:?}");
    assert_eq!(error.status(), StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_not_the_endpoints_fault() {
    let server = upstream(async |request: Request<Incoming>| {
        drop(request.into_body().collect().await);
        Response::new(Empty::<Bytes>::new())
    })
    .await;
    let (sender, upload) = Channel::<Bytes, BoxError>::new(1);
    sender.abort("gone".into());
    let error = failure(ReverseProxy::new(), &server.url(), body(upload)).await;
    assert!(matches!(error, Error::ClientGone(_)), "{error:?}");
}

#[tokio::test]
async fn what_cannot_be_forwarded_says_why() {
    let error = ReverseProxy::new().oneshot(get("/").body(empty()).unwrap()).await.unwrap_err();
    assert!(matches!(error, Error::NoEndpoint), "{error:?}");
    let error = failure(ReverseProxy::new(), "https://10.0.0.1", empty()).await;
    assert_eq!(error.to_string(), "The proxy cannot use the address of the endpoint: https://10.0.0.1");
    let tunnel = Request::connect("mail.example:25").body(empty()).unwrap();
    let error = ReverseProxy::new().oneshot(to("127.0.0.1:9", tunnel)).await.unwrap_err();
    assert_eq!(error.status(), StatusCode::NOT_IMPLEMENTED);
}
