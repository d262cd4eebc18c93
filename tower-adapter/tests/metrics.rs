//! What a scraper reads.
#![cfg(feature = "metrics")]

use std::{convert::Infallible, future::ready, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use tenantry::{
    Balancer, Budget, BudgetPeriod, CapacitySpec, Config, HealthOverride, ManualClock, Outcome, PoolSpec,
    Rate, Request as Ask, StrategySpec, TenantSpec,
};
use tenantry_tower::{
    balance::{BalanceLayer, PickedEndpoint},
    guard::{Guard, GuardPolicy},
    metrics::Metrics,
    rejection::RejectionLayer,
    tenant::TenantLayer,
};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

fn balancer() -> Balancer {
    let pool = PoolSpec::new(["http://a:1", "http://b:1"])
        .with_strategy(StrategySpec::round_robin())
        .with_capacity(CapacitySpec::fixed(10));
    let config = Config::new()
        .with_pool("api", pool)
        .with_tenant("acme", TenantSpec::new().with_rate(Rate::per_second(3)))
        .with_tenant("we\"ird\nname\\", TenantSpec::new());
    // Time stands still: what is spent stays spent.
    Balancer::with_clock(config, ManualClock::new()).expect("a configuration")
}

/// Whether a line is there, as it stands.
fn says(text: &str, line: &str) -> bool {
    text.lines().any(|there| there == line)
}

#[test]
fn every_figure_is_told_with_its_labels_and_names_are_escaped() {
    let balancer = balancer();
    let metrics = Metrics::new(&balancer);
    let held = balancer.try_acquire(&Ask::new("acme")).expect("a seat");
    balancer.try_acquire(&Ask::new("acme")).expect("a seat").finish(Outcome::failure());
    balancer.try_acquire(&Ask::new("acme")).expect("a seat").finish(Outcome::success());
    assert!(balancer.try_acquire(&Ask::new("acme")).is_err(), "the rate is spent");
    balancer.override_health("api", "http://b:1", HealthOverride::Disabled, None).expect("there");
    let text = metrics.encode();
    for line in [
        "tenantry_tenant_in_flight{tenant=\"acme\"} 1.0",
        "tenantry_tenant_requests_total{tenant=\"acme\"} 2",
        "tenantry_tenant_rejections_total{tenant=\"acme\"} 1",
        "tenantry_tenant_requests_total{tenant=\"(other)\"} 0",
        "tenantry_tenant_in_flight{tenant=\"we\\\"ird\\nname\\\\\"} 0.0",
        "tenantry_pool_capacity{pool=\"api\"} 10.0",
        "tenantry_pool_in_flight{pool=\"api\"} 1.0",
        "tenantry_pool_retries_total{pool=\"api\"} 0",
        "tenantry_pool_desired_endpoints{pool=\"api\"} 1.0",
        "tenantry_pool_rejections_total{pool=\"api\",reason=\"RATE_LIMITED\"} 1",
        "tenantry_pool_rejections_total{pool=\"api\",reason=\"QUEUE_FULL\"} 0",
        "tenantry_tenant_limit{tenant=\"acme\",kind=\"rate\",unit=\"requests\",number=\"0\"} 3.0",
        "tenantry_tenant_limit_used{tenant=\"acme\",kind=\"rate\",unit=\"requests\",number=\"0\"} 3.0",
        "tenantry_endpoint_ejected{pool=\"api\",endpoint=\"http://a:1\"} 0.0",
        "tenantry_endpoint_health{pool=\"api\",endpoint=\"http://b:1\",state=\"disabled\"} 1.0",
        "tenantry_endpoint_overridden{pool=\"api\",endpoint=\"http://b:1\"} 1.0",
        "tenantry_endpoint_overridden{pool=\"api\",endpoint=\"http://a:1\"} 0.0",
    ] {
        assert!(says(&text, line), "{line} is not in:\n{text}");
    }
    let failures = ["a", "b"].map(|host| {
        says(
            &text,
            &format!("tenantry_endpoint_failures_total{{pool=\"api\",endpoint=\"http://{host}:1\"}} 1"),
        )
    });
    assert!(failures[0] != failures[1], "one of both has failed once:\n{text}");
    assert!(text.ends_with("# EOF\n"));
    let families: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# HELP ")).collect();
    assert!(families.len() > 15 && families.iter().all(|family| family.starts_with("tenantry_")));
    drop(held);
}

#[test]
fn the_desired_number_of_endpoints_follows_the_load() {
    let balancer = balancer();
    let metrics = Metrics::new(&balancer);
    // Five seats each, of which four are to be busy.
    let held: Vec<_> =
        (0..9).filter_map(|_| balancer.try_acquire(&Ask::new("we\"ird\nname\\")).ok()).collect();
    assert_eq!(held.len(), 9);
    assert!(says(&metrics.encode(), "tenantry_pool_desired_endpoints{pool=\"api\"} 3.0"));
    balancer.override_health("api", "http://b:1", HealthOverride::Disabled, None).expect("there");
    assert!(
        says(&metrics.encode(), "tenantry_pool_desired_endpoints{pool=\"api\"} 2.0"),
        "one carries ten now"
    );
}

#[tokio::test]
async fn answers_are_timed_by_endpoint_and_those_that_are_gone_are_forgotten() {
    let balancer = balancer();
    let metrics = Metrics::new(&balancer);
    let answer = |request: Request<String>| async move {
        let picked = request.extensions().get::<PickedEndpoint>().expect("it was picked for");
        assert_eq!(picked.pool(), "api");
        Ok::<_, Infallible>(Response::new(String::new()))
    };
    let mut service = ServiceBuilder::new()
        .layer(TenantLayer::header("x-tenant"))
        .layer(BalanceLayer::new(balancer.clone()))
        .layer(metrics.latencies())
        .service(service_fn(answer));
    for _ in 0..2 {
        let request = Request::get("/").header("x-tenant", "acme").body(String::new()).expect("a request");
        service.ready().await.expect("ready").call(request).await.expect("an answer");
    }
    let count = |host: &str| {
        format!("tenantry_endpoint_response_seconds_count{{pool=\"api\",endpoint=\"http://{host}:1\"}} 1")
    };
    let text = metrics.encode();
    assert!(says(&text, &count("a")) && says(&text, &count("b")), "{text}");
    let config = Config::new().with_pool("api", PoolSpec::new(["http://b:1"]));
    balancer.reconfigure(config).expect("a configuration");
    let text = metrics.encode();
    assert!(!says(&text, &count("a")) && says(&text, &count("b")), "{text}");
}

#[tokio::test]
async fn requests_are_counted_by_how_they_end_for_each_tenant_and_pool() {
    let balancer = balancer();
    let metrics = Metrics::new(&balancer);
    let answer = |request: Request<Bytes>| async move {
        let status = request.uri().path()[1..].parse::<u16>().expect("a status");
        Ok::<_, Infallible>(
            Response::builder().status(status).body(Full::<Bytes>::default()).expect("an answer"),
        )
    };
    let mut service = ServiceBuilder::new()
        .layer(TenantLayer::header("x-tenant"))
        .layer(metrics.requests().pool("api"))
        .layer(RejectionLayer::new())
        .layer(BalanceLayer::new(balancer.clone()))
        .service(service_fn(answer));
    for path in ["/200", "/404", "/503", "/200"] {
        let request = Request::get(path).header("x-tenant", "acme").body(Bytes::new()).expect("a request");
        service.ready().await.expect("ready").call(request).await.expect("an answer");
    }
    let text = metrics.encode();
    let series = "pool=\"api\",tenant=\"acme\"";
    for line in [
        format!("tenantry_requests_total{{{series},outcome=\"success\"}} 2"),
        format!("tenantry_requests_total{{{series},outcome=\"failure\"}} 1"),
        format!("tenantry_requests_total{{{series},outcome=\"refused\"}} 1"),
        format!("tenantry_requests_total{{{series},outcome=\"unserved\"}} 0"),
        format!("tenantry_rejections_total{{{series},reason=\"RATE_LIMITED\"}} 1"),
        format!("tenantry_response_seconds_count{{{series}}} 2"),
        "tenantry_pool_response_seconds_count{pool=\"api\"} 2".to_owned(),
        "tenantry_pool_response_seconds_bucket{le=\"+Inf\",pool=\"api\"} 2".to_owned(),
    ] {
        assert!(says(&text, &line), "{line} is not in:\n{text}");
    }
    let stats = metrics.request_stats();
    let told: Vec<_> = stats.iter().map(|stats| (stats.pool(), stats.tenant(), stats.successes())).collect();
    assert_eq!(told, [("api", None, 2), ("api", Some("acme"), 2), ("api", Some("(other)"), 0)]);
    assert_eq!(stats[0].successes_within(Duration::from_secs(60)), 2);
    // A pool that is gone is forgotten.
    let config = Config::new().with_pool("web", PoolSpec::new(["http://b:1"]));
    balancer.reconfigure(config).expect("a configuration");
    assert!(metrics.request_stats().is_empty());
}

/// The answer of an endpoint to `/place/status`, where `place` says where the status stands.
fn grpc_answer(path: &str) -> Response<impl Body<Data = Bytes, Error = Infallible> + use<>> {
    let (place, status) = path[1..].split_once('/').expect("a place and a status");
    let status: HeaderValue = status.parse().expect("a status");
    let fields = HeaderMap::from_iter([(HeaderName::from_static("grpc-status"), status)]);
    let (head, behind) = match place {
        "head" => (fields, None),
        _ => (HeaderMap::new(), Some(fields).filter(|_| place == "behind")),
    };
    let mut answer = Response::new(
        Full::new(Bytes::from("message")).with_trailers(ready(behind.map(Ok::<_, Infallible>))),
    );
    answer.headers_mut().extend(head);
    answer.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    answer
}

#[tokio::test]
async fn grpc_counts_by_its_own_status_once_that_is_there() {
    let pool = PoolSpec::new(["http://a:1"]).with_capacity(CapacitySpec::fixed(10));
    let config = Config::new().with_pool("api", pool).with_tenant("acme", TenantSpec::new());
    let balancer = Balancer::new(config).expect("a configuration");
    let metrics = Metrics::new(&balancer);
    let service = ServiceBuilder::new()
        .layer(TenantLayer::header("x-tenant"))
        .layer(metrics.requests().pool("api"))
        .layer(RejectionLayer::new())
        .layer(BalanceLayer::new(balancer))
        .service(service_fn(|request: Request<Bytes>| {
            ready(Ok::<_, Infallible>(grpc_answer(request.uri().path())))
        }));
    let ask = async |path: &str| {
        let request = Request::post(path).header("x-tenant", "acme").body(Bytes::new()).expect("a request");
        service.clone().oneshot(request).await.expect("an answer").into_body()
    };
    let counted = || {
        let stats = metrics.request_stats();
        stats.iter().find(|stats| stats.tenant().is_none()).map(|all| (all.successes(), all.failures()))
    };
    for (path, expected) in [
        ("/head/0", (1, 0)),
        ("/head/14", (1, 1)),
        ("/behind/14", (1, 2)),
        ("/behind/0", (2, 2)),
        ("/behind/5", (3, 2)),
        ("/nowhere/0", (3, 3)),
    ] {
        ask(path).await.collect().await.expect("a body");
        assert_eq!(counted(), Some(expected), "{path}");
    }
    let answer = ask("/behind/13").await;
    assert_eq!(counted(), Some((3, 3)), "nobody knows yet");
    drop(answer);
    assert_eq!(counted(), Some((4, 3)), "its client has given it up");
}

#[tokio::test]
async fn ids_that_are_nobodys_count_as_others_and_have_no_series() {
    let balancer = balancer();
    let metrics = Metrics::new(&balancer);
    let mut service = ServiceBuilder::new()
        .layer(TenantLayer::header("x-tenant"))
        .layer(metrics.requests().pool("api"))
        .layer(RejectionLayer::new())
        .layer(BalanceLayer::new(balancer.clone()))
        .service(service_fn(|_: Request<Bytes>| async {
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }));
    for id in ["acme", "nobody", "(other)", "(overflow)", &"x".repeat(256)] {
        let request = Request::get("/").header("x-tenant", id).body(Bytes::new()).expect("a request");
        service.ready().await.expect("ready").call(request).await.expect("an answer");
    }
    let stats = metrics.request_stats();
    let count = |stats: &tenantry_tower::metrics::RequestStats| {
        stats.successes() + stats.rejections().map(|(_, count)| count).sum::<u64>()
    };
    let told: Vec<_> = stats.iter().map(|stats| (stats.tenant(), count(stats))).collect();
    assert_eq!(told, [(None, 5), (Some("acme"), 1), (Some("(other)"), 4)]);
}

#[test]
fn a_limit_in_shadow_mode_is_none_of_the_limits() {
    let shadow = Budget::requests(9, BudgetPeriod::Month).in_shadow();
    let spec = TenantSpec::new().with_budget(shadow).with_rate(Rate::per_second(3));
    let config = Config::new().with_pool("api", PoolSpec::new(["http://a:1"])).with_tenant("acme", spec);
    let balancer = Balancer::with_clock(config, ManualClock::new()).expect("a configuration");
    let text = Metrics::new(&balancer).encode();
    let limits = text.lines().filter(|line| line.starts_with("tenantry_tenant_limit{"));
    let limits: Vec<_> = limits.collect();
    assert!(limits.len() == 1 && limits[0].contains("kind=\"rate\""), "{limits:?}");
}

#[test]
fn a_guard_is_told_of_in_the_same_text() {
    let guard = Guard::new(GuardPolicy::new());
    assert!(guard.ban(&"192.0.2.7".parse().expect("somebody"), Duration::from_secs(60)));
    let text = Metrics::new(&balancer()).with_guard(&guard).encode();
    for line in [
        "tenantry_guard_offences_total{rule=\"authentication\"} 0",
        "tenantry_guard_bans_total{rule=\"rate\"} 0",
        "tenantry_guard_shadow_bans_total{rule=\"scanning\"} 0",
        "tenantry_guard_refusals_total 0",
        "tenantry_guard_active_bans 1",
        "tenantry_guard_clients 1",
        "tenantry_pool_capacity{pool=\"api\"} 10.0",
    ] {
        assert!(says(&text, line), "{line} is not in:\n{text}");
    }
    assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1);
}
