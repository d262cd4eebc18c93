//! Signing keys from an issuer's server, over TLS.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod inside;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../../tower-adapter/tests/support/issuer.rs"]
mod issuer;
mod pki;
mod raw_upstream;

use std::{
    fs, future,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use gateway_parts::{admin::Served, config::Document, listener::Listener, reload::Reloader};
use issuer::{Issuer, in_seconds, key_set};
use pki::Authority;
use raw_upstream::{answering, head, ok};
use serde_json::json;
use tenantry::Balancer;
use tenantry_tower::tls::{CertificateFiles, Certificates, ServerTls};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;

/// The issuer's server: what it answers now, and how often it was asked.
#[derive(Clone, Default)]
struct Server {
    answer: Arc<Mutex<Vec<u8>>>,
    asked: Arc<AtomicUsize>,
}

impl Server {
    fn answer(&self, answer: Vec<u8>) {
        *self.answer.lock().unwrap() = answer;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// Listens as `issuer.test` of this authority. Its port.
    async fn start(&self, authority: &Authority) -> u16 {
        authority.write("issuer", &authority.issue(&["localhost"]));
        let files = CertificateFiles::new(authority.file("issuer.pem"), authority.file("issuer.key"));
        let acceptor =
            TlsAcceptor::from(ServerTls::new(Certificates::read([files]).unwrap()).config().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, server) = (listener.local_addr().unwrap().port(), self.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(acceptor.clone(), stream, server.clone()));
            }
        });
        port
    }
}

/// One request's answer.
async fn answer(acceptor: TlsAcceptor, stream: TcpStream, server: Server) {
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    assert!(head(&mut stream).await.starts_with("GET /jwks.json HTTP/1.1"));
    server.asked.fetch_add(1, Ordering::Relaxed);
    let answer = server.answer.lock().unwrap().clone();
    stream.write_all(&answer).await.ok(); // its client may go away
    stream.shutdown().await.ok();
}

/// A gateway that asks there, as often as it may.
async fn gateway(port: u16, authority: &Authority) -> SocketAddr {
    let api = answering(|sent| sent.ends_with(b"\r\n\r\n"), |head| ok(&head)).await;
    let ca = authority.file("ca.pem");
    let document = format!(
        "[pools.api]\nendpoints = [{api:?}]\n[tenants.acme]\n[gateway.identify.jwt]\njwks = \"https://localhost:{port}/jwks.json\"\n\
        jwks_ca = {ca:?}\njwks_max_age = \"1ms\"\njwks_cooldown = \"1ms\"\nalgorithms = [\"ES256\"]\nissuer = \"i\"\naudience = \"a\""
    );
    inside::gateway(&document).await.0
}

fn token(issuer: &Issuer) -> String {
    issuer.token(&json!({ "iss": "i", "aud": "a", "exp": in_seconds(600), "tenant": "acme" }))
}

async fn status(gateway: SocketAddr, token: &str) -> u16 {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    let request =
        format!("GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer[9..12].parse().unwrap()
}

/// Asks until this is the answer.
async fn becomes(gateway: SocketAddr, token: &str, expected: u16) {
    let reached =
        timeout(Duration::from_secs(30), async { while status(gateway, token).await != expected {} });
    assert!(reached.await.is_ok(), "never {expected}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_follow_their_issuer_and_the_last_good_ones_stay_while_it_fails() {
    let (authority, server) = (Authority::new("jwks"), Server::default());
    let (first, second) = (Issuer::ec("k1"), Issuer::ec("k2"));
    let gateway = gateway(server.start(&authority).await, &authority).await;
    server.answer(ok(&key_set(&[&first])));
    assert_eq!(status(gateway, &token(&first)).await, 200);
    assert_eq!(status(gateway, &token(&second)).await, 401);
    // Neither an error nor nonsense, nor what leads elsewhere, takes good keys away.
    let elsewhere = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let error = "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    for failure in [error.into(), ok(b"{}"), ok(b"<html>"), elsewhere.into(), Vec::new()] {
        server.answer(failure);
        let asked = server.asked();
        let again = timeout(Duration::from_secs(30), async {
            while server.asked() < asked + 2 {
                assert_eq!(status(gateway, &token(&first)).await, 200);
            }
        });
        assert!(again.await.is_ok(), "it is asked again");
    }
    server.answer(ok(&key_set(&[&second])));
    becomes(gateway, &token(&second), 200).await;
    assert_eq!(status(gateway, &token(&first)).await, 401, "its key is gone");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_prove_who_it_is_gives_no_keys() {
    let (authority, server) = (Authority::new("jwks-proved"), Server::default());
    let (stranger, issuer) = (Authority::new("jwks-stranger"), Issuer::ec("k1"));
    server.answer(ok(&key_set(&[&issuer])));
    let gateway = gateway(server.start(&stranger).await, &authority).await;
    let answer = status(gateway, &token(&issuer)).await;
    assert!(answer == 401 || answer == 503, "{answer}");
    assert_eq!(server.asked(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_document_goes_on_with_the_keys_of_an_issuer_that_is_away() {
    let (authority, server) = (Authority::new("jwks-reload"), Server::default());
    let issuer = Issuer::ec("k1");
    server.answer(ok(&key_set(&[&issuer])));
    let (port, other) = (server.start(&authority).await, server.start(&authority).await);
    let api = answering(|sent| sent.ends_with(b"\r\n\r\n"), |head| ok(&head)).await;
    let (file, ca) = (authority.file("gateway.toml"), authority.file("ca.pem"));
    let write = |port: u16, leeway: &str| {
        let text = format!(
            "[pools.api]\nendpoints = [{api:?}]\n[tenants.acme]\n[gateway.identify.jwt]\njwks = \"https://localhost:{port}/jwks.json\"\n\
            jwks_ca = {ca:?}\nalgorithms = [\"ES256\"]\nissuer = \"i\"\naudience = \"a\"\nleeway = {leeway:?}"
        );
        fs::write(&file, text).unwrap();
    };
    write(port, "60s");
    let document = Document::read(&file).unwrap();
    let balancer = Balancer::new(document.balancer.clone()).unwrap();
    let mut reloader = Reloader::start(&file, document, &balancer, &Served::default(), |_| ());
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = socket.local_addr().unwrap();
    tokio::spawn(Listener::new(socket, reloader.live()).serve(future::pending(), Duration::ZERO));
    assert_eq!(status(gateway, &token(&issuer)).await, 200);
    server
        .answer("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".into());
    // The same document, and one that checks otherwise.
    for leeway in ["60s", "30s"] {
        write(port, leeway);
        reloader.reload(|_| ()).await.unwrap();
        assert_eq!(status(gateway, &token(&issuer)).await, 200, "{leeway}");
    }
    assert_eq!(server.asked(), 1, "nobody waits for another fetch");
    write(other, "30s");
    reloader.reload(|_| ()).await.unwrap();
    assert_eq!(status(gateway, &token(&issuer)).await, 503, "what another place says is not known");
}
