//! A balancer's own pages, as scrapers, people and attackers ask for them.
#![cfg(feature = "admin")]

use std::{pin::pin, task, time::Duration};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tenantry::{
    Balancer, CapacitySpec, Config, HealthOverride, ManualClock, Outcome, PoolSpec, Request as Ask,
    StrategySpec, TenantSpec,
};
use tenantry_tower::{
    admin::{ActionError, Admin, Hosts, Token},
    alert::AlertRules,
    balance::{BalanceLayer, PickedEndpoint},
    metrics::Metrics,
    proxy::ReverseProxy,
    tenant::TenantLayer,
};
use tower::ServiceExt;

const TOKEN: &str = "an-admin-token-for-tests";
const A: &str = "http://a:1";
const EVIL: &str = "<img src=x onerror=alert(1)>";

fn world() -> (Balancer, ManualClock) {
    let pool = PoolSpec::new([A, "http://b:1"])
        .with_strategy(StrategySpec::round_robin())
        .with_capacity(CapacitySpec::fixed(2));
    let config = Config::new()
        .with_pool("api", pool)
        .with_tenant("acme", TenantSpec::new().with_weight(3))
        .with_tenant("umbrella", TenantSpec::new())
        .with_tenant(EVIL, TenantSpec::new());
    let clock = ManualClock::new();
    (Balancer::with_clock(config, clock.clone()).expect("a configuration"), clock)
}

fn admin(balancer: &Balancer) -> Admin {
    Admin::new(balancer).with_token(Token::new(TOKEN).expect("a token"))
}

async fn answer(admin: &Admin, request: Request<Full<Bytes>>) -> Response<Bytes> {
    let answer = admin.clone().oneshot(request).await.expect("it never fails");
    let (head, body) = answer.into_parts();
    Response::from_parts(head, body.collect().await.expect("a body").to_bytes())
}

async fn get(admin: &Admin, path: &str) -> Response<Bytes> {
    answer(
        admin,
        Request::get(path).header("host", "localhost:9090").body(Full::default()).expect("a request"),
    )
    .await
}

async fn get_json(admin: &Admin, path: &str) -> Value {
    serde_json::from_slice(get(admin, path).await.body()).expect("JSON")
}

/// An action as it should be, but for fields that are put in place of others; an empty value takes one out.
async fn act(
    admin: &Admin,
    name: &str,
    body: impl ToString,
    instead: &[(&str, &str)],
) -> (StatusCode, Value) {
    let bearer = format!("Bearer {TOKEN}");
    let usual =
        [("host", "localhost"), ("authorization", bearer.as_str()), ("content-type", "application/json")];
    let kept = usual.iter().filter(|(field, _)| instead.iter().all(|(other, _)| other != field));
    let fields = kept.chain(instead).filter(|(_, value)| !value.is_empty());
    let request = fields.fold(Request::post(format!("/actions/{name}")), |request, (field, value)| {
        request.header(*field, *value)
    });
    let answer = answer(admin, request.body(Full::from(body.to_string())).expect("a request")).await;
    (answer.status(), serde_json::from_slice(answer.body()).expect("JSON"))
}

#[tokio::test]
async fn health_is_503_while_draining_and_names_pools_that_cannot_serve() {
    let (balancer, _) = world();
    let admin = admin(&balancer);
    let serving = json!({ "status": "serving", "pools_in_panic": [], "pools_without_endpoint": [] });
    assert_eq!(get_json(&admin, "/healthz").await, serving);
    for address in [A, "http://b:1"] {
        balancer.override_health("api", address, HealthOverride::Ejected, None).expect("it is there");
    }
    let health = get_json(&admin, "/healthz").await;
    assert_eq!((&health["pools_in_panic"], &health["pools_without_endpoint"]), (&json!(["api"]), &json!([])));
    for address in [A, "http://b:1"] {
        balancer.override_health("api", address, HealthOverride::Disabled, None).expect("it is there");
    }
    assert_eq!(get_json(&admin, "/healthz").await["pools_without_endpoint"], json!(["api"]));
    admin.clone().drain();
    let answer = get(&admin, "/healthz").await;
    assert_eq!(answer.status(), 503);
    assert!(std::str::from_utf8(answer.body()).expect("text").contains(r#""status":"draining""#));
}

#[tokio::test]
async fn metrics_are_open_metrics_text() {
    let (balancer, _) = world();
    let answer = get(&admin(&balancer), "/metrics").await;
    assert_eq!(answer.headers()["content-type"], Metrics::CONTENT_TYPE);
    assert!(answer.body().ends_with(b"# EOF\n"));
}

#[tokio::test]
async fn status_tells_what_the_statistics_say_and_rates_and_why_somebody_waits() {
    let (balancer, clock) = world();
    let admin = admin(&balancer);
    get(&admin, "/status").await;
    for _ in 0..20 {
        balancer.try_acquire(&Ask::new("acme")).expect("a seat").finish(Outcome::success());
    }
    let held: Vec<_> = (0..2).map(|_| balancer.try_acquire(&Ask::new("umbrella")).expect("a seat")).collect();
    let (mut one, mut other) =
        (pin!(balancer.acquire(Ask::new("acme"))), pin!(balancer.acquire(Ask::new("umbrella"))));
    let mut context = task::Context::from_waker(task::Waker::noop());
    assert!(one.as_mut().poll(&mut context).is_pending() && other.as_mut().poll(&mut context).is_pending());
    clock.advance(Duration::from_secs(2));
    let status = get_json(&admin, "/status").await;
    let pool = &status["pools"][0];
    let figures =
        ["capacity", "in_flight", "waiting", "waiting_for", "panic", "requests_per_s"].map(|key| &pool[key]);
    assert_eq!(json!(figures), json!([2, 2, 2, "seat", false, 10.0]));
    let acme = status["tenants"].as_array().expect("a list").iter().find(|tenant| tenant["id"] == "acme");
    let acme = acme.expect("it is listed");
    let figures =
        ["weight", "in_flight", "waiting", "completed", "rejected", "requests_per_s"].map(|key| &acme[key]);
    assert_eq!(json!(figures), json!([3, 0, 1, 20, 0, 10.0]));
    // One of two has had everything.
    assert_eq!(status["fairness"], json!({ "index": 0.5, "contenders": 2 }));
    assert_eq!(status["status"], "serving");
    drop(held);
}

#[tokio::test]
async fn events_are_kept_up_to_a_bound_and_give_the_reason_of_an_endpoint_health() {
    let (balancer, _) = world();
    let admin = admin(&balancer).with_events_kept(3);
    for _ in 0..4 {
        balancer.override_health("api", A, HealthOverride::Disabled, None).expect("it is there");
    }
    admin.record(json!({ "event": "mine" }));
    let status = get_json(&admin, "/status").await;
    let events = status["events"].as_array().expect("a list");
    let numbers: Vec<_> =
        events.iter().map(|event| (event["number"].as_u64(), event["event"].as_str())).collect();
    // What was recorded first stands first; the balancer's own are taken when somebody looks.
    assert_eq!(numbers, [5, 4, 3].map(|number| (Some(number), Some("health_overridden"))));
    let endpoint = &status["pools"][0]["endpoints"][0];
    assert_eq!((&endpoint["health"], &endpoint["reason"]["to"]), (&json!("disabled"), &json!("disabled")));
    assert_eq!(status["pools"][0]["endpoints"][1]["reason"], Value::Null);
}

#[tokio::test]
async fn actions_change_the_endpoint_and_are_told_as_events() {
    let (balancer, clock) = world();
    let admin = admin(&balancer);
    let at = json!({ "pool": "api", "endpoint": A });
    let with = |field: &str, value: Value| {
        let mut body = at.clone();
        body[field] = value;
        body
    };
    let state = || {
        let pool = balancer.pool_stats("api").expect("the pool");
        let endpoint =
            pool.endpoints().iter().find(|endpoint| endpoint.address() == A).expect("the endpoint").clone();
        (endpoint.is_draining(), endpoint.weight(), endpoint.health().name())
    };
    for (name, body, after) in [
        ("drain", at.clone(), (true, 1, "healthy")),
        ("resume", at.clone(), (false, 1, "healthy")),
        ("reweigh", with("weight", json!(5)), (false, 5, "healthy")),
        ("disable", at.clone(), (false, 5, "disabled")),
        ("clear", at.clone(), (false, 5, "healthy")),
        ("eject", with("for_s", json!(1.5)), (false, 5, "ejected")),
    ] {
        let (status, told) = act(&admin, name, body, &[]).await;
        assert_eq!((status, &told["action"]), (StatusCode::OK, &json!(name)), "{told}");
        assert_eq!(state(), after, "{name}");
    }
    clock.advance(Duration::from_secs(2));
    assert_eq!(state().2, "healthy", "an ejection for 1.5 s is over after 2");
    act(&admin, "force_healthy", at.clone(), &[]).await;
    let status = get_json(&admin, "/status").await;
    assert!(status["events"].as_array().expect("a list").iter().any(|event| event["action"] == "reweigh"));
    assert_eq!(status["pools"][0]["endpoints"][0]["overridden"], true);
}

#[tokio::test]
async fn nobody_acts_without_the_token_and_no_page_from_elsewhere_acts_at_all() {
    let (balancer, _) = world();
    let with_token = admin(&balancer);
    let body = json!({ "pool": "api", "endpoint": A });
    let double = format!("Bearer  {TOKEN}");
    let longer = format!("Bearer {TOKEN}x");
    for (instead, status, code) in [
        (vec![("authorization", "")], 401, "UNAUTHORIZED"),
        (vec![("authorization", TOKEN)], 401, "UNAUTHORIZED"),
        (vec![("authorization", double.as_str())], 401, "UNAUTHORIZED"),
        (vec![("authorization", longer.as_str())], 401, "UNAUTHORIZED"),
        (vec![("authorization", ""), ("cookie", TOKEN)], 401, "UNAUTHORIZED"),
        (vec![("content-type", "")], 415, "NOT_JSON"),
        (vec![("content-type", "text/plain")], 415, "NOT_JSON"),
        (vec![("content-type", "application/x-www-form-urlencoded")], 415, "NOT_JSON"),
        (vec![("origin", "http://evil.example")], 403, "FOREIGN_ORIGIN"),
        (vec![("origin", "null")], 403, "FOREIGN_ORIGIN"),
        (vec![("host", "evil.example")], 421, "UNKNOWN_HOST"),
        (vec![("host", "")], 421, "UNKNOWN_HOST"),
    ] {
        let (found, told) = act(&with_token, "drain", &body, &instead).await;
        assert_eq!((found.as_u16(), told["code"].as_str()), (status, Some(code)), "{instead:?}");
        assert!(!told.to_string().contains(TOKEN), "{told}");
    }
    let (status, told) = act(&Admin::new(&balancer), "drain", &body, &[]).await;
    assert_eq!((status.as_u16(), &told["code"]), (404, &json!("ACTIONS_OFF")));
    assert_eq!(get_json(&Admin::new(&balancer), "/status").await["actions"], json!([]));
    assert_eq!(get(&with_token, "/actions/drain").await.status(), 405);
    assert!(!balancer.pool_stats("api").expect("the pool").endpoints()[0].is_draining(), "nothing was done");
    assert!(!format!("{with_token:?}").contains(TOKEN));
    let (status, _) = act(&with_token, "drain", &body, &[("origin", "http://localhost:9090")]).await;
    assert_eq!(status, 200, "its own page may");
}

/// An action, a body that it cannot use, and what is told: the field's beginning, its value, and a part of the fix.
fn unfit() -> Vec<(&'static str, &'static str, &'static str, Option<Value>, &'static str)> {
    vec![
        ("drain", r#"{"pool":"api"}"#, "endpoint", None, "/status lists"),
        ("drain", r#"{"pool":7,"endpoint":"x"}"#, "pool", Some(json!(7)), "name a pool"),
        (
            "drain",
            r#"{"pool":"api","endpoint":"http://a:1","wieght":1}"#,
            "wieght",
            Some(json!(1)),
            "pool, endpoint",
        ),
        ("drain", r#"{"pool":"apl","endpoint":"http://a:1"}"#, "pools", Some(json!("apl")), "pool"),
        (
            "drain",
            r#"{"pool":"api","endpoint":"http://z:1"}"#,
            "pools.api.endpoints",
            Some(json!("http://z:1")),
            "address",
        ),
        (
            "reweigh",
            r#"{"pool":"api","endpoint":"http://a:1","weight":-1}"#,
            "weight",
            Some(json!(-1)),
            "whole number",
        ),
        (
            "reweigh",
            r#"{"pool":"api","endpoint":"http://a:1","weight":1.5}"#,
            "weight",
            Some(json!(1.5)),
            "whole number",
        ),
        (
            "disable",
            r#"{"pool":"api","endpoint":"http://a:1","for_s":0}"#,
            "for_s",
            Some(json!(0)),
            "more than 0",
        ),
        (
            "disable",
            r#"{"pool":"api","endpoint":"http://a:1","for_s":"1h"}"#,
            "for_s",
            Some(json!("1h")),
            "seconds",
        ),
        ("drain", "[]", "", Some(json!([])), "an object"),
        ("drain", "{", "", None, "JSON object"),
    ]
}

#[tokio::test]
async fn a_body_that_is_wrong_is_told_by_field_value_and_fix_and_changes_nothing() {
    let (balancer, _) = world();
    let admin = admin(&balancer);
    for (name, body, field, value, fix) in unfit() {
        let (status, told) = act(&admin, name, body, &[]).await;
        assert_eq!(status, 400, "{body}: {told}");
        assert!(told["field"].as_str().expect("a field").starts_with(field), "{told}");
        assert_eq!(told.get("value"), value.as_ref(), "{told}");
        assert!(told["fix"].as_str().expect("a fix").contains(fix), "{told}");
    }
    let (status, told) = act(&admin, "drian", "{}", &[]).await;
    assert_eq!(status, 404);
    assert!(told["detail"].as_str().expect("a sentence").contains("drain"), "{told}");
    let (status, _) = act(&admin, "drain", " ".repeat(20_000), &[]).await;
    assert_eq!(status, 413);
    assert!(get_json(&admin, "/status").await["events"].as_array().expect("a list").is_empty());
}

#[tokio::test]
async fn own_actions_stand_beside_the_others() {
    let (balancer, _) = world();
    let admin = admin(&balancer).with_action("ban", |fields| match fields.get("client") {
        Some(Value::String(client)) => Ok(json!({ "banned": client })),
        other => Err(ActionError::new("client", other.cloned(), "name an address")),
    });
    let (status, told) = act(&admin, "ban", r#"{"client":"192.0.2.1"}"#, &[]).await;
    assert_eq!((status.as_u16(), &told["done"]), (200, &json!({ "banned": "192.0.2.1" })));
    let (status, told) = act(&admin, "ban", "{}", &[]).await;
    assert_eq!((status.as_u16(), &told["field"]), (400, &json!("client")));
    let actions = get_json(&admin, "/status").await["actions"].clone();
    assert!(actions.as_array().expect("a list").contains(&json!("ban")));
}

#[tokio::test]
async fn pages_answer_known_hosts_only_and_tell_browsers_to_be_careful() {
    let (balancer, _) = world();
    let admin = admin(&balancer).with_hosts(Hosts::local().with_host("admin.example"));
    for path in ["/", "/healthz", "/metrics", "/status"] {
        for (host, status) in [("admin.example", 200), ("127.0.0.1:9090", 200), ("rebound.example", 421)] {
            let request = Request::get(path).header("host", host).body(Full::default()).expect("a request");
            assert_eq!(answer(&admin, request).await.status(), status, "{path} at {host}");
        }
        let answer = get(&admin, path).await;
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let post = Request::post(path).header("host", "localhost").body(Full::default()).expect("a request");
        assert_eq!(self::answer(&admin, post).await.status(), 405);
    }
    let policy = get(&admin, "/").await.headers()["content-security-policy"].clone();
    assert!(policy.to_str().expect("ASCII").starts_with("default-src 'none'; script-src 'sha256-"));
    assert_eq!(get(&admin, "/nothing").await.status(), 404);
}

async fn metrics(admin: &Admin) -> String {
    String::from_utf8(get(admin, "/metrics").await.body().to_vec()).expect("text")
}

#[tokio::test]
async fn what_fires_is_a_metric_and_what_does_not_is_a_zero() {
    let (balancer, _) = world();
    let admin = admin(&balancer);
    assert!(!metrics(&admin).await.contains("alert_firing"), "nothing is watched");
    let rules = AlertRules::new().with_ejection(Duration::ZERO).with_panic(Duration::ZERO);
    admin.set_alerts(Some(rules.clone().with_resolve_after(Duration::ZERO)), None);
    let series = |text: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix("tenantry_alert_firing"));
        lines.map(ToOwned::to_owned).collect()
    };
    let none = [
        r#"{alert="budget",severity="ticket",pool=""} 0"#,
        r#"{alert="panic",severity="page",pool="api"} 0"#,
        r#"{alert="ejection",severity="ticket",pool="api"} 0"#,
        r#"{alert="rejection",severity="ticket",pool="api"} 0"#,
        r#"{alert="fast_burn",severity="page",pool="api"} 0"#,
        r#"{alert="slow_burn",severity="ticket",pool="api"} 0"#,
    ];
    assert_eq!(series(&metrics(&admin).await), none);
    for endpoint in [A, "http://b:1"] {
        balancer.override_health("api", endpoint, HealthOverride::Disabled, None).expect("it is there");
    }
    get_json(&admin, "/status").await;
    let told = series(&metrics(&admin).await);
    assert!(told.contains(&r#"{alert="ejection",severity="ticket",pool="api"} 2"#.to_owned()), "{told:?}");
    assert!(told.contains(&r#"{alert="panic",severity="page",pool="api"} 1"#.to_owned()), "{told:?}");
    // Those of an application's own metrics, too.
    let own = Admin::new(&balancer).with_metrics(Metrics::new(&balancer)).with_alerts(rules, None);
    assert_eq!(series(&metrics(&own).await), none);
}

/// Addresses that hold credentials; what stands after the `@` is told.
const SECRETIVE: [&str; 3] = ["http://user:secret-1@a:1", "http://user:secret-2@a:1", "https://secret-3@b:1"];

#[tokio::test]
async fn credentials_of_addresses_go_nowhere() {
    let pool = PoolSpec::new(SECRETIVE).with_strategy(StrategySpec::round_robin());
    let config = Config::new().with_pool("api", pool).with_tenant("acme", TenantSpec::new());
    let balancer = Balancer::new(config).expect("a configuration");
    let own = Metrics::new(&balancer);
    let rules = AlertRules::new().with_ejection(Duration::ZERO).with_panic(Duration::ZERO);
    let admin = admin(&balancer).with_metrics(own.clone()).with_alerts(rules, None);
    let service = tower::ServiceBuilder::new()
        .layer(TenantLayer::header("x-tenant"))
        .layer(BalanceLayer::new(balancer.clone()))
        .layer(own.latencies())
        .service(tower::service_fn(async |_: Request<String>| {
            Ok::<_, std::convert::Infallible>(Response::new(String::new()))
        }));
    let mut debug = String::new();
    for address in SECRETIVE {
        let request = Request::get("/").header("x-tenant", "acme").body(String::new()).expect("a request");
        service.clone().oneshot(request).await.expect("an answer");
        balancer.override_health("api", address, HealthOverride::Ejected, None).expect("it is there");
        let refused = ReverseProxy::<Full<Bytes>>::check_address(address).expect_err("it cannot be dialled");
        debug += &format!("{:?} {refused:?} {refused}", PickedEndpoint::new(address));
    }
    // Which one is meant is told by what is told of it, where that is but one.
    let (status, told) = act(&admin, "drain", r#"{"pool":"api","endpoint":"b:1"}"#, &[]).await;
    assert_eq!((status.as_u16(), &told["done"]["endpoint"]), (200, &json!("b:1")), "{told}");
    let (status, _) = act(&admin, "drain", r#"{"pool":"api","endpoint":"a:1"}"#, &[]).await;
    assert_eq!(status, 400, "there are two");
    let body = format!(r#"{{"pool":"api","endpoint":{:?}}}"#, SECRETIVE[0]);
    assert_eq!(act(&admin, "drain", &body, &[]).await.0, 200);
    let stats = balancer.pool_stats("api").expect("the pool");
    let kept: Vec<_> = { stats.endpoints().iter() }.filter(|endpoint| !endpoint.is_draining()).collect();
    assert_eq!(kept.iter().map(|endpoint| endpoint.address()).collect::<Vec<_>>(), [SECRETIVE[1]]);
    let (status, figures) = (get_json(&admin, "/status").await, metrics(&admin).await);
    let addresses: Vec<_> = { status["pools"][0]["endpoints"].as_array() }
        .expect("endpoints")
        .iter()
        .map(|endpoint| (endpoint["address"].clone(), endpoint["reason"]["event"].is_string()))
        .collect();
    let told = |address: &str| (json!(address), true);
    assert_eq!(addresses, [told("a:1"), told("a:1"), told("b:1")]);
    assert!(status["alerts"]["firing"].to_string().contains("b:1"), "{status}");
    assert!(
        figures.contains(r#"endpoint_response_seconds_count{pool="api",endpoint="a:1 (2)"} 1"#),
        "{figures}"
    );
    for text in [status.to_string(), figures.clone(), debug] {
        assert!(!text.contains("secret"), "{text}");
    }
    let mut series: Vec<&str> = { figures.lines() }
        .filter(|line| line.contains("endpoint=") && !line.contains("_bucket"))
        .map(|line| line.rsplit_once(' ').expect("a value").0)
        .collect();
    let all = series.len();
    assert!(figures.contains(r#"tenantry_endpoint_in_flight{pool="api",endpoint="a:1 (2)"} 0"#), "{figures}");
    series.sort_unstable();
    series.dedup();
    assert_eq!(series.len(), all, "no series comes twice: {figures}");
}
