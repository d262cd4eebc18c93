//! The whole stack: what a tenant has left stands on answers and on refusals, and an upstream's own fields do not.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use tenantry::{Balancer, Config, ManualClock, PoolSpec, Rate, TenantSpec};
use tenantry_tower::{
    balance::BalanceLayer, rate_limit::RateLimitLayer, rejection::RejectionLayer, tenant::TenantLayer,
};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

#[tokio::test]
async fn answers_and_refusals_tell_what_is_left_and_hide_what_the_upstream_says() {
    let config = Config::new()
        .with_pool("api", PoolSpec::new(["http://a:1"]))
        .with_tenant("free", TenantSpec::new())
        .with_tenant("acme", TenantSpec::new().with_rate(Rate::per_second(1)));
    let balancer = Balancer::with_clock(config, ManualClock::new()).unwrap();
    let upstream = service_fn(async |_: Request<()>| {
        let answer = Response::builder().header("ratelimit", "\"all\";r=7").header("x-ratelimit-limit", "7");
        Ok::<_, Infallible>(answer.body(Full::<Bytes>::default()).unwrap())
    });
    let mut service = ServiceBuilder::new()
        .layer(TenantLayer::header("x-tenant"))
        .layer(RateLimitLayer::new(balancer.clone()))
        .layer(RejectionLayer::new())
        .layer(BalanceLayer::new(balancer))
        .service(upstream);
    let mut ask = async |tenant: &str, kind: &str| {
        let request = Request::get("/").header("x-tenant", tenant).header("content-type", kind);
        let service = service.ready().await.unwrap();
        let (head, body) = service.call(request.body(()).unwrap()).await.unwrap().into_parts();
        (head, body.collect().await.unwrap().to_bytes())
    };

    for (status, left) in [(200, "\"requests\";r=0;t=1"), (429, "\"requests\";r=0;t=1")] {
        let (head, _) = ask("acme", "application/json").await;
        assert_eq!(head.status, status);
        assert_eq!(head.headers["ratelimit-policy"], "\"requests\";q=1;w=1");
        assert_eq!(head.headers["ratelimit"], left);
        assert!(!head.headers.contains_key("x-ratelimit-limit"));
    }
    let (head, body) = ask("acme", "application/grpc").await;
    assert_eq!(head.headers["grpc-status"], "8");
    assert_eq!(head.headers["grpc-retry-pushback-ms"], "1000");
    assert!(body.is_empty());
    for tenant in ["free", "stranger"] {
        let (head, _) = ask(tenant, "application/json").await;
        assert!(!head.headers.keys().any(|name| name.as_str().contains("ratelimit")), "{tenant}");
    }
}
