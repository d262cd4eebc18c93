//! Sessions over HTTP: by a cookie or a header of ours, and by the application's own cookie.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

use std::convert::Infallible;

use bytes::Bytes;
use http::{
    HeaderName, Request, Response,
    header::{COOKIE, SET_COOKIE},
};
use http_body_util::{BodyExt, Full};
use tenantry::{Balancer, CapacitySpec, Config, EndpointChange, PoolSpec, StrategySpec, TenantSpec};
use tenantry_tower::{
    affinity::Affinity,
    balance::{BalanceLayer, PickedEndpoint},
    tenant::TenantId,
};
use tower::{ServiceBuilder, ServiceExt, service_fn};

const TOKEN: HeaderName = HeaderName::from_static("x-session");

fn balancer() -> Balancer {
    let pool = PoolSpec::new(["http://a", "http://b", "http://c"])
        .with_strategy(StrategySpec::round_robin())
        .with_capacity(CapacitySpec::fixed(10));
    let config = Config::new().with_pool("api", pool);
    Balancer::new(config.with_tenant("acme", TenantSpec::new()).with_tenant("other", TenantSpec::new()))
        .unwrap()
}

/// An answer: what the client is told of its session, and who served it.
struct Answer {
    set: Option<String>,
    served_by: String,
}

/// One request, through a service that gives every new client a session cookie of its own.
async fn ask(
    balancer: &Balancer,
    affinity: &Affinity,
    tenant: &str,
    brings: Option<(HeaderName, &str)>,
) -> Answer {
    let service = ServiceBuilder::new()
        .layer(BalanceLayer::new(balancer.clone()).affinity(affinity.clone()))
        .service(service_fn(async |request: Request<()>| {
            let picked = request.extensions().get::<PickedEndpoint>().unwrap();
            let mut response = Response::new(Full::new(Bytes::from(picked.address().to_owned())));
            if !request.headers().contains_key(COOKIE) {
                response.headers_mut().insert(SET_COOKIE, "APPSESSION=s1; Path=/".parse().unwrap());
            }
            Ok::<_, Infallible>(response)
        }));
    let mut request = Request::new(());
    request.extensions_mut().insert(TenantId::new(tenant));
    if let Some((name, value)) = brings {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let response = service.oneshot(request).await.unwrap();
    let headers = response.headers();
    let ours = headers.get_all(SET_COOKIE).iter().filter(|value| value.as_bytes().starts_with(b"lb="));
    let set = ours.chain(headers.get(&TOKEN)).next().map(|value| value.to_str().unwrap().to_owned());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Answer { set, served_by: String::from_utf8(body.to_vec()).unwrap() }
}

#[tokio::test]
async fn a_cookie_of_ours_brings_a_client_back_and_is_set_once() {
    let (balancer, affinity) = (balancer(), Affinity::cookie("lb"));
    let first = ask(&balancer, &affinity, "acme", None).await;
    let set = first.set.unwrap();
    assert!(
        set.contains("; HttpOnly") && set.contains("; SameSite=Lax") && set.contains("; Secure"),
        "{set}"
    );
    assert!(set.contains("; Path=/") && !set.contains("http") && !set.contains("Max-Age"), "{set}");
    let cookie = format!("theme=dark; {}", set.split(';').next().unwrap());
    for _ in 0..5 {
        let next = ask(&balancer, &affinity, "acme", Some((COOKIE, &cookie))).await;
        assert_eq!((next.served_by, next.set), (first.served_by.clone(), None));
    }
    // Another tenant's client has no use for it, and is told its own.
    let stolen = ask(&balancer, &affinity, "other", Some((COOKIE, &cookie))).await;
    assert!(stolen.set.is_some_and(|own| own != set));
    balancer.change_endpoints("api", &[EndpointChange::Drain(first.served_by.clone())]).unwrap();
    let moved = ask(&balancer, &affinity, "acme", Some((COOKIE, &cookie))).await;
    assert!(moved.served_by != first.served_by && moved.set.is_some_and(|new| new != set));
}

#[tokio::test]
async fn a_header_of_ours_does_the_same_and_forged_ones_count_as_none() {
    let (balancer, affinity) = (balancer(), Affinity::header(TOKEN));
    let first = ask(&balancer, &affinity, "acme", None).await;
    let token = first.set.unwrap();
    let next = ask(&balancer, &affinity, "acme", Some((TOKEN, &token))).await;
    assert_eq!((next.served_by, next.set), (first.served_by, None));
    let mut places = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let forged: String = token.chars().rev().collect();
        let answer = ask(&balancer, &affinity, "acme", Some((TOKEN, &forged))).await;
        assert!(answer.set.is_some(), "it is told a real one");
        places.insert(answer.served_by);
    }
    assert_eq!(places.len(), 3, "in turn");
}

#[tokio::test]
async fn the_applications_own_cookie_is_learned() {
    let (balancer, affinity) = (balancer(), Affinity::learned("APPSESSION", 1_000));
    let first = ask(&balancer, &affinity, "acme", None).await;
    for _ in 0..5 {
        let next = ask(&balancer, &affinity, "acme", Some((COOKIE, "APPSESSION=s1"))).await;
        assert_eq!((next.served_by, next.set), (first.served_by.clone(), None));
    }
    let mut places = std::collections::BTreeSet::new();
    for _ in 0..3 {
        places.insert(ask(&balancer, &affinity, "other", Some((COOKIE, "APPSESSION=s1"))).await.served_by);
    }
    assert_eq!(places.len(), 3, "the same value is another tenant's session");
}
