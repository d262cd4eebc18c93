//! A route whose requests are copied to another pool, over real sockets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

#[allow(dead_code, reason = "each test program uses a part of it")]
mod raw_upstream;

use std::{net::SocketAddr, time::Duration};

use gateway_parts::{config::Document, route::Router, serve::serve as serve_until};
use raw_upstream::{answering, ok};
use tenantry::{Balancer, Format};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::timeout,
};

/// An upstream that tells what it was sent, of requests whose bodies are four bytes long.
async fn upstream() -> (String, UnboundedReceiver<String>) {
    let (tell, told) = unbounded_channel();
    let is_whole = |sent: &[u8]| sent.windows(4).any(|end| end == b"\r\n\r\n") && sent.ends_with(b"body");
    let answer = move |sent| {
        tell.send(String::from_utf8(sent).unwrap()).ok();
        ok(b"")
    };
    (answering(is_whole, answer).await, told)
}

async fn gateway(api: &str, next: &str, route: &str) -> SocketAddr {
    let text = format!(
        "[pools.api]\nendpoints = [\"{api}\"]\n[pools.next]\nendpoints = [\"{next}\"]\n[tenants.acme]\nrate = \"2/h\"\n[gateway]\nroutes = [{{ path = \"/\", pool = \"api\", mirror = {{ pool = \"next\", share = 1.0 }}{route} }}]"
    );
    serve(&text).await
}

/// A gateway of this document.
async fn serve(text: &str) -> SocketAddr {
    let Document { balancer, settings, .. } = Document::from_text(text, Format::Toml).unwrap();
    let router = Router::new(&Balancer::new(balancer).unwrap(), &settings, None);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve_until(listener, router, std::future::pending(), Duration::from_secs(1)));
    address
}

async fn post(gateway: SocketAddr) -> u16 {
    post_as(gateway, "acme").await
}

async fn post_as(gateway: SocketAddr, tenant: &str) -> u16 {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    let head = format!(
        "POST /things HTTP/1.1\r\nhost: h\r\nconnection: close\r\nx-tenant: {tenant}\r\nx-mirrored-request: forged\r\ncontent-length: 4\r\n\r\nbody"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer[9..12].parse().unwrap()
}

#[tokio::test]
async fn copies_go_to_the_other_pool_marked_and_take_nothing_from_the_tenants_rate() {
    for route in ["", ", retry = {}", ", hedge = \"5s\"", ", retry = {}, hedge = \"p95\""] {
        let ((api, mut mains), (next, mut copies)) = (upstream().await, upstream().await);
        let gateway = gateway(&api, &next, route).await;
        for _ in 0..2 {
            assert_eq!(post(gateway).await, 200);
            let (main, copy) = (mains.recv().await.unwrap(), copies.recv().await.unwrap());
            assert!(main.starts_with("POST /things ") && !main.contains("x-mirrored-request"), "{main}");
            assert!(
                copy.starts_with("POST /things ") && copy.contains("x-mirrored-request: true\r\n"),
                "{copy}"
            );
        }
        assert_eq!(post(gateway).await, 429, "two an hour, and they were two");
    }
}

#[tokio::test]
async fn a_client_can_neither_be_the_tenant_of_copies_nor_call_its_request_one() {
    let ((api, mut mains), (next, _copies)) = (upstream().await, upstream().await);
    for (more, tenant) in [("", "mirror"), (", tenant = \"shadow\"", "shadow")] {
        let document = format!(
            "unknown_tenants = {{ template = \"each\", max = 9 }}\n[templates.each]\n[pools.api]\nendpoints = [{api:?}]\n[pools.next]\nendpoints = [{next:?}]\n[tenants.acme]\n[gateway]\n\
            routes = [{{ path = \"/\", pool = \"api\" }}, {{ path = \"/x\", pool = \"api\", mirror = {{ pool = \"next\", share = 0.0{more} }} }}]"
        );
        let gateway = serve(&document).await;
        assert_eq!(post_as(gateway, tenant).await, 403, "on any route");
        assert_eq!((post_as(gateway, "acme").await, post_as(gateway, "else").await), (200, 200));
        // Also where the route has no mirror.
        for _ in 0..2 {
            let main = mains.recv().await.unwrap();
            assert!(!main.contains("x-mirrored-request"), "{main}");
        }
    }
}

/// Neither a request nor its copy says behind its body what was taken off its head.
#[tokio::test]
async fn trailers_of_copies_are_cleaned_as_those_of_requests() {
    let (tell, mut told) = unbounded_channel();
    let is_whole =
        |sent: &[u8]| sent.windows(5).any(|end| end == b"\r\n0\r\n") && sent.ends_with(b"\r\n\r\n");
    let answer = move |sent| {
        tell.send(String::from_utf8(sent).unwrap()).ok();
        ok(b"")
    };
    let url = answering(is_whole, answer).await;
    // Of the key `k`, 32 times.
    let hash = "5e318f8cf9cbe249a30812b8ca132d691ded7a91991413558db5758575f5e01f";
    let document = format!(
        "[pools.api]\nendpoints = [{url:?}]\n[pools.next]\nendpoints = [{url:?}]\n[tenants.acme]\n[gateway]\nidentify = {{ api_key = {{ from = {{ header = \"x-api-key\" }}, keys = [{{ tenant = \"acme\", sha256 = \"{hash}\" }}] }} }}
routes = [{{ path = \"/\", pool = \"api\", mirror = {{ pool = \"next\", share = 1.0 }} }}]"
    );
    let mut stream = TcpStream::connect(serve(&document).await).await.unwrap();
    let names = ["x-api-key", "x_api_key", "x-mirrored-request", "x-checksum"];
    let trailers = names.map(|name| format!("{name}: behind\r\n")).concat();
    let request = format!(
        "POST / HTTP/1.1\r\nhost: h\r\nx-api-key: {}\r\ntrailer: {}\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n{trailers}\r\n",
        "k".repeat(32),
        names.join(", ")
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    for _ in 0..2 {
        let sent =
            timeout(Duration::from_secs(10), told.recv()).await.expect("a request and its copy").unwrap();
        let (_, behind) = sent.split_once("\r\n0\r\n").unwrap();
        assert_eq!(behind, "x-checksum: behind\r\n\r\n", "{sent}");
    }
}

#[tokio::test]
async fn a_mirror_that_is_down_harms_nobody() {
    let (api, _told) = upstream().await;
    let gateway = gateway(&api, "http://127.0.0.1:9", "").await;
    assert_eq!((post(gateway).await, post(gateway).await), (200, 200));
}

#[test]
fn what_is_wrong_in_the_table_is_told_by_path_value_and_fix() {
    for (mirror, parts) in [
        ("{ pool = \"nxt\", share = 0.1 }", &["gateway.routes[0].mirror.pool", "nxt", "next"][..]),
        (
            "{ pool = \"api\", share = 0.1 }",
            &["gateway.routes[0].mirror.pool", "api", "another pool", "next"],
        ),
        ("{ pool = \"next\", share = 5 }", &["gateway.routes[0].mirror.share", "5", "0.05"]),
        ("{ pool = \"next\" }", &["gateway.routes[0].mirror", "share"]),
        ("{ pool = \"next\", share = 0.1, part = 1 }", &["gateway.routes[0].mirror.part"]),
    ] {
        let text = format!(
            "[pools.api]\nendpoints = [\"http://a:1\"]\n[pools.next]\nendpoints = [\"http://a:2\"]\n[gateway]\nroutes = [{{ path = \"/\", pool = \"api\", mirror = {mirror} }}]"
        );
        let problem = Document::from_text(&text, Format::Toml).unwrap_err().to_string();
        assert!(parts.iter().all(|part| problem.contains(part)), "{mirror}: {problem}");
    }
}
