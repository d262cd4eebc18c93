//! The layers under axum, plain hyper and tonic: the examples, as they run.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]
#![allow(clippy::duplicate_mod, reason = "two examples have one client")]

#[path = "../examples/axum.rs"]
mod with_axum;
#[path = "../examples/hyper.rs"]
mod with_hyper;
#[cfg(feature = "health-grpc")]
#[path = "../examples/tonic.rs"]
mod with_tonic;

use std::net::SocketAddr;

use with_axum::client::get;

async fn serves_within_limits(address: SocketAddr) {
    for _ in 0..2 {
        let answer = get(address, "acme").await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("hello acme"), "{answer}");
    }
    let answer = get(address, "acme").await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 429 ") && answer.contains("RATE_LIMITED"), "{answer}");
    let answer = get(address, "stranger").await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
}

#[tokio::test]
async fn axum_serves_tenants_within_their_limits() {
    serves_within_limits(with_axum::serve().await.unwrap()).await;
}

#[tokio::test]
async fn hyper_serves_tenants_within_their_limits() {
    serves_within_limits(with_hyper::serve().await.unwrap()).await;
}

#[cfg(feature = "health-grpc")]
#[tokio::test]
async fn tonic_serves_tenants_within_their_limits() {
    let address = with_tonic::serve().await.unwrap();
    for _ in 0..2 {
        assert!(with_tonic::ask(address, "acme").await.is_ok());
    }
    assert_eq!(with_tonic::ask(address, "acme").await.unwrap_err().code(), tonic::Code::ResourceExhausted);
    assert_eq!(with_tonic::ask(address, "stranger").await.unwrap_err().code(), tonic::Code::PermissionDenied);
}
