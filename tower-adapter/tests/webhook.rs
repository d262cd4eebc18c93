//! A webhook is told of alerts over a real connection, again where it fails, and nobody waits for it.
#![cfg(feature = "admin")]

use std::{sync::Arc, time::Duration};

use serde_json::Value;
use tenantry::{Backoff, Balancer, Config, HealthOverride, PoolSpec};
#[cfg(feature = "tls")]
use tenantry_tower::proxy::Transport;
use tenantry_tower::{
    admin::Admin,
    alert::{AlertRules, Webhook},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::mpsc,
    time::timeout,
};
use tower::ServiceExt;

const PATIENCE: Duration = Duration::from_secs(20);

/// Answers one request per connection with these statuses, in turn, and then 200; hands on what came.
async fn receiver(statuses: &'static [u16]) -> (String, mpsc::UnboundedReceiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (came, coming) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut statuses = statuses.iter();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            let body = loop {
                let mut part = [0; 4_096];
                let read = stream.read(&mut part).await.unwrap_or(0);
                request.extend_from_slice(&part[..read]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                if let Ok(body) = serde_json::from_str(body) {
                    break (head.to_owned(), body);
                }
            };
            let status = statuses.next().unwrap_or(&200);
            let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.ok();
            if came.send(body).is_err() {
                return;
            }
        }
    });
    (format!("http://{address}/hooks/7?key=secret"), coming)
}

fn balancer() -> Balancer {
    Balancer::new(Config::new().with_pool("api", PoolSpec::new(["http://a:1"]))).expect("a configuration")
}

fn quick(url: &str) -> Webhook {
    let hook = Webhook::new(url).expect("a URL").with_token("0123456789").expect("a token");
    hook.with_backoff(Backoff::new(Duration::from_millis(1), Duration::from_millis(5)))
}

async fn status(admin: &Admin) -> Value {
    let ask = http::Request::get("/status").header("host", "localhost");
    let ask = ask.body(http_body_util::Empty::<bytes::Bytes>::new()).expect("a request");
    let answer = admin.clone().oneshot(ask).await.expect("an answer");
    let body = http_body_util::BodyExt::collect(answer.into_body()).await.expect("a body").to_bytes();
    serde_json::from_slice(&body).expect("JSON")
}

#[tokio::test]
async fn it_is_told_what_fires_and_again_until_it_takes_it() {
    let (url, mut coming) = receiver(&[503, 429]).await;
    let balancer = balancer();
    let rules = AlertRules::new().with_panic(Duration::ZERO).with_resolve_after(Duration::ZERO);
    let admin = Admin::new(&balancer).with_alerts(rules, Some(quick(&url)));
    balancer.override_health("api", "http://a:1", HealthOverride::Ejected, None).expect("it is there");
    let told = status(&admin).await;
    assert_eq!(told["alerts"]["firing"][0]["alert"], "panic", "{told}");
    let mut first = None;
    for _ in 0..3 {
        let (head, body) = timeout(PATIENCE, coming.recv()).await.expect("in time").expect("one more");
        assert!(head.starts_with("POST /hooks/7?key=secret HTTP/1.1"), "{head}");
        let head = head.to_ascii_lowercase();
        assert!(
            head.contains("content-type: application/json")
                && head.contains("authorization: bearer 0123456789")
        );
        assert_eq!(*first.get_or_insert_with(|| body.clone()), body, "the same is sent again");
    }
    let body = first.expect("it came");
    assert_eq!((&body["version"], &body["source"]), (&Value::from(1), &Value::from("tenantry")));
    let alert = &body["alerts"][0];
    assert_eq!(
        (&alert["alert"], &alert["state"], &alert["pool"]),
        (&"panic".into(), &"firing".into(), &"api".into())
    );

    balancer.clear_health_override("api", "http://a:1").expect("it is there");
    status(&admin).await;
    let (_, body) = timeout(PATIENCE, coming.recv()).await.expect("in time").expect("one more");
    assert_eq!(body["alerts"][0]["state"], "resolved", "{body}");
    assert!(body["alerts"][0]["resolved_unix_ms"].as_u64() >= body["alerts"][0]["since_unix_ms"].as_u64());
    let told = status(&admin).await;
    assert_eq!(told["alerts"]["firing"], Value::Array(vec![]));
    let events: Vec<_> =
        told["events"].as_array().expect("events").iter().filter(|event| event["event"] == "alert").collect();
    assert_eq!((&events[0]["state"], &events[1]["state"]), (&"resolved".into(), &"firing".into()));
    assert!(!told.to_string().contains("secret") && !told.to_string().contains("0123456789"));
}

/// The states of the next message's alerts.
async fn next(coming: &mut mpsc::UnboundedReceiver<(String, Value)>) -> Vec<String> {
    let (_, body) = timeout(PATIENCE, coming.recv()).await.expect("in time").expect("one more");
    let alerts = body["alerts"].as_array().expect("alerts").iter();
    alerts.map(|alert| alert["state"].as_str().expect("a state").to_owned()).collect()
}

/// Waits until so many are delivered.
async fn delivered(admin: &Admin, count: u64) {
    let reached = async {
        while status(admin).await["alerts"]["webhook"]["delivered"] != count {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, reached).await.expect("in time");
}

#[tokio::test]
async fn a_reload_that_says_the_same_leaves_the_sender_and_another_url_begins_anew() {
    let ((url, mut coming), (other_url, mut other)) = (receiver(&[]).await, receiver(&[]).await);
    let balancer = balancer();
    let rules = |hold| AlertRules::new().with_panic(hold).with_resolve_after(Duration::ZERO);
    let admin = Admin::new(&balancer).with_alerts(rules(Duration::ZERO), Some(quick(&url)));
    balancer.override_health("api", "http://a:1", HealthOverride::Ejected, None).expect("it is there");
    status(&admin).await;
    assert_eq!(next(&mut coming).await, ["firing"]);
    delivered(&admin, 1).await;
    // Other rules, the same webhook made anew.
    admin.set_alerts(Some(rules(Duration::from_nanos(1))), Some(quick(&url)));
    delivered(&admin, 1).await;
    balancer.clear_health_override("api", "http://a:1").expect("it is there");
    status(&admin).await;
    assert_eq!(next(&mut coming).await, ["resolved"]);
    delivered(&admin, 2).await;
    for changed in [quick(&url).with_token("another").expect("a token"), quick(&other_url)] {
        admin.set_alerts(Some(rules(Duration::ZERO)), Some(changed));
        assert_eq!(status(&admin).await["alerts"]["webhook"]["delivered"], 0);
    }
    balancer.override_health("api", "http://a:1", HealthOverride::Ejected, None).expect("it is there");
    status(&admin).await;
    assert_eq!(next(&mut other).await, ["firing"]);
}

#[tokio::test]
async fn messages_stay_in_order_over_reloads_while_the_receiver_fails() {
    let (url, mut coming) = receiver(&[503, 503, 503]).await;
    let balancer = balancer();
    let rules = AlertRules::new().with_panic(Duration::ZERO).with_resolve_after(Duration::ZERO);
    let admin = Admin::new(&balancer).with_alerts(rules.clone(), Some(quick(&url)));
    balancer.override_health("api", "http://a:1", HealthOverride::Ejected, None).expect("it is there");
    status(&admin).await;
    admin.set_alerts(Some(rules), Some(quick(&url)));
    balancer.clear_health_override("api", "http://a:1").expect("it is there");
    status(&admin).await;
    for expected in ["firing", "firing", "firing", "firing", "resolved"] {
        assert_eq!(next(&mut coming).await, [expected]);
    }
}

#[tokio::test]
async fn what_fires_when_alerts_are_taken_away_is_told_as_over() {
    let (url, mut coming) = receiver(&[]).await;
    let balancer = balancer();
    let rules = AlertRules::new().with_panic(Duration::ZERO);
    // The number of events says nothing about alerts.
    let admin = Admin::new(&balancer).with_alerts(rules, Some(quick(&url))).with_events_kept(9);
    balancer.override_health("api", "http://a:1", HealthOverride::Ejected, None).expect("it is there");
    assert_eq!(status(&admin).await["alerts"]["firing"][0]["alert"], "panic");
    assert_eq!(next(&mut coming).await, ["firing"]);
    admin.set_alerts(None, None);
    assert_eq!(next(&mut coming).await, ["resolved"]);
    let told = status(&admin).await;
    assert_eq!(told["alerts"], Value::Null);
    let events = told["events"].as_array().expect("events").iter();
    let states: Vec<_> =
        events.filter(|event| event["event"] == "alert").map(|event| &event["state"]).collect();
    assert_eq!(states, ["resolved", "firing"]);
}

#[tokio::test]
async fn who_hears_no_more_is_told_that_it_is_over_and_who_hears_from_now_on_that_it_fires() {
    let ((url, mut coming), (other_url, mut other)) = (receiver(&[]).await, receiver(&[]).await);
    let balancer = balancer();
    let rules = || Some(AlertRules::new().with_panic(Duration::ZERO).with_resolve_after(Duration::ZERO));
    let admin = Admin::new(&balancer);
    admin.set_alerts(rules(), Some(quick(&url)));
    balancer.override_health("api", "http://a:1", HealthOverride::Ejected, None).expect("it is there");
    status(&admin).await;
    assert_eq!(next(&mut coming).await, ["firing"]);
    delivered(&admin, 1).await;

    // The same receiver with another token hears nothing twice.
    admin.set_alerts(rules(), Some(quick(&url).with_token("another").expect("a token")));
    admin.set_alerts(rules(), Some(quick(&other_url)));
    assert_eq!(next(&mut coming).await, ["resolved"]);
    assert_eq!(next(&mut other).await, ["firing"]);
    assert_eq!(status(&admin).await["alerts"]["firing"][0]["alert"], "panic", "it still fires");
    delivered(&admin, 1).await;

    admin.set_alerts(rules(), None);
    assert_eq!(next(&mut other).await, ["resolved"]);
    admin.set_alerts(rules(), Some(quick(&url)));
    assert_eq!(next(&mut coming).await, ["firing"]);
    delivered(&admin, 1).await;
    balancer.clear_health_override("api", "http://a:1").expect("it is there");
    let told = status(&admin).await;
    assert_eq!(next(&mut coming).await, ["resolved"]);
    let events = told["events"].as_array().expect("events").iter();
    let states: Vec<_> =
        events.filter(|event| event["event"] == "alert").map(|event| &event["state"]).collect();
    assert_eq!(states, ["resolved", "firing"], "it has begun and ended once");
}

#[cfg(feature = "tls")]
#[tokio::test]
async fn of_one_with_a_transport_its_settings_say_whether_it_is_the_same() {
    let (url, mut coming) = receiver(&[]).await;
    let balancer = balancer();
    let rules = || Some(AlertRules::new().with_panic(Duration::ZERO));
    let by = |settings: &str| quick(&url).with_transport_of(&Transport::plain(), &settings);
    let admin = Admin::new(&balancer);
    admin.set_alerts(rules(), Some(by("ca.pem")));
    balancer.override_health("api", "http://a:1", HealthOverride::Ejected, None).expect("it is there");
    status(&admin).await;
    assert_eq!(next(&mut coming).await, ["firing"]);
    delivered(&admin, 1).await;
    admin.set_alerts(rules(), Some(by("ca.pem")));
    assert_eq!(status(&admin).await["alerts"]["webhook"]["delivered"], 1);
    for changed in [by("other.pem"), by("ca.pem").with_transport(&Transport::plain())] {
        admin.set_alerts(rules(), Some(changed));
        assert_eq!(status(&admin).await["alerts"]["webhook"]["delivered"], 0);
    }
}

#[tokio::test]
async fn what_it_refuses_for_good_is_given_up_and_counted() {
    let (url, mut coming) = receiver(&[404]).await;
    let balancer = balancer();
    let admin =
        Admin::new(&balancer).with_alerts(AlertRules::new().with_panic(Duration::ZERO), Some(quick(&url)));
    balancer.override_health("api", "http://a:1", HealthOverride::Ejected, None).expect("it is there");
    status(&admin).await;
    timeout(PATIENCE, coming.recv()).await.expect("in time").expect("one");
    let lost = async {
        while status(&admin).await["alerts"]["webhook"]["lost"] != 1 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, lost).await.expect("in time");
}

#[tokio::test]
async fn nobody_waits_for_one_that_never_answers_and_what_is_too_much_is_counted() {
    let deaf = Arc::new(TcpListener::bind("127.0.0.1:0").await.expect("a port"));
    let url = format!("http://{}/", deaf.local_addr().expect("an address"));
    let balancer = balancer();
    let rules = AlertRules::new().with_panic(Duration::ZERO).with_resolve_after(Duration::ZERO);
    let admin = Admin::new(&balancer).with_alerts(rules, Some(quick(&url)));
    for _ in 0..150 {
        balancer.override_health("api", "http://a:1", HealthOverride::Ejected, None).expect("it is there");
        status(&admin).await;
        balancer.clear_health_override("api", "http://a:1").expect("it is there");
        status(&admin).await;
    }
    let told = status(&admin).await;
    let webhook = &told["alerts"]["webhook"];
    assert_eq!(webhook["delivered"], 0);
    // 300 messages: one is under way, 256 wait.
    assert!((40..=44).contains(&webhook["lost"].as_u64().expect("a number")), "{webhook}");
}

#[test]
fn what_is_no_url_is_refused_and_never_shown() {
    for url in ["", "hooks.example/7", "ftp://a/", "http://user:password@a/", "http://"] {
        let error = Webhook::new(url).expect_err(url).to_string();
        assert!(!error.contains("password"), "{error}");
    }
    let hook = quick("http://127.0.0.1:9/secret");
    assert!(!format!("{hook:?}").contains("secret"));
    assert!(Webhook::new("http://a/").expect("a URL").with_token("a\nb").is_err());
}
