//! A gateway before an endpoint that resets every connection and one that works: what its routes say of retries is what clients see.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

use std::time::Duration;

use gateway_parts::{config::Document, route::Router, serve, upstream};
use tenantry::{Balancer, Format};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// Accepts, reads, and closes without a word.
async fn mute() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            drop(stream.read(&mut [0; 1_024]).await);
        }
    });
    url
}

/// The head of an answer.
async fn ask(gateway: std::net::SocketAddr, line: &str, more: &str) -> String {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    let request = format!("{line} HTTP/1.1\r\nhost: h\r\nx-tenant: acme\r\nconnection: close\r\n{more}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split("\r\n\r\n").next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn routes_with_retries_show_clients_no_error_that_another_endpoint_can_mend() {
    let works = format!("http://{}", upstream::start().await.unwrap());
    let text = format!(
        r#"
        [pools.api]
        strategy = "random"
        endpoints = ["{}", "{works}"]
        health = {{ outlier = {{ consecutive_failures = 1000 }} }}
        retry = {{ ratio = 1.0, per_second = 100 }}
        [tenants.acme]
        [gateway]
        routes = [
            {{ path = "/", pool = "api" }},
            {{ path = "/again", pool = "api", retry = {{ attempts = 3 }} }},
            {{ path = "/both", pool = "api", retry = {{}}, hedge = "5s" }},
        ]
        "#,
        mute().await
    );
    let Document { balancer, settings, .. } = Document::from_text(&text, Format::Toml).unwrap();
    let router = Router::new(&Balancer::new(balancer).unwrap(), &settings, None);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = listener.local_addr().unwrap();
    tokio::spawn(serve::serve(listener, router, std::future::pending(), Duration::from_secs(1)));

    let mut failures = [0; 4];
    let mut retried = 0;
    for _ in 0..20 {
        let upgrade = "connection: upgrade\r\nupgrade: websocket\r\n";
        let asked = [("GET /", ""), ("POST /again", ""), ("GET /again", upgrade), ("GET /again/x", "")];
        for (count, (line, more)) in failures.iter_mut().zip(asked) {
            let head = ask(gateway, line, more).await;
            assert!(head.starts_with("HTTP/1.1 200") || head.starts_with("HTTP/1.1 502"), "{line}: {head}");
            *count += u32::from(head.starts_with("HTTP/1.1 502"));
            retried += u32::from(head.contains("x-attempt-count: 2"));
        }
        assert!(ask(gateway, "GET /both", "").await.starts_with("HTTP/1.1 200"));
    }
    // Without retries, not idempotent, and an upgrade: about half of them meet the mute one.
    assert!(failures[..3].iter().all(|count| *count > 0), "{failures:?}");
    assert!(failures[3] == 0 && retried > 0, "{failures:?}, {retried}");
}
