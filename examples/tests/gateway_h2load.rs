//! nghttp2's own load generator, over HTTP/2 in the clear and over TLS.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

#[allow(dead_code, reason = "each test program uses a part of it")]
mod folder;
mod inside;
mod pki;
#[allow(dead_code, reason = "each test program uses a part of it")]
mod support;

use std::{convert::Infallible, process::Command};

use http::{Request, Response};
use http_body_util::Full;
use hyper::{
    body::{Bytes, Incoming},
    service::service_fn,
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use pki::Authority;
use support::{program, succeed};
use tokio::net::TcpListener;

/// Longer than a stream's first window, so that clients have to open it.
const LENGTH: usize = 100_000;

async fn answer(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from(vec![7; LENGTH])))
}

async fn upstream() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                server.serve_connection(TokioIo::new(stream), service_fn(answer)).await.ok()
            });
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_a_thousand_requests_on_many_streams_is_served_whole() {
    let Some(h2load) = program("h2load") else { return left_out() };
    let authority = Authority::new("h2load");
    authority.write("a", &authority.issue(&["a.test"]));
    let tls = format!(
        "tls = {{ certificates = [{{ certificate = {:?}, key = {:?} }}] }}",
        authority.file("a.pem"),
        authority.file("a.key")
    );
    for (scheme, tls) in [("http", ""), ("https", &*tls)] {
        for http2 in [false, true] {
            let document = format!(
                "[pools.api]\nendpoints = [{:?}]\ncapacity = 64\n[tenants.acme]\n[gateway]\n{tls}\n[gateway.upstream.api]\nhttp2 = {http2}",
                upstream().await
            );
            let (gateway, balancer) = inside::gateway(&document).await;
            let mut load = Command::new(&h2load);
            load.args(["-n", "1000", "-c", "4", "-m", "16", "-H", "x-tenant: acme"])
                .arg(format!("{scheme}://{gateway}/"));
            let report = succeed(&mut load);
            let expected = "requests: 1000 total, 1000 started, 1000 done, 1000 succeeded, 0 failed, 0 errored, 0 timeout";
            assert!(report.contains(expected), "{scheme}, HTTP/2 {http2}: {report}");
            let bytes = report.split("headers (space savings").nth(1).unwrap();
            assert!(bytes.contains(&format!("({}) data", 1_000 * LENGTH)), "{report}");
            let pool = balancer.stats();
            assert_eq!(pool.pool("api").unwrap().in_flight(), 0);
        }
    }
}

#[expect(clippy::print_stderr, reason = "what a run leaves out must be seen")]
fn left_out() {
    eprintln!("LEFT OUT: a test of the gateway with h2load: nghttp2-client is not installed");
}
