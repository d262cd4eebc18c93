//! What clients may ask for at most, and how long they are waited for.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod inside;

use std::{net::SocketAddr, time::Duration};

use tenantry::Balancer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    task::{JoinSet, yield_now},
    time::sleep,
};

/// Answers whatever comes with an answer that starts like this, and writes on for as long as it is read where that is wanted.
async fn upstream(answer: &'static str, endless: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut bytes = [0; 4_096];
                let mut is_alive = true;
                while is_alive && stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {
                    is_alive = stream.write_all(answer.as_bytes()).await.is_ok();
                    is_alive &= !endless || pour(&mut stream).await;
                }
            });
        }
    });
    url
}

/// Writes for as long as it is read. Whether there is anybody to write to afterwards.
async fn pour(stream: &mut TcpStream) -> bool {
    while stream.write_all(&[0; 4_096]).await.is_ok() {}
    false
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

async fn gateway(url: &str, limits: &str) -> (SocketAddr, Balancer) {
    let document = format!("[pools.api]\nendpoints = [{url:?}]\n[tenants.acme]\n[gateway.limits]\n{limits}");
    inside::gateway(&document).await
}

async fn connect(gateway: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// All that comes until the other side closes.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while stream.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {}
    String::from_utf8_lossy(&bytes).into_owned()
}

fn request(line: &str, more: &str) -> String {
    format!("{line} HTTP/1.1\r\nhost: h\r\nx-tenant: acme\r\n{more}\r\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_trickling_heads_take_nothing_from_others_and_are_closed() {
    let (gateway, _) = gateway(&upstream(OK, false).await, "header_timeout = \"2s\"").await;
    let mut slow = JoinSet::new();
    for _ in 0..500 {
        let mut stream = connect(gateway, "GET / HTTP/1.1\r\nhost: h\r\nx: ").await;
        slow.spawn(async move {
            let mut byte = [0];
            // As slow as it takes to be seen as alive by who looks at bytes alone.
            loop {
                tokio::select! {
                    read = stream.read(&mut byte) => return read.unwrap_or(0),
                    () = sleep(Duration::from_millis(200)) => {
                        if stream.write_all(b"a").await.is_err() {
                            return 0;
                        }
                    }
                }
            }
        });
    }
    for _ in 0..50 {
        let mut stream = connect(gateway, &request("GET /", "connection: close\r\n")).await;
        assert!(rest(&mut stream).await.starts_with("HTTP/1.1 200"), "others are served");
    }
    while let Some(read) = slow.join_next().await {
        assert_eq!(read.unwrap(), 0, "closed without an answer");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_without_a_request_is_closed_and_one_with_many_is_not() {
    let (gateway, _) = gateway(&upstream(OK, false).await, "keep_alive_timeout = \"1s\"").await;
    let mut stream = connect(gateway, "").await;
    let mut answer = vec![0; 1_000];
    for _ in 0..5 {
        stream.write_all(request("GET /", "").as_bytes()).await.unwrap();
        let read = stream.read(&mut answer).await.unwrap();
        assert!(answer[..read].starts_with(b"HTTP/1.1 200"));
    }
    assert_eq!(rest(&mut stream).await, "");
}

/// Whoever begins late has no more time for its head than anybody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_never_finish_a_head_the_first_to_come_is_closed_first() {
    let (gateway, _) = gateway(&upstream(OK, false).await, "header_timeout = \"2s\"").await;
    let mut first = TcpStream::connect(gateway).await.unwrap();
    sleep(Duration::from_millis(900)).await;
    let mut second = TcpStream::connect(gateway).await.unwrap();
    sleep(Duration::from_millis(900)).await;
    first.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    tokio::select! {
        _ = rest(&mut first) => {}
        _ = rest(&mut second) => unreachable!("it came later"),
    }
}

/// The preface of HTTP/2 and a method of HTTP/1.1 may begin alike.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_begins_with_one_letter_is_heard_out() {
    let (gateway, _) = gateway(&upstream(OK, false).await, "").await;
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let preface = [&b"RI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &settings].concat();
    let post = request("OST /", "content-length: 0\r\n").into_bytes();
    for (tail, expected) in [(preface, None), (post, Some(b"HTTP/1.1 "))] {
        let mut stream = connect(gateway, "P").await;
        sleep(Duration::from_millis(50)).await;
        stream.write_all(&tail).await.unwrap();
        let mut answer = [0; 9];
        stream.read_exact(&mut answer).await.unwrap();
        match expected {
            Some(expected) => assert_eq!(&answer, expected),
            None => assert_eq!(answer[3], settings[3], "a frame of settings: {answer:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_too_long_is_refused_at_once_or_where_it_becomes_so() {
    let (gateway, balancer) = gateway(&upstream("", false).await, "max_body_bytes = 1000").await;
    let mut stream = connect(gateway, &request("POST /", "content-length: 1001\r\n")).await;
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("application/problem+json"), "{answer}");
    assert!(answer.contains("BODY_TOO_LARGE"), "{answer}");
    assert_eq!(balancer.stats().pool("api").unwrap().in_flight(), 0);
    // Long before the last byte of it was sent, and the answer arrives all the same.
    let body = format!("3e9\r\n{}\r\n", "a".repeat(1001));
    let mut stream = connect(gateway, &(request("POST /", "transfer-encoding: chunked\r\n") + &body)).await;
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 413") && answer.contains("BODY_TOO_LARGE"), "{answer}");
    assert_eq!(balancer.stats().pool("api").unwrap().in_flight(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_sends_its_body_too_slowly_loses_its_seat() {
    let (gateway, balancer) = gateway(&upstream("", false).await, "body_grace = \"1s\"").await;
    let mut stream = connect(gateway, &request("POST /", "content-length: 1000\r\n")).await;
    let (mut reader, mut writer) = stream.split();
    let (mut answer, mut bytes) = (Vec::new(), [0; 1_000]);
    loop {
        tokio::select! {
            read = reader.read(&mut bytes) => match read {
                Ok(read @ 1..) => answer.extend_from_slice(&bytes[..read]),
                _ => break,
            },
            () = sleep(Duration::from_millis(100)) => {
                writer.write_all(b"a").await.ok();
            }
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("CLIENT_STALLED"), "{answer}");
    assert_eq!(balancer.stats().pool("api").unwrap().in_flight(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_does_not_read_loses_its_seat() {
    let url = upstream("HTTP/1.1 200 OK\r\ncontent-length: 1000000000000\r\n\r\n", true).await;
    let (gateway, balancer) = gateway(&url, "body_grace = \"1s\"").await;
    let stream = connect(gateway, &request("GET /", "")).await;
    let in_flight = || balancer.stats().pool("api").unwrap().in_flight();
    while in_flight() == 0 {
        yield_now().await;
    }
    while in_flight() > 0 {
        yield_now().await;
    }
    drop(stream);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_beyond_the_most_waits_for_one_that_goes() {
    let (gateway, _) = gateway(&upstream(OK, false).await, "max_connections = 1").await;
    let mut first = connect(gateway, &request("GET /", "")).await;
    let mut answer = [0; 1_000];
    assert!(first.read(&mut answer).await.unwrap() > 0);
    let mut second = connect(gateway, &request("GET /", "connection: close\r\n")).await;
    let is_early = tokio::select! {
        biased;
        _ = second.readable() => true,
        () = sleep(Duration::from_millis(100)) => false,
    };
    assert!(!is_early, "there is no seat for it");
    drop(first);
    assert!(rest(&mut second).await.starts_with("HTTP/1.1 200"));
}

/// A connection of the client with this address.
async fn connect_from(client: [u8; 4], gateway: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((client, 0).into()).unwrap();
    socket.connect(gateway).await.unwrap()
}

/// Whether the gateway keeps it and serves it.
async fn is_served(stream: &mut TcpStream) -> bool {
    let mut answer = [0; 1_000];
    stream.write_all(request("GET /", "").as_bytes()).await.ok(); // it may be closed by now
    stream.read(&mut answer).await.is_ok_and(|read| read > 0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_client_cannot_have_all_connections() {
    let url = upstream(OK, false).await;
    for (limits, most) in [("", 2), ("max_connections_per_client = 3", 3)] {
        let document = format!(
            "[pools.api]\nendpoints = [{url:?}]\n[tenants.acme]\n[gateway]\nidentify = {{ header = \"x-tenant\", trusted = [\"127.0.0.1\", \"127.0.0.2\", \"192.0.2.0/24\"] }}\n\
            proxy_protocol = {{ trusted = [\"127.0.0.4\"] }}\nforwarded = {{ trusted = [\"127.0.0.5\"] }}\n[gateway.limits]\nmax_connections = 8\n{limits}"
        );
        let (gateway, _) = inside::gateway(&document).await;
        // Silent ones.
        let mut held = vec![];
        for _ in 0..most {
            held.push(connect_from([127, 0, 0, 9], gateway).await);
        }
        sleep(Duration::from_millis(50)).await;
        for _ in 0..20 {
            let mut one_more = connect_from([127, 0, 0, 9], gateway).await;
            assert!(!is_served(&mut one_more).await, "{most} are enough");
        }
        let mut other = connect_from([127, 0, 0, 8], gateway).await;
        assert!(is_served(&mut other).await, "others do not notice");
        // A hop speaks for many.
        let mut hops = Vec::new();
        for hop in [[127, 0, 0, 2], [127, 0, 0, 5]] {
            for _ in 0..=most {
                hops.push(connect_from(hop, gateway).await);
                assert!(is_served(hops.last_mut().unwrap()).await);
            }
            hops.clear();
        }
        drop((hops, held, other));
        sleep(Duration::from_millis(100)).await;
        let mut again = connect_from([127, 0, 0, 9], gateway).await;
        assert!(is_served(&mut again).await, "its others have gone");
        drop(again);
        // Whom a proxy names counts as one who came himself.
        let mut all_named = Vec::new();
        for expected in (0..=most).map(|before| before < most) {
            let mut named = connect_from([127, 0, 0, 4], gateway).await;
            named.write_all(b"PROXY TCP4 198.51.100.7 198.51.100.1 5 80\r\n").await.unwrap();
            assert_eq!(is_served(&mut named).await, expected);
            all_named.push(named);
        }
    }
}
