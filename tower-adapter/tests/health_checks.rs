//! Health checks against real servers on the loopback address, well and ill.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod support;
#[path = "support/verdict.rs"]
mod verdict;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use support::{Server, upstream};
use tenantry::{
    Balancer, CheckFailure, Clock, Config, EndpointChange, EndpointSpec, HealthCheckSpec, HealthState,
    HttpCheck, PoolSpec, Time,
};
use tenantry_tower::health::{CheckFailed, HealthChecker};
use tokio::{
    io::AsyncReadExt,
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, timeout},
};
use verdict::{PATIENCE, verdict};

/// The same with a timeout that no answer on this machine exceeds.
async fn patient(address: &str, spec: HealthCheckSpec) -> Result<(), (CheckFailure, String)> {
    verdict(address, spec.with_timeout(PATIENCE / 2), |checker| checker).await
}

async fn failure(address: &str, spec: HealthCheckSpec) -> CheckFailure {
    patient(address, spec).await.expect_err("it fails").0
}

fn full(status: u16, body: &'static str) -> Response<Full<Bytes>> {
    Response::builder().status(status).body(Full::new(Bytes::from_static(body.as_bytes()))).unwrap()
}

async fn answering(status: u16, body: &'static str) -> Server {
    upstream(move |_| async move { full(status, body) }).await
}

/// Does with each connection what it is told.
async fn raw<R: Future<Output = ()> + Send>(
    serve: impl Fn(TcpStream) -> R + Clone + Send + 'static,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let serve = serve.clone();
            tokio::spawn(async move { serve(stream).await });
        }
    });
    address
}

/// Accepts and never answers; counts the connections that are open.
async fn black_hole() -> (String, Arc<AtomicUsize>) {
    let open = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&open);
    let address = raw(move |mut stream| {
        let open = Arc::clone(&counted);
        open.fetch_add(1, Ordering::SeqCst);
        async move {
            let mut buffer = [0; 1_024];
            while stream.read(&mut buffer).await.is_ok_and(|length| length > 0) {}
            open.fetch_sub(1, Ordering::SeqCst);
        }
    });
    (address.await, open)
}

async fn until(what: &str, mut reached: impl FnMut() -> bool) {
    let reached = async {
        while !reached() {
            sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(PATIENCE, reached).await.expect(what);
}

#[tokio::test]
async fn a_status_is_good_or_not() {
    for (status, ranges, good) in [
        (200, vec![], true),
        (204, vec![], true),
        (302, vec![], false),
        (302, vec![200..=399], true),
        (503, vec![], false),
        (404, vec![200..=200, 404..=404], true),
    ] {
        let server = answering(status, "").await;
        let check = ranges.into_iter().fold(HttpCheck::new("/healthz"), HttpCheck::with_status);
        let seen = patient(&server.url(), check.into()).await;
        assert_eq!(seen.is_ok(), good, "{status}: {seen:?}");
        assert!(
            seen.is_ok()
                || seen.is_err_and(|(reason, evidence)| {
                    reason == CheckFailure::Status && evidence.starts_with(&status.to_string())
                })
        );
    }
}

#[tokio::test]
async fn it_asks_as_it_is_told() {
    let server = upstream(|request: Request<Incoming>| async move {
        let header = |name: &str| {
            request.headers().get(name).map_or("none", |value| value.to_str().unwrap()).to_owned()
        };
        let asked = format!(
            "{} {} host={} key={} agent={}",
            request.method(),
            request.uri(),
            header("host"),
            header("x-key"),
            header("user-agent")
        );
        Response::new(Full::new(Bytes::from(asked)))
    })
    .await;
    let check = HttpCheck::new("/healthz?deep=1")
        .with_method("POST")
        .with_host("api.internal")
        .with_header("x-key", "7")
        .with_body("POST /healthz?deep=1 host=api.internal key=7 agent=tenantry-health-check");
    // Asked at another port than the address's.
    let port = std::num::NonZeroU16::new(server.address.port()).unwrap();
    let spec = HealthCheckSpec::from(check).with_port(port);
    assert_eq!(patient("http://127.0.0.1:1", spec).await, Ok(()));
}

#[tokio::test]
async fn a_body_has_the_text_or_not_whatever_chunks_it_comes_in() {
    let server = upstream(|_| async {
        let chunks = ["{\"status\":", "\"o", "k\"}"]
            .map(|chunk| Ok::<_, std::io::Error>(Frame::data(Bytes::from(chunk))));
        Response::new(StreamBody::new(futures_util::stream::iter(chunks)).boxed())
    })
    .await;
    let wants = |text: &str| HealthCheckSpec::from(HttpCheck::new("/").with_body(text));
    assert_eq!(patient(&server.url(), wants("\"status\":\"ok\"")).await, Ok(()));
    let (reason, evidence) = patient(&server.url(), wants("ready")).await.unwrap_err();
    assert_eq!(reason, CheckFailure::Body);
    assert_eq!(evidence, r#"200 OK, and "ready" is not in the body: {"status":"ok"}"#);
}

#[tokio::test]
async fn an_endless_body_is_not_read_for_ever() {
    let server = upstream(|_| async {
        let chunk = Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(&[b'x'; 4_096])));
        let chunks = futures_util::stream::unfold((), move |()| {
            let chunk = chunk
                .as_ref()
                .map(|frame| Frame::data(frame.data_ref().unwrap().clone()))
                .map_err(|_| std::io::Error::other(""));
            async { Some((chunk, ())) }
        });
        Response::new(BodyExt::boxed_unsync(StreamBody::new(chunks)))
    })
    .await;
    let spec = HealthCheckSpec::from(HttpCheck::new("/").with_body("ready"));
    assert_eq!(failure(&server.url(), spec).await, CheckFailure::Body);
}

#[tokio::test]
async fn who_is_not_there_resets_or_talks_nonsense_fails() {
    // Bound and closed again: nobody listens.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    let reset = raw(|stream| async move { stream.set_zero_linger().unwrap() }).await;
    let nonsense = raw(|mut stream| async move {
        let mut buffer = [0; 1_024];
        drop(stream.read(&mut buffer).await);
        drop(tokio::io::AsyncWriteExt::write_all(&mut stream, b"SSH-2.0-OpenSSH\r\n\r\n").await);
    })
    .await;
    let http = || HealthCheckSpec::http("/healthz");
    assert_eq!(failure(&free, http()).await, CheckFailure::Connect);
    assert_eq!(failure(&free, HealthCheckSpec::tcp()).await, CheckFailure::Connect);
    assert_eq!(failure(&reset, http()).await, CheckFailure::Broken);
    assert_eq!(failure(&nonsense, http()).await, CheckFailure::Broken);
    assert_eq!(failure("redis://cache", HealthCheckSpec::tcp()).await, CheckFailure::Connect, "no port");
    assert_eq!(patient(&nonsense, HealthCheckSpec::tcp()).await, Ok(()), "it accepts connections");
}

#[tokio::test]
async fn who_never_answers_or_too_late_fails_and_no_connection_is_left() {
    let (address, open) = black_hole().await;
    let soon = HealthCheckSpec::http("/healthz").with_timeout(Duration::from_millis(100));
    let (reason, evidence) = verdict(&address, soon.clone(), |checker| checker).await.unwrap_err();
    assert_eq!((reason, &*evidence), (CheckFailure::Timeout, "no answer within 100ms"));
    until("every connection is closed", || open.load(Ordering::SeqCst) == 0).await;
    assert_eq!(
        patient(&address, HealthCheckSpec::tcp()).await,
        Ok(()),
        "which is why TCP alone is a weak check"
    );
    let slow = upstream(|_| async {
        sleep(Duration::from_millis(400)).await;
        full(200, "")
    })
    .await;
    assert_eq!(verdict(&slow.url(), soon, |checker| checker).await.unwrap_err().0, CheckFailure::Timeout);
    assert_eq!(patient(&slow.url(), HealthCheckSpec::http("/")).await, Ok(()));
}

#[tokio::test]
async fn dropping_the_handle_ends_the_checks_and_closes_what_is_open() {
    let (address, open) = black_hole().await;
    let spec = HealthCheckSpec::http("/")
        .with_every(Duration::from_millis(10))
        .with_timeout(Duration::from_secs(600));
    let addresses = (0..20).map(|number| format!("http://{address}/?{number}"));
    let pool = PoolSpec::new(addresses).with_health_check(spec);
    let balancer = Balancer::new(Config::new().with_pool("api", pool)).unwrap();
    let checking = HealthChecker::new(&balancer).with_most_under_way(7).start();
    until("as many as may be under way", || open.load(Ordering::SeqCst) == 7).await;
    sleep(Duration::from_millis(50)).await;
    assert_eq!(open.load(Ordering::SeqCst), 7, "and no more");
    drop(checking);
    until("every connection is closed", || open.load(Ordering::SeqCst) == 0).await;
}

#[tokio::test]
async fn it_follows_the_balancer_and_ends_with_it() {
    let server = answering(500, "").await;
    let balancer = Balancer::new(Config::new().with_pool("api", PoolSpec::default())).unwrap();
    let checking = HealthChecker::new(&balancer).start();
    tokio::task::yield_now().await;
    // Nothing was to be checked; now something is.
    let spec = HealthCheckSpec::http("/").with_every(Duration::from_millis(20)).with_fall(1);
    let pool = PoolSpec::default().with_health_check(spec);
    balancer.reconfigure(Config::new().with_pool("api", pool)).unwrap();
    let add = EndpointChange::Add(EndpointSpec::new(server.url()));
    balancer.change_endpoints("api", &[add]).unwrap();
    let state = || balancer.pool_stats("api").unwrap().endpoints()[0].health();
    until("it is found to fail", || state() == HealthState::Failing).await;
    assert!(checking.is_running());
    drop(balancer);
    until("it ends", || !checking.is_running()).await;
}

#[tokio::test]
async fn functions_of_ones_own_are_asked_by_name() {
    let ping = || HealthCheckSpec::custom("ping");
    let ask = |answer: Result<(), CheckFailed>| {
        verdict("redis://cache:6379", ping(), move |checker| {
            checker.with_custom("ping", move |endpoint| {
                assert_eq!(endpoint.address(), "redis://cache:6379");
                assert!(["up", "down"].contains(&endpoint.pool()));
                std::future::ready(answer.clone())
            })
        })
    };
    assert_eq!(ask(Ok(())).await, Ok(()));
    assert_eq!(
        ask(Err(CheckFailed::other("LOADING"))).await,
        Err((CheckFailure::Other, "LOADING".to_owned()))
    );
    let (reason, evidence) = patient("a", ping()).await.unwrap_err();
    assert!(
        reason == CheckFailure::Other && evidence.contains("no function is named \"ping\""),
        "{evidence}"
    );
    let never = ping().with_timeout(Duration::from_millis(50));
    let never = verdict("a", never, |checker| checker.with_custom("ping", |_| std::future::pending()));
    assert_eq!(never.await.unwrap_err().0, CheckFailure::Timeout);
    // One that panics at first teaches nothing then.
    let calls = AtomicUsize::new(0);
    let flaky = move |_| {
        let first = calls.fetch_add(1, Ordering::SeqCst) == 0;
        async move {
            assert!(!first, "this panic is part of the test");
            Ok(())
        }
    };
    assert_eq!(
        verdict("a", ping().with_timeout(Duration::from_millis(200)), |checker| checker
            .with_custom("ping", flaky))
        .await,
        Ok(())
    );
}

/// tokio's clock, which a test can stop.
#[derive(Debug)]
struct TokioClock(Instant);

impl Clock for TokioClock {
    fn now(&self) -> Time {
        Time::ZERO + self.0.elapsed()
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_endpoints_are_checked_without_bursts() {
    let begun: Arc<std::sync::Mutex<Vec<Duration>>> = Arc::default();
    let (seen, start) = (Arc::clone(&begun), Instant::now());
    let under_way = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let (busy, dead_from) = (Arc::clone(&under_way), Duration::from_secs(12));
    let check = move |_| {
        seen.lock().unwrap().push(start.elapsed());
        let busy = Arc::clone(&busy);
        async move {
            let now = busy.0.fetch_add(1, Ordering::SeqCst) + 1;
            busy.1.fetch_max(now, Ordering::SeqCst);
            sleep(Duration::from_millis(20)).await;
            busy.0.fetch_sub(1, Ordering::SeqCst);
            if start.elapsed() < dead_from { Ok(()) } else { Err(CheckFailed::other("dead")) }
        }
    };
    let endpoints = (0..10_000).map(|number| format!("e{number}"));
    let pool = PoolSpec::new(endpoints).with_health_check(HealthCheckSpec::custom("sleep"));
    let balancer = Balancer::with_clock(Config::new().with_pool("api", pool), TokioClock(start)).unwrap();
    let _checking = HealthChecker::new(&balancer).with_custom("sleep", check).start();
    sleep(dead_from).await;
    let begun_until = |until: Duration| begun.lock().unwrap().iter().filter(|at| **at < until).count();
    // Every 5 s: 2 000 a second, from the first second on.
    let seconds: Vec<usize> = (1..=12).map(|second| begun_until(Duration::from_secs(second))).collect();
    let counts: Vec<usize> =
        std::iter::once(seconds[0]).chain(seconds.windows(2).map(|pair| pair[1] - pair[0])).collect();
    assert!(counts[0] > 1_000 && counts.iter().all(|count| *count <= 2_300), "{counts:?}");
    assert!(counts[1..].iter().all(|count| *count >= 1_700), "{counts:?}");
    let most = under_way.1.load(Ordering::SeqCst);
    assert!(most <= 80, "{most} at once, where 40 are the mean");
    // All die at once: in doubt each is checked every second, evenly.
    sleep(Duration::from_secs(9)).await;
    let peak = (120..210).map(|tenth: u32| {
        let from = Duration::from_millis(100) * tenth;
        begun_until(from + Duration::from_millis(100)) - begun_until(from)
    });
    let peak = peak.max().unwrap();
    assert!(peak <= 1_500, "{peak} in 100 ms, where 1 000 are the mean in doubt");
    let failing = |health: HealthState| health == HealthState::Failing;
    assert!(
        balancer.pool_stats("api").unwrap().endpoints().iter().all(|endpoint| failing(endpoint.health()))
    );
}
