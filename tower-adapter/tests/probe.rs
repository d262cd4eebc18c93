//! Probes between real servers on the loopback address.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod support;

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use tenantry::{Balancer, CapacitySpec, Config, Outcome, PoolSpec, PrequalSpec, Request as Ask, TenantSpec};
use tenantry_tower::probe::{Prober, ReportLayer};
use tokio::time::timeout;
use tower::{Layer, Service, ServiceExt, service_fn};

use support::{Server, upstream};

const PATIENCE: Duration = Duration::from_secs(20);

/// An upstream that answers probes with `answer`, and counts them.
async fn answering(answer: &'static str) -> (Server, Arc<AtomicUsize>) {
    let probed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&probed);
    let server = upstream(move |request: Request<_>| {
        assert_eq!(request.uri().path(), "/load");
        count.fetch_add(1, Ordering::SeqCst);
        async { Response::new(Full::new(Bytes::from_static(answer.as_bytes()))) }
    })
    .await;
    (server, probed)
}

fn balancer(addresses: &[String]) -> Balancer {
    let strategy = PrequalSpec::new().with_path("/load").with_timeout(Duration::from_secs(5));
    let pool = PoolSpec::new(addresses.iter().cloned())
        .with_strategy(strategy.with_max_age(Duration::from_secs(60)))
        .with_capacity(CapacitySpec::fixed(100));
    let config = Config::new().with_seed(3).with_pool("api", pool).with_tenant("acme", TenantSpec::new());
    Balancer::new(config).expect("the configuration is right")
}

fn pick(balancer: &Balancer) -> String {
    let lease = balancer.try_acquire(&Ask::new("acme")).expect("there is room");
    let address = lease.endpoint().address().to_owned();
    lease.finish(Outcome::success());
    address
}

/// Lets others work until something has happened `count` times.
async fn until(counter: &AtomicUsize, count: usize) {
    let reached = async {
        while counter.load(Ordering::SeqCst) < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, reached).await.expect("it happens within the test's patience");
}

#[tokio::test]
async fn requests_avoid_the_endpoint_that_says_it_is_slow() {
    let (slow, probed) = answering(r#"{ "rif": 40, "latency_us": 900000 }"#).await;
    let (one, _) = answering(r#"{ "rif": 1, "latency_us": 2000 }"#).await;
    let (other, _) = answering(r#"{ "rif": 1, "latency_us": 2000 }"#).await;
    let balancer = balancer(&[slow.url(), one.url(), other.url()]);
    let prober = tokio::spawn(Prober::new(&balancer).run());
    let mut to_slow = 0;
    for number in 1..=100 {
        to_slow += u32::from(pick(&balancer) == slow.url());
        until(&probed, number).await;
    }
    // Without probes it would be a third; a few go by power of two choices, before answers are in.
    assert!(to_slow <= 10, "{to_slow} of 100");
    drop(balancer);
    timeout(PATIENCE, prober).await.expect("it ends with its balancer").expect("it does not panic");
    assert!(slow.connections() <= 10, "connections are used again");
}

#[tokio::test]
async fn endpoints_that_answer_nothing_or_nonsense_hold_nobody_up() {
    let (good, probed) = answering(r#"{ "rif": 1 }"#).await;
    let (nonsense, _) = answering("I am fine").await;
    let failing = upstream(|_| async {
        let mut response = Response::new(Full::new(Bytes::from_static(br#"{ "rif": 0 }"#)));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
    .await;
    // Nobody listens on port 9, and `https` is not spoken.
    let addresses = [
        good.url(),
        nonsense.url(),
        failing.url(),
        "http://127.0.0.1:9".to_owned(),
        "https://127.0.0.1:9".to_owned(),
    ];
    let balancer = balancer(&addresses);
    let prober = tokio::spawn(Prober::new(&balancer).with_most_under_way(4).run());
    let mut picked = std::collections::HashSet::new();
    let mut rounds = 0;
    // Far more than may be under way at once: what fails makes room.
    while probed.load(Ordering::SeqCst) < 300 {
        picked.insert(pick(&balancer));
        rounds += 1;
        assert!(rounds < 20_000, "probes have stopped");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(picked.len(), addresses.len(), "one answer is no choice: power of two choices decides");
    prober.abort();
}

#[tokio::test]
async fn a_server_in_rust_reports_what_is_in_flight_and_how_long_it_took() {
    let layer = ReportLayer::new("/prequal");
    let mut server = layer.layer(service_fn(async |request: Request<()>| {
        let mut response = Response::new(Full::new(Bytes::from("hello")));
        if request.uri().path() == "/broken" {
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        }
        Ok::<_, Infallible>(response)
    }));
    let get = |path: &str| Request::get(path).body(()).expect("a request");
    let report = async || {
        let probe =
            layer.layer(service_fn(async |_: Request<()>| -> Result<Response<Full<Bytes>>, Infallible> {
                unreachable!("a probe goes no further")
            }));
        let answer = probe.oneshot(get("/prequal")).await.expect("infallible");
        assert_eq!(answer.headers()["content-type"], "application/json");
        let text = answer.into_body().collect().await.expect("infallible").to_bytes();
        let value: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
        (value["rif"].as_u64(), value["latency_us"].is_u64())
    };
    let waiting = server.ready().await.expect("infallible").call(get("/"));
    assert_eq!(report().await, (Some(1), false), "from the call on");
    let response = waiting.await.expect("infallible");
    assert_eq!(report().await, (Some(1), false), "until the last byte is out");
    drop(response);
    assert_eq!(report().await, (Some(0), false), "what breaks off teaches nothing");
    for path in ["/broken", "/broken"] {
        let response = server.ready().await.expect("infallible").call(get(path)).await.expect("infallible");
        response.into_body().collect().await.expect("infallible");
        assert_eq!(report().await, (Some(0), false), "nor does a failure");
    }
    let response = server.ready().await.expect("infallible").call(get("/")).await.expect("infallible");
    assert_eq!(response.into_body().collect().await.expect("infallible").to_bytes(), "hello");
    assert_eq!(report().await, (Some(0), true));
}

#[tokio::test]
async fn a_balancer_probes_servers_in_rust_out_of_the_box() {
    let layer = ReportLayer::new("/load");
    let service = layer.layer(service_fn(async |_: Request<hyper::body::Incoming>| {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::from("hello"))))
    }));
    let (one, other) = (support::front(service.clone(), "").await, support::front(service, "").await);
    let balancer = balancer(&[one.url(), other.url()]);
    let prober = tokio::spawn(Prober::new(&balancer).run());
    let probed = async {
        while one.connections() == 0 || other.connections() == 0 {
            pick(&balancer);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, probed).await.expect("a probe reaches both");
    assert!(!prober.is_finished(), "it goes on as long as its balancer is there");
    prober.abort();
}
