//! A real upstream that tells of its limits: what it says is kept to, where the layer shall learn it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use support::{Server, empty, upstream};
use tenantry::{Balancer, Config, ManualClock, PoolSpec, Rejection, TenantSpec};
use tenantry_tower::{
    balance::{BalanceLayer, Error},
    proxy::ReverseProxy,
    tenant::TenantLayer,
};
use tower::{Service, ServiceBuilder, ServiceExt};

/// An upstream that allows so many requests, and then answers 429 for a minute.
async fn with_quota(limit: usize) -> (Server, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let server = upstream(move |_| {
        let number = counter.fetch_add(1, Ordering::SeqCst);
        async move {
            let answer = Response::builder()
                .header("x-ratelimit-limit-requests", limit)
                .header("x-ratelimit-remaining-requests", limit.saturating_sub(number + 1))
                .header("x-ratelimit-reset-requests", "1m0s");
            let answer = if number < limit { answer } else { answer.status(429).header("retry-after", "60") };
            answer.body(Full::<Bytes>::default()).unwrap()
        }
    })
    .await;
    (server, asked)
}

fn balancer(servers: &[&Server]) -> (Balancer, ManualClock) {
    let config = Config::new()
        .with_pool("api", PoolSpec::new(servers.iter().map(|server| server.url())))
        .with_tenant("acme", TenantSpec::new());
    let clock = ManualClock::new();
    (Balancer::with_clock(config, clock.clone()).unwrap(), clock)
}

fn get() -> Request<support::TestBody> {
    Request::get("/").header("host", "api.test").header("x-tenant", "acme").body(empty()).unwrap()
}

#[tokio::test]
async fn an_upstream_is_never_asked_beyond_what_it_says_is_left() {
    let ((small, at_small), (large, at_large)) = (with_quota(3).await, with_quota(5).await);
    let (balancer, clock) = balancer(&[&small, &large]);
    let layer = BalanceLayer::new(balancer.clone()).learn_upstream_limits().timeout(Duration::from_secs(1));
    let mut service = ServiceBuilder::new()
        .layer(TenantLayer::header("x-tenant"))
        .layer(layer)
        .service(ReverseProxy::new());
    for _ in 0..8 {
        let answer = service.ready().await.unwrap().call(get()).await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.into_body().collect().await.unwrap();
    }
    let refused = service.ready().await.unwrap().call(get()).await.err();
    let Some(Error::Rejected(Rejection::UpstreamLimited { retry_after })) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(retry_after, Duration::from_secs(60));
    assert_eq!((at_small.load(Ordering::SeqCst), at_large.load(Ordering::SeqCst)), (3, 5));
    assert_eq!(balancer.stats().pools()[0].endpoints()[0].requests_left(), Some(0));
    clock.advance(Duration::from_secs(60));
    assert!(service.ready().await.unwrap().call(get()).await.is_ok());
}

#[tokio::test]
async fn without_being_told_to_the_layer_learns_nothing_of_the_kind() {
    let (server, asked) = with_quota(1).await;
    let (balancer, _) = balancer(&[&server]);
    let mut service = ServiceBuilder::new()
        .layer(TenantLayer::header("x-tenant"))
        .layer(BalanceLayer::new(balancer))
        .service(ReverseProxy::new());
    for status in [200, 429, 429] {
        assert_eq!(service.ready().await.unwrap().call(get()).await.unwrap().status(), status);
    }
    assert_eq!(asked.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_request_waits_under_real_timers_until_the_upstream_returns() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let server = upstream(move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        async {
            let answer = Response::builder().header("retry-after-ms", "30").status(429);
            answer.body(Full::<Bytes>::default()).unwrap()
        }
    })
    .await;
    let config =
        Config::new().with_pool("api", PoolSpec::new([server.url()])).with_tenant("acme", TenantSpec::new());
    let balancer = Balancer::new(config).unwrap();
    let service = ServiceBuilder::new()
        .layer(TenantLayer::header("x-tenant"))
        .layer(BalanceLayer::new(balancer.clone()).learn_upstream_limits())
        .service(ReverseProxy::new());
    // Each of them waits for the one before: a lost wake-up would time out with a rejection.
    for _ in 0..3 {
        let both = [service.clone().oneshot(get()), service.clone().oneshot(get())];
        for answer in futures_util::future::join_all(both).await {
            assert_eq!(answer.unwrap().status(), 429);
        }
    }
    assert_eq!(asked.load(Ordering::SeqCst), 6);
    assert_eq!(balancer.stats().pools()[0].waiting(), 0);
}
