//! The PROXY protocol: clients' addresses as a proxy tells them, and who is not believed.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod folder;
mod inside;
mod pki;
#[allow(dead_code, reason = "each test program uses a part of it")]
mod raw_upstream;
#[allow(dead_code, reason = "each test program uses a part of it")]
mod support;
#[allow(dead_code, reason = "each test program uses a part of it")]
mod tls_client;

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::{Command, Stdio},
};

use folder::Folder;
use gateway_parts::process::free_address;
use pki::Authority;
use ppp::v2::{Builder, Command as Kind, Protocol, Version};
use support::{Program, program, until_listening};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

/// This proxy is trusted.
const PROXY: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// This one is not.
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

/// A gateway that believes the proxy, and in the tenants that it and this network name; its upstream answers with the request's head.
async fn gateway(more: &str) -> SocketAddr {
    let url =
        raw_upstream::answering(|sent| sent.ends_with(b"\r\n\r\n"), |head| raw_upstream::ok(&head)).await;
    let document = format!(
        "[pools.api]\nendpoints = [{url:?}]\n[tenants.acme]\n[gateway]\nproxy_protocol = {{ trusted = [\"127.0.0.1\"] }}\n\
        identify = {{ header = \"x-tenant\", trusted = [\"127.0.0.0/8\", \"192.0.2.0/24\", \"2001:db8::/32\"] }}\n{more}"
    );
    inside::gateway(&document).await.0
}

async fn connect(from: Ipv4Addr, gateway: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    socket.connect(gateway).await.unwrap()
}

const REQUEST: &str = "GET / HTTP/1.1\r\nhost: h\r\nx-tenant: acme\r\nconnection: close\r\n\r\n";

/// What is answered to a request, if anything is.
async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> String {
    stream.write_all(REQUEST.as_bytes()).await.ok(); // the gateway may have closed by now
    let mut answer = Vec::new();
    while stream.read_buf(&mut answer).await.is_ok_and(|read| read > 0) {}
    String::from_utf8(answer).unwrap()
}

/// The answer after this header.
async fn answer(from: Ipv4Addr, gateway: SocketAddr, header: &[u8]) -> String {
    let mut stream = connect(from, gateway).await;
    stream.write_all(header).await.unwrap();
    ask(stream).await
}

fn client_of(answer: &str) -> &str {
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
    let line = answer.split("x-forwarded-for: ").nth(1).unwrap();
    line.split('\r').next().unwrap()
}

fn binary(client: &str) -> Vec<u8> {
    let client: SocketAddr = client.parse().unwrap();
    let server = match client.ip() {
        IpAddr::V4(_) => "198.51.100.1:443".parse().unwrap(),
        IpAddr::V6(_) => "[2001:db8::9]:443".parse().unwrap(),
    };
    let header = Builder::with_addresses(Version::Two | Kind::Proxy, Protocol::Stream, (client, server));
    header.write_tlv(0x05, b"an id").unwrap().build().unwrap()
}

fn local() -> Vec<u8> {
    [ppp::v2::PROTOCOL_PREFIX, &[0x20, 0, 0, 0]].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_address_that_a_trusted_proxy_tells_is_the_clients() {
    let gateway = gateway("").await;
    for (header, client) in [
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n".to_vec(), "192.0.2.7"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::9 56324 443\r\n".to_vec(), "2001:db8::7"),
        (binary("192.0.2.8:1"), "192.0.2.8"),
        (binary("[2001:db8::8]:1"), "2001:db8::8"),
        // No client's: the proxy's own stands.
        (local(), "127.0.0.1"),
    ] {
        assert_eq!(client_of(&answer(PROXY, gateway, &header).await), client, "{header:?}");
        // Byte by byte, as a network may have it.
        let mut stream = connect(PROXY, gateway).await;
        stream.set_nodelay(true).unwrap();
        for byte in &header {
            stream.write_all(&[*byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        assert_eq!(client_of(&ask(stream).await), client, "{header:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whom_the_proxy_names_is_who_counts_for_trust() {
    let gateway = gateway("").await;
    for header in
        ["PROXY TCP4 203.0.113.7 198.51.100.1 1 443\r\n", "PROXY UNKNOWN\r\n", "PROXY UNKNOWN ff 1 2 3\r\n"]
    {
        let elsewhere = answer(PROXY, gateway, header.as_bytes()).await;
        assert!(elsewhere.starts_with("HTTP/1.1 403"), "no such client may name a tenant: {elsewhere}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_speak_for_themselves_and_their_headers_end_the_connection() {
    let gateway = gateway("").await;
    assert_eq!(client_of(&ask(connect(STRANGER, gateway).await).await), "127.0.0.9");
    for header in [b"PROXY TCP4 192.0.2.7 198.51.100.1 1 443\r\n".to_vec(), binary("192.0.2.8:1"), local()] {
        let answer = answer(STRANGER, gateway, &header).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{header:?}: {answer}");
        assert!(!answer.contains("200 OK"), "{header:?}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_header_ends_the_connection_without_a_word() {
    let gateway = gateway("limits = { header_timeout = \"2s\" }").await;
    let long = format!("PROXY TCP4 {} 198.51.100.1 1 443\r\n", "1".repeat(107));
    let mut oversized = binary("192.0.2.8:1");
    (oversized[14], oversized[15]) = (0xff, 0xff);
    let mut version = local();
    version[12] = 0x10;
    let mut command = local();
    command[12] = 0x2f;
    let mut short = binary("192.0.2.8:1");
    (short[14], short[15]) = (0, 4);
    for header in [
        b"".to_vec(), // an ordinary request
        b"PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n".to_vec(),
        b"PROXY TCP4 2001:db8::7 2001:db8::9 1 443\r\n".to_vec(),
        b"PROXY TCP4 192.0.2.7 198.51.100.1 1 65536\r\n".to_vec(),
        b"PROXY TCP4 192.0.2.7 198.51.100.1 1 443\n".to_vec(),
        b"PROXY UDP4 192.0.2.7 198.51.100.1 1 443\r\n".to_vec(),
        b"proxy TCP4 192.0.2.7 198.51.100.1 1 443\r\n".to_vec(),
        b"PROXY TCP4 192.0.2.7\r 198.51.100.1 1 443\r\n".to_vec(),
        long.into_bytes(),
        oversized,
        version,
        command,
        short,
    ] {
        assert_eq!(answer(PROXY, gateway, &header).await, "", "{header:?}");
    }
    // And one that never ends.
    for beginning in [&b"PROXY TCP4 192.0.2.7 "[..], b"PROXY", &binary("192.0.2.8:1")[..20], b""] {
        let mut stream = connect(PROXY, gateway).await;
        stream.write_all(beginning).await.unwrap();
        assert!(!stream.read(&mut [0]).await.is_ok_and(|read| read > 0), "{beginning:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_begins_after_the_header() {
    let authority = Authority::new("proxy-protocol-tls");
    authority.write("a", &authority.issue(&["a.test"]));
    let (certificate, key) = (authority.file("a.pem"), authority.file("a.key"));
    let gateway =
        gateway(&format!("tls = {{ certificates = [{{ certificate = {certificate:?}, key = {key:?} }}] }}"))
            .await;
    for header in [b"PROXY TCP4 192.0.2.7 198.51.100.1 1 443\r\n".to_vec(), binary("192.0.2.7:1")] {
        let mut stream = connect(PROXY, gateway).await;
        stream.write_all(&header).await.unwrap();
        let client = tls_client::client(&authority, None, &["http/1.1"]);
        let stream = client.connect("a.test".to_owned().try_into().unwrap(), stream).await.unwrap();
        assert_eq!(client_of(&ask(stream).await), "192.0.2.7");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_guard_bans_the_client_and_not_the_proxy() {
    let gateway = gateway("guard = { rules = { authentication = { limit = 3, per = \"1h\" } } }").await;
    let header = |client: &str| format!("PROXY TCP4 {client} 198.51.100.1 1 443\r\n").into_bytes();
    let guess = async || {
        let mut stream = connect(PROXY, gateway).await;
        stream.write_all(&header("203.0.113.7")).await.unwrap();
        ask(stream).await
    };
    for _ in 0..100 {
        if guess().await.is_empty() {
            break;
        }
    }
    assert_eq!(guess().await, "", "who guesses is banned, and has no connection");
    assert_eq!(client_of(&answer(PROXY, gateway, &header("192.0.2.7")).await), "192.0.2.7");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn haproxy_tells_its_clients_addresses_in_both_versions() {
    let Some(binary) = program("haproxy") else { return left_out() };
    let (gateway, folder) = (gateway("").await, Folder::new("proxy-protocol"));
    for version in ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options unique-id,crc32c"] {
        let port = free_address().unwrap().port();
        let config = folder.join("haproxy.cfg");
        let text = format!(
            "defaults\n  mode tcp\n  timeout connect 10s\n  timeout client 30s\n  timeout server 30s\nlisten gateway\n  \
            bind 127.0.0.1:{port}\n  unique-id-format %[uuid()]\n  server s {gateway} {version} check\n"
        );
        fs::write(&config, text).unwrap();
        let child =
            Command::new(&binary).arg("-db").arg("-f").arg(&config).stderr(Stdio::null()).spawn().unwrap();
        let mut haproxy = Program { child };
        until_listening(port, &mut haproxy.child);
        let client = connect(Ipv4Addr::new(127, 0, 0, 5), (PROXY, port).into()).await;
        assert_eq!(client_of(&ask(client).await), "127.0.0.5", "{version}");
    }
}

#[expect(clippy::print_stderr, reason = "what a run leaves out must be seen")]
fn left_out() {
    eprintln!("LEFT OUT: a test of the gateway behind HAProxy: haproxy is not installed");
}
