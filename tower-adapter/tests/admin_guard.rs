//! A guard in the admin pages, and settings that change while they are served.
#![cfg(feature = "admin")]

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tenantry::{Balancer, Config, PoolSpec};
use tenantry_tower::{
    admin::{Admin, Hosts, Token},
    alert::AlertRules,
    guard::{CurrentGuard, Guard, GuardPolicy},
};
use tower::ServiceExt;

const TOKEN: &str = "an-admin-token-for-tests";

fn balancer() -> Balancer {
    Balancer::new(Config::new().with_pool("api", PoolSpec::new(["http://a:1"]))).expect("a configuration")
}

fn token(text: &str) -> Token {
    Token::new(text).expect("a token")
}

async fn ask(admin: &Admin, request: http::request::Builder, body: &str) -> (u16, String) {
    let request = request.header("host", "localhost").body(Full::<Bytes>::from(body.to_owned()));
    let answer = admin.clone().oneshot(request.expect("a request")).await.expect("an answer");
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.expect("a body").to_bytes();
    (status, String::from_utf8(body.to_vec()).expect("text"))
}

async fn act_with(admin: &Admin, token: &str, name: &str, body: &Value) -> (u16, Value) {
    let request = Request::post(format!("/actions/{name}"))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json");
    let (status, told) = ask(admin, request, &body.to_string()).await;
    (status, serde_json::from_str(&told).expect("JSON"))
}

async fn act(admin: &Admin, name: &str, body: Value) -> (u16, Value) {
    act_with(admin, TOKEN, name, &body).await
}

async fn status(admin: &Admin) -> Value {
    serde_json::from_str(&ask(admin, Request::get("/status"), "").await.1).expect("JSON")
}

#[tokio::test]
async fn whoever_may_act_bans_and_unbans_and_status_and_metrics_tell_of_the_guard_in_force() {
    let balancer = balancer();
    let current = CurrentGuard::new();
    let admin = Admin::new(&balancer).with_token(token(TOKEN)).with_guard(&current);
    assert_eq!(status(&admin).await["guard"], Value::Null);
    let (code, told) = act(&admin, "ban", json!({ "subject": "192.0.2.7", "for_s": 60 })).await;
    assert!(code == 400 && told["fix"].as_str().expect("a fix").contains("configure a guard"), "{told}");

    let guard = Guard::new(GuardPolicy::new());
    current.set(Some(guard.clone()));
    assert_eq!(act_with(&admin, "another-token-as-long", "ban", &json!({})).await.0, 401);
    for (body, field) in [
        (json!({ "subject": "192.0.2.7" }), "for_s"),
        (json!({ "subject": "192.0.2.7", "for_s": 0 }), "for_s"),
        (json!({ "subject": "acme", "for_s": 60 }), "subject"),
        (json!({ "for_s": 60 }), "subject"),
        (json!({ "subject": "192.0.2.7", "for": 60 }), "for"),
    ] {
        let (code, told) = act(&admin, "ban", body).await;
        assert_eq!((code, &told["field"]), (400, &json!(field)), "{told}");
    }
    assert!(guard.bans().is_empty());
    for subject in ["192.0.2.7", "2001:db8::/64", "tenant:acme"] {
        let (code, told) = act(&admin, "ban", json!({ "subject": subject, "for_s": 600.5 })).await;
        assert_eq!((code, &told["done"]["subject"]), (200, &json!(subject)));
    }
    let told = status(&admin).await;
    let subjects: Vec<_> =
        told["guard"]["bans"].as_array().expect("a list").iter().map(|ban| ban["subject"].clone()).collect();
    assert_eq!(subjects.len(), 3);
    assert!(subjects.contains(&json!("tenant:acme")) && told["guard"]["active_bans"] == 3, "{told}");
    assert!(told["events"][0]["action"] == "ban" && told["events"][0]["subject"] == "tenant:acme", "{told}");
    assert!(guard.remaining("192.0.2.7".parse().expect("an address")) > Some(Duration::from_secs(500)));
    let (_, metrics) = ask(&admin, Request::get("/metrics"), "").await;
    assert!(metrics.contains("tenantry_guard_active_bans 3\n"), "{metrics}");

    let (_, told) = act(&admin, "unban", json!({ "subject": "192.0.2.7" })).await;
    assert_eq!(told["done"], json!({ "subject": "192.0.2.7", "was_banned": true }));
    let (_, told) = act(&admin, "unban", json!({ "subject": "192.0.2.7" })).await;
    assert_eq!(told["done"]["was_banned"], false);
    assert_eq!(guard.bans().len(), 2);

    // Another one takes its place: what is told, and what is done, is that one's.
    let next = Guard::new(GuardPolicy::new());
    current.set(Some(next.clone()));
    assert_eq!(status(&admin).await["guard"]["active_bans"], 0);
    act(&admin, "ban", json!({ "subject": "192.0.2.8", "for_s": 60 })).await;
    assert_eq!((guard.bans().len(), next.bans().len()), (2, 1));
}

#[tokio::test]
async fn token_and_names_change_for_clones_that_serve_already() {
    let admin = Admin::new(&balancer());
    let serving = admin.clone();
    let body = json!({ "pool": "api", "endpoint": "http://a:1" });
    assert_eq!(act(&serving, "drain", body.clone()).await.0, 404);
    admin.set_token(Some(token(TOKEN)));
    assert_eq!(act(&serving, "drain", body.clone()).await.0, 200);
    admin.set_token(Some(token("a-newer-token-for-tests")));
    assert_eq!(act(&serving, "drain", body.clone()).await.0, 401);
    admin.set_token(None);
    assert_eq!(act(&serving, "drain", body).await.0, 404);
    admin.set_hosts(Hosts::local().with_host("admin.example"));
    let request = Request::get("/healthz").header("host", "admin.example").body(Full::<Bytes>::default());
    let answer = serving.clone().oneshot(request.expect("a request")).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    admin.set_after_restart(["gateway.listen"]);
    assert_eq!(status(&serving).await["after_restart"], json!(["gateway.listen"]));
}

#[tokio::test]
async fn rules_for_prometheus_are_there_once_something_is_watched() {
    let admin = Admin::new(&balancer());
    assert_eq!(ask(&admin, Request::get("/alerts/rules.yml"), "").await.0, 404);
    assert_eq!(status(&admin).await["alerts"], Value::Null);
    admin.set_alerts(Some(AlertRules::recommended()), None);
    let (code, rules) = ask(&admin, Request::get("/alerts/rules.yml"), "").await;
    assert!(code == 200 && rules.contains("alert: TenantryPoolInPanic"), "{rules}");
    assert_eq!(status(&admin).await["alerts"], json!({ "firing": [], "untold": 0 }));
}
