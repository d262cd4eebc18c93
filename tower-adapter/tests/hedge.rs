//! The hedge layer, around the balancer and alone, in paused time.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod support;

use std::{
    convert::Infallible,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full, channel::Channel};
use support::{BoxError, body, pattern};
use tenantry::{
    AttemptsSpec, Backoff, Balancer, CapacitySpec, Config, OutlierSpec, PoolSpec, StrategySpec, TenantSpec,
};
use tenantry_tower::{
    balance::{BalanceLayer, PickedEndpoint},
    hedge::{HedgeLayer, HedgePolicy, Percentile, Winner},
    replay::ReplayBody,
    retry::{RetryLayer, RetryPolicy},
    tenant::TenantId,
};
use tokio::time::{Instant, sleep};
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

const PLENTY: AttemptsSpec = AttemptsSpec::hedges().with_per_second(1_000);

fn balancer(names: &[&str], seats: u32, hedges: AttemptsSpec) -> Balancer {
    let pool = PoolSpec::new(names.iter().copied())
        .with_strategy(StrategySpec::round_robin())
        .with_capacity(CapacitySpec::fixed(seats))
        .with_outlier(OutlierSpec::new().with_consecutive_failures(u32::MAX))
        .with_hedge(hedges);
    Balancer::new(Config::new().with_pool("api", pool).with_tenant("acme", TenantSpec::new())).unwrap()
}

fn of<B>(method: &str, sent: B) -> Request<B> {
    let mut request = Request::builder().method(method).uri("/").body(sent).unwrap();
    request.extensions_mut().insert(TenantId::new("acme"));
    request
}

fn request() -> Request<Full<Bytes>> {
    of("GET", Full::default())
}

type Log = Arc<Mutex<Vec<(String, Duration, Bytes)>>>;

/// Endpoints by name: `slow…` takes ten seconds, `fails…` fails after 30 ms, others take 10 ms. Logs who was asked, when, and what for.
fn endpoints<B>(
    log: &Log,
) -> impl Service<Request<B>, Response = Response<Full<Bytes>>, Error = io::Error, Future: Send>
+ Clone
+ Send
+ use<B>
where
    B: Body<Data = Bytes, Error: std::fmt::Debug> + Send + 'static,
{
    let (log, begun) = (Arc::clone(log), Instant::now());
    service_fn(move |request: Request<B>| {
        let log = Arc::clone(&log);
        async move {
            let name = request.extensions().get::<PickedEndpoint>().unwrap().address().to_owned();
            let sent = request.into_body().collect().await.unwrap().to_bytes();
            log.lock().unwrap().push((name.clone(), begun.elapsed(), sent));
            match name.split('-').next() {
                Some("slow") => sleep(Duration::from_secs(10)).await,
                Some("fails") => {
                    sleep(Duration::from_millis(30)).await;
                    return Err(io::ErrorKind::ConnectionReset.into());
                }
                _ => sleep(Duration::from_millis(10)).await,
            }
            Ok(Response::new(Full::from(name)))
        }
    })
}

async fn ask(
    balancer: &Balancer,
    log: &Log,
    request: Request<Full<Bytes>>,
) -> Result<(String, Option<Winner>), tenantry_tower::balance::Error<io::Error>> {
    let stack = ServiceBuilder::new()
        .layer(HedgeLayer::new(HedgePolicy::after(Duration::from_millis(50))))
        .layer(BalanceLayer::new(balancer.clone()))
        .service(endpoints(log));
    let answer = stack.oneshot(request).await?;
    let winner = answer.extensions().get().copied();
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    Ok((String::from_utf8(text.to_vec()).unwrap(), winner))
}

fn asked(log: &Log) -> Vec<String> {
    log.lock().unwrap().iter().map(|(name, ..)| name.clone()).collect()
}

/// Completed and failed requests of each endpoint, and what is in flight.
fn taught(balancer: &Balancer) -> (Vec<(u64, u64)>, u32) {
    let stats = balancer.stats();
    let pool = stats.pool("api").unwrap();
    let endpoints = pool.endpoints().iter();
    (endpoints.map(|endpoint| (endpoint.completed(), endpoint.failed())).collect(), pool.in_flight())
}

#[tokio::test(start_paused = true)]
async fn who_takes_long_is_overtaken_elsewhere_and_learns_nothing_of_it() {
    let (balancer, log) = (balancer(&["slow", "fast"], 4, PLENTY), Log::default());
    let begun = Instant::now();
    let mut hedged = 0;
    for _ in 0..20 {
        let (name, winner) = ask(&balancer, &log, request()).await.unwrap();
        assert_eq!(name, "fast");
        hedged += u32::from(winner == Some(Winner::Hedge));
    }
    assert!(hedged >= 9 && begun.elapsed() < Duration::from_secs(3));
    let (counts, in_flight) = taught(&balancer);
    assert_eq!((counts[0].1, counts[1], in_flight), (0, (20, 0), 0));
    let latency = balancer.stats().pool("api").unwrap().endpoints()[0].latency();
    assert_eq!(latency, None, "whoever lost teaches nothing");
    assert_eq!(balancer.stats().pool("api").unwrap().hedges().passed(), u64::from(hedged));
}

#[tokio::test(start_paused = true)]
async fn a_hedge_never_goes_where_the_first_one_is() {
    let (balancer, log) = (balancer(&["slow"], 4, PLENTY), Log::default());
    let (name, winner) = ask(&balancer, &log, request()).await.unwrap();
    assert_eq!((&*name, winner, asked(&log).len()), ("slow", Some(Winner::First), 1));

    let names = ["slow-1", "slow-2", "slow-3"];
    let (balancer, log) = (self::balancer(&names, 4, PLENTY), Log::default());
    for number in 1..=10 {
        ask(&balancer, &log, request()).await.unwrap();
        let asked = asked(&log);
        assert!(asked.len() == 2 * number && asked[2 * number - 2] != asked[2 * number - 1], "{asked:?}");
    }
    assert_eq!(taught(&balancer).1, 0);
}

#[tokio::test(start_paused = true)]
async fn without_budget_or_a_free_seat_there_is_no_hedge() {
    for (seats, budget) in [(4, AttemptsSpec::none()), (1, PLENTY)] {
        let (balancer, log) = (balancer(&["slow-1", "slow-2"], seats, budget), Log::default());
        ask(&balancer, &log, request()).await.unwrap();
        assert_eq!(asked(&log).len(), 1);
        assert_eq!(balancer.stats().pool("api").unwrap().hedges().passed(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn hedges_are_no_more_than_their_budget() {
    let (balancer, log) = (balancer(&["slow-1", "slow-2"], 4_000, AttemptsSpec::hedges()), Log::default());
    let stack = ServiceBuilder::new()
        .layer(HedgeLayer::new(HedgePolicy::after(Duration::from_millis(50))))
        .layer(BalanceLayer::new(balancer.clone()))
        .service(endpoints(&log));
    let calls: Vec<_> = (0..1_000).map(|_| tokio::spawn(stack.clone().oneshot(request()))).collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    let count = asked(&log).len();
    assert!((1_001..=1_060).contains(&count), "1000, 5 % of them, and 10 in reserve: {count}");
}

#[tokio::test(start_paused = true)]
async fn the_time_in_the_queue_is_not_the_endpoints() {
    let (balancer, log) = (balancer(&["fast-1", "fast-2"], 1, PLENTY), Log::default());
    let stack = ServiceBuilder::new()
        .layer(HedgeLayer::new(HedgePolicy::after(Duration::from_millis(50))))
        .layer(BalanceLayer::new(balancer.clone()))
        .service(endpoints(&log));
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let call = stack.clone().oneshot(request());
            tokio::spawn(async move { call.await.unwrap().into_body().collect().await.unwrap() })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    let hedges = balancer.stats().pool("api").unwrap().hedges();
    assert_eq!((asked(&log).len(), hedges.passed(), hedges.refused()), (100, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn only_what_may_be_repeated_is_hedged_and_only_when_all_of_it_has_been_sent() {
    let (balancer, log) = (balancer(&["slow-1", "slow-2"], 4, PLENTY), Log::default());
    ask(&balancer, &log, of("POST", Full::default())).await.unwrap();
    assert_eq!(asked(&log).len(), 1);
    let sent = Bytes::from(pattern(5_000));
    ask(&balancer, &log, of("PUT", Full::from(sent.clone()))).await.unwrap();
    assert!(log.lock().unwrap()[1..].iter().all(|(_, _, seen)| *seen == sent) && asked(&log).len() == 3);
    // More than is kept.
    ask(&balancer, &log, of("PUT", Full::from(pattern(70_000)))).await.unwrap();
    assert_eq!(asked(&log).len(), 4);

    let log = Log::default();
    let stack = ServiceBuilder::new()
        .layer(HedgeLayer::new(HedgePolicy::after(Duration::from_millis(50))))
        .layer(BalanceLayer::new(balancer))
        .service(endpoints(&log));
    let (mut sender, upload) = Channel::<Bytes, BoxError>::new(1);
    tokio::spawn(async move {
        for part in ["sl", "ow"] {
            sleep(Duration::from_secs(3)).await;
            sender.send_data(part.into()).await.unwrap();
        }
    });
    stack.oneshot(of("PUT", body(upload))).await.unwrap();
    let log = log.lock().unwrap();
    let (first, second) = (&log[0], &log[1]);
    assert_eq!((&first.2, &second.2), (&"slow".into(), &"slow".into()));
    assert_eq!((first.1.as_millis(), second.1.as_millis()), (6_000, 6_050));
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_no_answer_while_the_other_may_have_one() {
    // The first fails after 80 ms, its hedge answers after 60.
    for (names, answer) in [(["fails-1", "fast"], Some("fast")), (["fails-1", "fails-2"], None)] {
        let balancer = balancer(&names, 4, PLENTY);
        let log = Log::default();
        let policy = HedgePolicy::after(Duration::from_millis(25));
        for _ in 0..6 {
            let stack = ServiceBuilder::new()
                .layer(HedgeLayer::new(policy.clone()))
                .layer(BalanceLayer::new(balancer.clone()))
                .service(endpoints(&log));
            let ended = stack.oneshot(request()).await;
            match answer {
                Some(answer) => {
                    let text = ended.unwrap().into_body().collect().await.unwrap().to_bytes();
                    assert_eq!(text, answer);
                }
                None => assert!(ended.is_err()),
            }
        }
        let (counts, in_flight) = taught(&balancer);
        assert!(counts[0].1 >= 3 && in_flight == 0, "failures are reported: {counts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_delay_is_a_percentile_of_what_requests_take() {
    let times = Arc::new(Mutex::new(vec![]));
    let seen = Arc::clone(&times);
    let service = service_fn(move |request: Request<ReplayBody<Full<Bytes>>>| {
        let hedge = request.headers().contains_key("x-attempt-count");
        let number = seen.lock().unwrap().iter().filter(|(hedge, _)| !hedge).count() as u64;
        seen.lock().unwrap().push((hedge, Instant::now()));
        async move {
            // 1 to 100 ms, well mixed; the last one hangs.
            let millis = if number < 200 { number * 37 % 100 + 1 } else { 1_000_000 };
            sleep(Duration::from_millis(if hedge { 1 } else { millis })).await;
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
        }
    });
    // Alone, with a budget of its own: 5 % and ten in reserve.
    let mut service =
        ServiceBuilder::new().layer(HedgeLayer::new(HedgePolicy::at(Percentile::P95))).service(service);
    for number in 0..=200 {
        let answer = service.ready().await.unwrap().call(Request::new(Full::default())).await.unwrap();
        let hedged = answer.extensions().get::<Winner>().is_some();
        assert!(!hedged || number >= 100, "nothing is known before");
    }
    let times = times.lock().unwrap();
    let [.., (false, sent), (true, hedged)] = times[..] else { unreachable!("the last one is hedged") };
    let delay = (hedged - sent).as_millis();
    assert!((93..=98).contains(&delay), "{delay} ms");
}

#[tokio::test(start_paused = true)]
async fn within_retries_both_know_where_all_attempts_were() {
    let names = ["fails-1", "fails-2", "fails-3", "fast"];
    let balancer = balancer(&names, 8, PLENTY);
    let log = Log::default();
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::new(RetryPolicy::new().with_backoff(Backoff::none())))
        .layer(HedgeLayer::new(HedgePolicy::after(Duration::from_millis(20))))
        .layer(BalanceLayer::new(balancer.clone()))
        .service(endpoints(&log));
    for _ in 0..12 {
        let from = asked(&log).len();
        let answer = stack.clone().oneshot(request()).await.unwrap();
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "fast");
        let mut these = asked(&log).split_off(from);
        let count = these.len();
        these.sort();
        these.dedup();
        assert!(these.len() == count && count <= 4, "nobody is asked twice: {these:?}");
    }
    assert_eq!(taught(&balancer).1, 0);
}

#[tokio::test(start_paused = true)]
async fn seats_are_conserved_whenever_callers_go_away() {
    let names = ["slow-1", "fails-1", "fast-1", "slow-2", "fast-2"];
    let (balancer, log) = (balancer(&names, 3, PLENTY), Log::default());
    let stack = ServiceBuilder::new()
        .layer(RetryLayer::new(RetryPolicy::new().with_backoff(Backoff::default().with_seed(5))))
        .layer(HedgeLayer::new(HedgePolicy::after(Duration::from_millis(20))))
        .layer(BalanceLayer::new(balancer.clone()))
        .service(endpoints(&log));
    let patience = Backoff::new(Duration::from_millis(400), Duration::from_millis(400)).with_seed(3);
    let calls: Vec<_> = (0..300)
        .map(|number| {
            let call = stack.clone().oneshot(request());
            tokio::spawn(async move {
                sleep(patience.wait(1, 1_000 + number)).await;
                let call = async { Some(call.await.ok()?.into_body().collect().await.is_ok()) };
                tokio::time::timeout(patience.wait(1, number), call)
                    .await
                    .is_ok_and(|served| served == Some(true))
            })
        })
        .collect();
    let mut served = 0;
    for call in calls {
        served += u32::from(call.await.unwrap());
    }
    assert!((10..290).contains(&served), "{served}");
    let stats = balancer.stats();
    let (pool, tenant) = (stats.pool("api").unwrap(), stats.tenant("acme").unwrap());
    assert_eq!((pool.in_flight(), pool.waiting(), tenant.in_flight(), tenant.waiting()), (0, 0, 0, 0));
    assert!(pool.endpoints().iter().all(|endpoint| endpoint.in_flight() == 0));
}
