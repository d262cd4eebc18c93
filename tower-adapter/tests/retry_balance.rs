//! Retries around the balancer: real endpoints that break in every way, and what the balancer learns.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod support;

use std::{
    convert::Infallible,
    future::pending,
    io,
    net::SocketAddr,
    num::NonZeroU32,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use support::{Server, TestBody, body, pattern, upstream};
use tenantry::{
    AttemptsSpec, Backoff, Balancer, CapacitySpec, Config, ManualClock, OutlierSpec, PoolSpec, Rejection,
    StrategySpec, TenantSpec,
};
use tenantry_tower::{
    balance::{self, BalanceLayer, PickedEndpoint},
    proxy::{ResponseBody, ReverseProxy},
    rejection::RejectionLayer,
    replay::ReplayBody,
    retry::{Attempts, Error, RetryBody, RetryLayer, RetryPolicy},
    tenant::TenantId,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tower::{ServiceBuilder, ServiceExt, service_fn};

fn pool(addresses: &[String]) -> PoolSpec {
    let plenty = AttemptsSpec::retries().with_per_second(1_000);
    PoolSpec::new(addresses.iter().map(String::as_str))
        .with_strategy(StrategySpec::round_robin())
        .with_capacity(CapacitySpec::fixed(8))
        .with_outlier(OutlierSpec::new().with_consecutive_failures(u32::MAX))
        .with_retry(plenty)
}

fn config(pool: PoolSpec) -> Config {
    Config::new().with_pool("api", pool).with_tenant("acme", TenantSpec::new())
}

fn at_once() -> RetryPolicy {
    RetryPolicy::new().with_backoff(Backoff::none())
}

fn request(method: &str, sent: impl Into<Bytes>) -> Request<TestBody> {
    plain(method).map(|_| body(Full::from(sent.into())))
}

fn plain(method: &str) -> Request<Full<Bytes>> {
    let request = Request::builder().method(method).uri("/").header("host", "h");
    let mut request = request.body(Full::from("x")).unwrap();
    request.extensions_mut().insert(TenantId::new("acme"));
    request
}

/// Accepts connections, reads a request's head, says what it has to say, and closes.
async fn rude(words: &'static str) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, count) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let counter = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            counter.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                if !words.is_empty() {
                    drop(stream.read(&mut [0; 4_096]).await);
                    stream.write_all(words.as_bytes()).await.unwrap();
                }
            });
        }
    });
    (address, count)
}

/// Echoes what it is sent, and counts.
async fn echo() -> (Server, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let server = upstream(move |request: Request<Incoming>| {
        counter.fetch_add(1, Ordering::SeqCst);
        async move { Response::new(request.into_body()) }
    })
    .await;
    (server, count)
}

type Answer = Response<RetryBody<balance::LeaseBody<ResponseBody>>>;
type Failure = Error<balance::Error<tenantry_tower::proxy::Error>>;

async fn ask(
    balancer: &Balancer,
    policy: RetryPolicy,
    request: Request<TestBody>,
) -> Result<Answer, Failure> {
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::new(policy))
        .layer(BalanceLayer::new(balancer.clone()))
        .service(ReverseProxy::new());
    stack.oneshot(request).await
}

/// Completed and failed requests of each endpoint, and what is in flight.
fn taught(balancer: &Balancer) -> (Vec<(u64, u64)>, u32) {
    let stats = balancer.stats();
    let pool = stats.pool("api").unwrap();
    (
        pool.endpoints().iter().map(|endpoint| (endpoint.completed(), endpoint.failed())).collect(),
        pool.in_flight(),
    )
}

#[tokio::test]
async fn endpoints_that_reset_or_close_are_worked_around_and_reported() {
    for words in [
        "",
        "HTTP/1.1 200",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 503 Busy\r\nretry-after: 0\r\ncontent-length: 4\r\n\r\nbusy",
    ] {
        let ((bad, attempts), (good, served)) = (rude(words).await, echo().await);
        let balancer = Balancer::new(config(pool(&[format!("http://{bad}"), good.url()]))).unwrap();
        for number in 0..40_usize {
            let sent = pattern(number * 100);
            let answer = ask(&balancer, at_once(), request("PUT", sent.clone())).await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK, "{words:?}");
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), sent);
        }
        let failed = attempts.load(Ordering::SeqCst) as u64;
        assert!(failed >= 20 && served.load(Ordering::SeqCst) == 40, "{failed}");
        let (taught, in_flight) = taught(&balancer);
        assert_eq!((taught[1], in_flight), ((40, 0), 0));
        assert!(taught[0].0 == taught[0].1 && taught[0].1 >= 20, "every failure is reported: {taught:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_repeated_is_sent_once_and_yet_finds_its_way_around_a_dead_endpoint() {
    let (good, served) = echo().await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let balancer = Balancer::new(config(pool(&[format!("http://{closed}"), good.url()]))).unwrap();
    for number in 1..=20 {
        let answer = ask(&balancer, at_once(), request("POST", "pay")).await.unwrap();
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "pay");
        assert_eq!(served.load(Ordering::SeqCst), number);
    }

    let (reset, attempts) = rude("HTTP/1.1 200").await;
    let balancer = Balancer::new(config(pool(&[format!("http://{reset}"), good.url()]))).unwrap();
    let (mut ok, mut failed) = (0, 0);
    for _ in 0..20 {
        match ask(&balancer, at_once(), request("POST", "pay")).await {
            Ok(_) => ok += 1,
            Err(error) => {
                assert!(matches!(error, Error::Service(_)));
                failed += 1;
            }
        }
    }
    assert_eq!((ok, failed), (served.load(Ordering::SeqCst) - 20, attempts.load(Ordering::SeqCst)));
    assert_eq!(ok + failed, 20);
}

#[tokio::test]
async fn after_the_first_forwarded_byte_there_is_no_other_attempt() {
    let (cut, attempts) = rude("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await;
    let balancer = Balancer::new(config(pool(&[format!("http://{cut}")]))).unwrap();
    let answer = ask(&balancer, at_once(), request("GET", "")).await.unwrap();
    assert_eq!(answer.extensions().get::<Attempts>().unwrap().count(), 1);
    assert!(answer.into_body().collect().await.is_err());
    assert_eq!(attempts.load(Ordering::SeqCst), 1);
    assert_eq!(taught(&balancer), (vec![(1, 1)], 0));
}

#[tokio::test]
async fn the_seat_of_a_failed_attempt_is_free_before_the_next_begins() {
    let (bad, good) = (rude("HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy").await, echo().await);
    let pool = pool(&[format!("http://{}", bad.0), good.0.url()]).with_capacity(CapacitySpec::fixed(1));
    let balancer = Balancer::new(config(pool)).unwrap();
    for _ in 0..20 {
        let answer = ask(&balancer, at_once(), request("GET", "")).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        answer.into_body().collect().await.unwrap();
    }
}

#[tokio::test]
async fn a_total_outage_is_amplified_by_the_budget_and_no_more() {
    let calls = Arc::new(AtomicUsize::new(0));
    let spec = PoolSpec::new(["http://a:1", "http://b:1", "http://c:1"])
        .with_capacity(CapacitySpec::fixed(100))
        .with_outlier(OutlierSpec::new().with_consecutive_failures(u32::MAX));
    let clock = ManualClock::new();
    let config = config(spec).with_tenant("other", TenantSpec::new());
    let balancer = Balancer::with_clock(config, clock.clone()).unwrap();
    let counter = Arc::clone(&calls);
    let service = service_fn(move |_: Request<ReplayBody<TestBody>>| {
        counter.fetch_add(1, Ordering::SeqCst);
        async {
            Ok::<_, Infallible>(Response::builder().status(503).body(Full::<Bytes>::from("down")).unwrap())
        }
    });
    let stack = ServiceBuilder::new()
        .layer(RejectionLayer::new())
        .layer(RetryLayer::new(at_once().with_attempts(NonZeroU32::new(10).unwrap())))
        .layer(BalanceLayer::new(balancer.clone()))
        .service(service);
    for _ in 0..5_000 {
        clock.advance(Duration::from_micros(100));
        let answer = stack.clone().oneshot(request("GET", "")).await.unwrap();
        // What clients see is the endpoint's own answer, not that no more retries were allowed.
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "down");
    }
    let calls = calls.load(Ordering::SeqCst);
    assert!((5_900..=6_100).contains(&calls), "20 % of 5000, and 100 in reserve: {calls}");
    let stats = balancer.stats();
    let retries = stats.pool("api").unwrap().retries();
    assert_eq!(retries.passed(), calls as u64 - 5_000);
    assert!(retries.refused() > 3_000);
}

/// Answers as an endpoint's name says: at once, never, or with a failure.
async fn by_name(request: Request<ReplayBody<Full<Bytes>>>) -> Result<Response<Full<Bytes>>, io::Error> {
    let picked = request.extensions().get::<PickedEndpoint>().unwrap().address().to_owned();
    match &*picked {
        "never" => pending().await,
        "fails" => Ok(Response::builder().status(502).body(Full::default()).unwrap()),
        "breaks" => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
        "slow" => {
            tokio::time::sleep(Duration::from_millis(30)).await;
            Ok(Response::new(Full::from("slow")))
        }
        _ => Ok(Response::new(Full::from("ok"))),
    }
}

fn named(names: &[&str]) -> PoolSpec {
    pool(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
}

#[tokio::test(start_paused = true)]
async fn a_try_that_takes_too_long_is_its_endpoints_failure_and_one_that_is_dropped_is_nobodys() {
    let balancer = Balancer::new(config(named(&["never", "ok"]))).unwrap();
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::new(at_once().with_try_timeout(Duration::from_secs(1))))
        .layer(BalanceLayer::new(balancer.clone()))
        .service(service_fn(by_name));
    for _ in 0..10 {
        let answer = stack.clone().oneshot(plain("GET")).await.unwrap();
        answer.into_body().collect().await.unwrap();
    }
    let (counts, in_flight) = taught(&balancer);
    assert!(
        counts[0].1 >= 5 && counts[0].0 == counts[0].1 && counts[1] == (10, 0) && in_flight == 0,
        "{counts:?}"
    );

    let balancer = Balancer::new(config(named(&["never"]))).unwrap();
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::new(at_once().with_timeout(Duration::from_secs(1))))
        .layer(BalanceLayer::new(balancer.clone()))
        .service(service_fn(by_name));
    let given_up = tokio::time::timeout(Duration::from_millis(900), stack.oneshot(plain("GET"))).await;
    assert!(given_up.is_err());
    assert_eq!((taught(&balancer).0[0].1, taught(&balancer).1), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_try_that_the_end_cuts_off_is_its_endpoints_failure_where_it_has_had_its_part() {
    let second = Duration::from_secs(1);
    let (few, one) = (NonZeroU32::new(4).unwrap(), NonZeroU32::MIN);
    for (policy, busy_ms, failures) in [
        (at_once().with_timeout(second), 0, 1),
        (at_once().with_timeout(second).with_attempts(one), 0, 1),
        // It has waited for its turn most of the time, or a little too long for its part.
        (at_once().with_timeout(second).with_attempts(few), 700, 1),
        (at_once().with_timeout(second).with_attempts(few), 800, 0),
        (at_once().with_timeout(second).with_attempts(one), 550, 0),
        // So long an attempt may take; or might, were there the time.
        (at_once().with_timeout(second).with_try_timeout(second / 2), 600, 0),
        (at_once().with_timeout(second).with_try_timeout(second * 2), 600, 1),
    ] {
        let pool = named(&["never"]).with_capacity(CapacitySpec::fixed(1));
        let balancer = Balancer::new(config(pool)).unwrap();
        let lease = balancer.try_acquire_owned(&tenantry::Request::new("acme")).unwrap();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(busy_ms)).await;
            drop(lease);
        });
        let case = format!("{policy:?} after {busy_ms} ms");
        let stack = ServiceBuilder::new()
            .layer(RetryLayer::new(policy))
            .layer(BalanceLayer::new(balancer.clone()))
            .service(service_fn(by_name));
        let ended = stack.oneshot(plain("GET")).await;
        assert!(matches!(ended, Err(Error::TimedOut)), "{case}");
        assert_eq!((taught(&balancer).0[0].1, taught(&balancer).1), (failures, 0), "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_turn_is_no_part_of_a_try() {
    let balancer = Balancer::new(config(named(&["slow"]).with_capacity(CapacitySpec::fixed(1)))).unwrap();
    let policy = at_once().with_try_timeout(Duration::from_millis(50));
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::new(policy))
        .layer(BalanceLayer::new(balancer.clone()))
        .service(service_fn(by_name));
    let asked = (0..20).map(|_| {
        let stack = stack.clone();
        tokio::spawn(async move {
            let answer = stack.oneshot(plain("GET")).await.unwrap();
            answer.into_body().collect().await.unwrap().to_bytes()
        })
    });
    for asked in asked.collect::<Vec<_>>() {
        assert_eq!(asked.await.unwrap(), "slow");
    }
    assert_eq!(taught(&balancer), (vec![(20, 0)], 0));
}

#[tokio::test(start_paused = true)]
async fn seats_are_conserved_whenever_callers_go_away() {
    let names = ["slow", "fails", "breaks", "ok", "never"];
    let balancer = Balancer::new(config(named(&names).with_capacity(CapacitySpec::fixed(3)))).unwrap();
    let policy = RetryPolicy::new()
        .with_backoff(Backoff::default().with_seed(5))
        .with_try_timeout(Duration::from_millis(40));
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::new(policy))
        .layer(BalanceLayer::new(balancer.clone()))
        .service(service_fn(by_name));
    // Each goes away after a time of its own: between 0 and 300 ms.
    let patience = Backoff::new(Duration::from_millis(300), Duration::from_millis(300)).with_seed(9);
    let asked = (0..400).map(|number| {
        let stack = stack.clone();
        tokio::spawn(async move {
            tokio::time::sleep(patience.wait(1, 1_000 + number)).await;
            let call = async { stack.oneshot(plain("PUT")).await.unwrap().into_body().collect().await };
            tokio::time::timeout(patience.wait(1, number), call).await.is_ok()
        })
    });
    let mut served = 0;
    for asked in asked.collect::<Vec<_>>() {
        // A request whose attempts all failed panics on its error: it is over all the same.
        served += u32::from(asked.await.unwrap_or(false));
    }
    assert!((10..=390).contains(&served), "some are served and some have gone: {served}");
    let stats = balancer.stats();
    let pool = stats.pool("api").unwrap();
    let tenant = stats.tenant("acme").unwrap();
    assert_eq!((pool.in_flight(), pool.waiting(), tenant.in_flight(), tenant.waiting()), (0, 0, 0, 0));
    assert!(pool.endpoints().iter().all(|endpoint| endpoint.in_flight() == 0));
}

#[tokio::test]
async fn a_request_that_the_balancer_refuses_is_not_tried_again() {
    let balancer = Balancer::new(config(named(&["ok"]))).unwrap();
    let asked = Arc::new(Mutex::new(0));
    let counter = Arc::clone(&asked);
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::new(at_once()))
        .map_request(move |request| {
            *counter.lock().unwrap() += 1;
            request
        })
        .layer(BalanceLayer::new(balancer))
        .service(service_fn(by_name));
    let mut stranger = plain("GET");
    stranger.extensions_mut().insert(TenantId::new("stranger"));
    let refused = stack.oneshot(stranger).await.map(drop);
    assert!(matches!(refused, Err(Error::Service(balance::Error::Rejected(Rejection::UnknownTenant)))));
    assert_eq!(*asked.lock().unwrap(), 1);
}
