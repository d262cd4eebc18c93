//! TLS from clients: which certificate is shown, how it is exchanged under load, and whom clients' own certificates name.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod inside;
mod pki;
mod tls_client;

use std::{
    fs,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use gateway_parts::upstream;
use http::{Request, StatusCode};
use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use pki::{Authority, Pair};
use tls_client::{client as client_of, connect};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::{sleep, timeout},
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::pki_types::{CertificateDer, pem::PemObject},
};

type Stream = TlsStream<tokio::net::TcpStream>;

/// Tells the head of each request in its answer's body.
async fn mirror() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut bytes = vec![0; 8_192];
                while let Ok(read @ 1..) = stream.read(&mut bytes).await {
                    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {read}\r\n\r\n");
                    stream.write_all(&[head.as_bytes(), &bytes[..read]].concat()).await.unwrap();
                }
            });
        }
    });
    url
}

async fn ask(stream: &mut Stream, more: &str) -> String {
    let request = format!("GET / HTTP/1.1\r\nhost: h\r\n{more}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 8_192];
    let read = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

/// So many requests over one connection; how many there were.
async fn serve(stream: &mut Stream, requests: u32) -> u32 {
    for _ in 0..requests {
        let answer = ask(stream, "x-tenant: acme\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    requests
}

/// The certificate that is shown to who asks for this name.
async fn shown(client: &TlsConnector, gateway: SocketAddr, name: &str) -> Option<Vec<u8>> {
    let stream = connect(client, gateway, name).await.ok()?;
    Some(stream.get_ref().1.peer_certificates()?[0].to_vec())
}

fn der(pair: &Pair) -> Vec<u8> {
    CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap().to_vec()
}

fn document(authority: &Authority, url: &str, names: &[&str], more: &str) -> String {
    let file = |name: String| authority.file(&name).display().to_string();
    let pairs: Vec<String> = names
        .iter()
        .map(|name| {
            let (certificate, key) = (file(format!("{name}.pem")), file(format!("{name}.key")));
            format!("{{ certificate = {certificate:?}, key = {key:?} }}")
        })
        .collect();
    let ca = authority.file("ca.pem");
    let more = more.replace("CA", &format!("{ca:?}"));
    format!(
        "[pools.api]\nendpoints = [{url:?}]\n[tenants.acme]\n[gateway]\n{more}\n[gateway.tls]\ncertificates = [{}]\n",
        pairs.join(", ")
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_name_that_is_asked_for_picks_the_certificate() {
    let authority = Authority::new("sni");
    let (a, b) =
        (authority.issue(&["a.test", "both.test"]), authority.issue(&["b.test", "*.b.test", "both.test"]));
    authority.write("a", &a);
    authority.write("b", &b);
    let (gateway, _) = inside::gateway(&document(&authority, &mirror().await, &["a", "b"], "")).await;
    let client = client_of(&authority, None, &[]);
    for (name, pair) in [("a.test", &a), ("b.test", &b), ("B.test", &b), ("x.b.test", &b), ("both.test", &a)]
    {
        assert_eq!(shown(&client, gateway, name).await, Some(der(pair)), "{name}");
    }
    // The first one's, which the client then does not believe.
    assert_eq!(shown(&client, gateway, "c.test").await, None);
    for (offered, agreed) in
        [(&["h2", "http/1.1"][..], Some("h2")), (&["http/1.1"], Some("http/1.1")), (&[], None)]
    {
        let stream = connect(&client_of(&authority, None, offered), gateway, "a.test").await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), agreed.map(str::as_bytes), "{offered:?}");
    }
    let mut stream = connect(&client, gateway, "a.test").await.unwrap();
    let answer = ask(&mut stream, "x-tenant: acme\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("x-forwarded-proto: https"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_new_certificates_under_load_break_no_request() {
    let authority = Authority::new("reload");
    let pairs = [authority.issue(&["a.test"]), authority.issue(&["a.test"])];
    authority.write("a", &pairs[0]);
    let url = format!("http://{}", upstream::start().await.unwrap());
    let (gateway, _) = inside::gateway(&document(&authority, &url, &["a"], "")).await;
    let client = client_of(&authority, None, &["http/1.1"]);

    let (is_over, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let load = [1, 20].map(|requests| {
        let (client, is_over, served) = (client.clone(), Arc::clone(&is_over), Arc::clone(&served));
        tokio::spawn(async move {
            // Relaxed: a flag and a counter that guard nothing else.
            while !is_over.load(Ordering::Relaxed) {
                let mut stream = connect(&client, gateway, "a.test").await.unwrap();
                served.fetch_add(serve(&mut stream, requests).await, Ordering::Relaxed);
            }
        })
    });
    let mut lasting = connect(&client, gateway, "a.test").await.unwrap();
    for round in 1..=100 {
        let pair = &pairs[round % 2];
        authority.write("a", pair);
        while shown(&client, gateway, "a.test").await != Some(der(pair)) {}
        assert!(ask(&mut lasting, "x-tenant: acme\r\n").await.starts_with("HTTP/1.1 200"), "it lives on");
    }
    // What cannot be used changes nothing.
    let good = shown(&client, gateway, "a.test").await;
    fs::write(authority.file("a.pem"), "nonsense").unwrap();
    for _ in 0..50 {
        assert_eq!(shown(&client, gateway, "a.test").await, good);
    }
    is_over.store(true, Ordering::Relaxed);
    for load in load {
        load.await.unwrap();
    }
    assert!(served.load(Ordering::Relaxed) > 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_is_who_its_certificate_names() {
    let authority = Authority::new("mutual");
    authority.write("a", &authority.issue(&["a.test"]));
    let acme = authority.issue(&["acme.tenants.test"]);
    let (stranger, nobody) =
        (Authority::new("stranger").issue(&["acme.tenants.test"]), authority.issue(&["x.test"]));
    let url = mirror().await;
    let identify = r#"identify = { client_certificate = { name = "dns", suffix = ".tenants.test" }, tell = "x-account" }"#;
    for (clients, without) in [("required", None), ("optional", Some("HTTP/1.1 401"))] {
        let document = document(&authority, &url, &["a"], identify);
        let ca = authority.file("ca.pem");
        let (gateway, _) =
            inside::gateway(&format!("{document}client_ca = {ca:?}\nclient_certificate = {clients:?}\n"))
                .await;
        let answer = async |pair: Option<&Pair>| {
            let mut stream = connect(&client_of(&authority, pair, &[]), gateway, "a.test").await.ok()?;
            stream
                .write_all(b"GET / HTTP/1.1\r\nhost: h\r\nx-account: other\r\nconnection: close\r\n\r\n")
                .await
                .ok()?;
            let mut answer = String::new();
            // TLS 1.3: that the client's certificate was refused shows with the first read.
            stream.read_to_string(&mut answer).await.ok()?;
            Some(answer)
        };
        let served = answer(Some(&acme)).await.unwrap();
        assert!(served.starts_with("HTTP/1.1 200") && served.contains("x-account: acme"), "{served}");
        assert!(!served.contains("other"), "{served}");
        assert_eq!(answer(Some(&stranger)).await, None, "signed by nobody we trust");
        let refused = answer(Some(&nobody)).await.unwrap();
        assert!(refused.starts_with("HTTP/1.1 40"), "{refused}");
        match (answer(None).await, without) {
            (None, None) => {}
            (Some(answer), Some(status)) => assert!(answer.starts_with(status), "{answer}"),
            other => panic!("{other:?}"),
        }
    }
}

/// What a new connection of this client is told, if it gets in.
async fn told(client: &TlsConnector, gateway: SocketAddr) -> Option<String> {
    let mut stream = connect(client, gateway, "a.test").await.ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_got_in_by_roots_that_are_gone_is_known_no_longer() {
    let (authority, next) = (Authority::new("roots"), Authority::new("roots-next"));
    authority.write("a", &authority.issue(&["a.test"]));
    let [before, after] = [&authority, &next].map(|of| of.issue(&["acme.tenants.test"]));
    let roots = [&authority, &next].map(|of| fs::read_to_string(of.file("ca.pem")).unwrap());
    let clients = authority.file("clients.pem");
    fs::write(&clients, &roots[0]).unwrap();
    let identify = "identify = { client_certificate = { name = \"dns\", suffix = \".tenants.test\" } }\nlimits = { header_timeout = \"500ms\" }";
    let document = document(&authority, &mirror().await, &["a"], identify);
    let (gateway, _) = inside::gateway(&format!("{document}client_ca = {clients:?}\n")).await;
    let client = |pair, protocol| client_of(&authority, Some(pair), &[protocol]);
    let (old, new) = (client(&before, "http/1.1"), client(&after, "http/1.1"));
    let mut lasting = connect(&old, gateway, "a.test").await.unwrap();
    assert!(ask(&mut lasting, "").await.starts_with("HTTP/1.1 200"));
    let multiplexed = connect(&client(&before, "h2"), gateway, "a.test").await.unwrap();
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(multiplexed)).await.unwrap();
    let connection = tokio::spawn(connection);
    let request = || Request::get("https://a.test/").body(Empty::<Bytes>::new()).unwrap();
    assert_eq!(sender.send_request(request()).await.unwrap().status(), StatusCode::OK);
    assert_eq!(told(&new, gateway).await, None, "signed by nobody we trust");

    // Both count while clients change from one to the other.
    fs::write(&clients, roots.concat()).unwrap();
    while told(&new, gateway).await.is_none() {
        sleep(Duration::from_millis(10)).await;
    }
    assert!(ask(&mut lasting, "").await.starts_with("HTTP/1.1 200"));

    fs::write(&clients, &roots[1]).unwrap();
    while told(&old, gateway).await.is_some() {
        sleep(Duration::from_millis(10)).await;
    }
    assert!(told(&new, gateway).await.unwrap().starts_with("HTTP/1.1 200"));
    let refused = ask(&mut lasting, "").await;
    let parts = ["HTTP/1.1 421", "connection: close", "CLIENT_OUTDATED"];
    assert!(parts.iter().all(|part| refused.contains(part)), "{refused}");
    assert_eq!(sender.send_request(request()).await.unwrap().status(), StatusCode::MISDIRECTED_REQUEST);
    // So that its client opens another one, which it may get into by another certificate.
    timeout(Duration::from_secs(30), connection).await.unwrap().unwrap().unwrap();
}
