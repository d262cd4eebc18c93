//! A gRPC service and its client, both of tonic, with the gateway between them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod inside;

use std::{net::SocketAddr, time::Duration};

use hyper::server::conn::http2;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use tenantry::Balancer;
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};
use tonic::{Code, Request, body::Body};
use tonic_health::{
    ServingStatus,
    pb::{HealthCheckRequest, health_check_response::ServingStatus as Told, health_client::HealthClient},
    server::{HealthReporter, health_reporter},
};

/// A health service, and who says how services are.
async fn upstream() -> (String, HealthReporter) {
    let (reporter, health) = health_reporter();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(health.clone());
            let builder = http2::Builder::new(TokioExecutor::new());
            tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
        }
    });
    (url, reporter)
}

async fn gateway(url: &str, acme: &str) -> (SocketAddr, Balancer) {
    gateway_with(url, acme, "").await
}

async fn gateway_with(url: &str, acme: &str, more: &str) -> (SocketAddr, Balancer) {
    let document = format!(
        "[pools.api]\nendpoints = [{url:?}]\n[tenants.acme]\n{acme}\n[gateway]\n[gateway.upstream.api]\nhttp2 = true\n{more}"
    );
    inside::gateway(&document).await
}

fn client(gateway: SocketAddr) -> HealthClient<Client<HttpConnector, Body>> {
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<Body>();
    HealthClient::with_origin(client, format!("http://{gateway}").parse().unwrap())
}

fn question(service: &str) -> Request<HealthCheckRequest> {
    let mut request = Request::new(HealthCheckRequest { service: service.to_owned() });
    request.metadata_mut().insert("x-tenant", "acme".parse().unwrap());
    request
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_errors_and_streams_come_through() {
    let (url, reporter) = upstream().await;
    let (gateway, balancer) = gateway(&url, "").await;
    let mut client = client(gateway);
    reporter.set_service_status("shop", ServingStatus::Serving).await;
    let answer = client.check(question("shop")).await.unwrap().into_inner();
    assert_eq!(answer.status(), Told::Serving);
    // In trailers alone.
    let error = client.check(question("unheard-of")).await.unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
    let mut stream = client.watch(question("shop")).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().status(), Told::Serving);
    reporter.set_service_status("shop", ServingStatus::NotServing).await;
    assert_eq!(stream.message().await.unwrap().unwrap().status(), Told::NotServing);
    let in_flight = || balancer.stats().pool("api").unwrap().in_flight();
    assert_eq!(in_flight(), 1, "a stream is in flight until it ends");
    drop(stream);
    let freed = timeout(Duration::from_secs(30), async {
        while in_flight() > 0 {
            sleep(Duration::from_millis(5)).await;
        }
    });
    freed.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_large_is_told_so_by_a_status() {
    let (url, _) = upstream().await;
    let limits = "[gateway.limits]\nmax_headers = 20";
    let (gateway, _) = gateway_with(&url, "", limits).await;
    let mut client = client(gateway);
    let mut crowded = question("");
    for number in 0..20 {
        let name = tonic::metadata::AsciiMetadataKey::from_bytes(format!("x-{number}").as_bytes()).unwrap();
        crowded.metadata_mut().insert(name, "1".parse().unwrap());
    }
    let refused = client.check(crowded).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    assert_eq!(refused.metadata().get("grpc-retry-pushback-ms").unwrap(), "-1", "{refused:?}");
    assert_eq!(client.check(question("")).await.unwrap().into_inner().status(), Told::Serving);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_a_status_that_the_client_understands() {
    let (url, _) = upstream().await;
    let (gateway, _) = gateway(&url, "rate = { requests = 2, per = \"1h\" }").await;
    let mut client = client(gateway);
    for _ in 0..2 {
        assert_eq!(client.check(question("")).await.unwrap().into_inner().status(), Told::Serving);
    }
    let refused = client.check(question("")).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused:?}");
    assert!(refused.metadata().contains_key("grpc-retry-pushback-ms"), "{refused:?}");
}
