//! Retries and hedges: each tenant's budget in each pool, exact, and all or nothing with every other limit.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Barrier,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
    time::Duration,
};

use serde_json::{Value, json};
use tenantry::{
    Acquire, Attempt, AttemptsSpec, Balancer, CapacitySpec, Config, Format, Lease, ManualClock, Outcome,
    PoolSpec, Rate, Rejection, Request, TenantSpec, UnknownTenants,
};

const SECOND: Duration = Duration::from_secs(1);

fn pool(retry: AttemptsSpec) -> PoolSpec {
    PoolSpec::new(["x"]).with_capacity(CapacitySpec::fixed(100)).with_retry(retry)
}

fn config(retry: AttemptsSpec) -> Config {
    let spec = TenantSpec::new;
    Config::new().with_seed(1).with_pool("api", pool(retry)).with_tenant("a", spec()).with_tenant("b", spec())
}

fn balancer(config: Config) -> (Balancer, ManualClock) {
    let clock = ManualClock::new();
    (Balancer::with_clock(config, clock.clone()).expect("usable"), clock)
}

/// So many retries in any case.
fn reserve(attempts: u32) -> AttemptsSpec {
    AttemptsSpec::none().with_per_second(attempts).with_window(SECOND)
}

fn ask(balancer: &Balancer, request: Request<'_>) -> Option<Rejection> {
    balancer.try_acquire(&request).map(|lease| lease.finish(Outcome::failure())).err()
}

fn a() -> Request<'static> {
    Request::new("a").pool("api")
}

fn poll<'a>(acquire: &mut Acquire<&'a Balancer>) -> Poll<Result<Lease<&'a Balancer>, Rejection>> {
    Pin::new(acquire).poll(&mut Context::from_waker(Waker::noop()))
}

fn spent(nanos: u64) -> Option<Rejection> {
    Some(Rejection::RetryBudgetExhausted { retry_after: Some(Duration::from_nanos(nanos)) })
}

const NEVER: Option<Rejection> = Some(Rejection::RetryBudgetExhausted { retry_after: None });

/// One pool with this budget for retries, from the document.
fn configured(retry: &Value) -> Result<(Balancer, ManualClock), tenantry::ConfigError> {
    let pool = json!({ "endpoints": ["x"], "capacity": 10, "retry": retry });
    let document = json!({ "pools": { "api": pool }, "tenants": { "a": {} } });
    let clock = ManualClock::new();
    let config = Config::from_text(&document.to_string(), Format::Json)?;
    Ok((Balancer::with_clock(config, clock.clone())?, clock))
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../vectors/retry-budget.json")).expect("the vectors are JSON")
}

/// How many retries pass on so many requests, each retried at once, and then for as long as any passes. The first is asked for
/// before all of them: requests count from then on.
fn retries_on(requests: u64, case: &Value) -> u64 {
    let seconds = format!("{}s", case[0]);
    let retry = json!({ "window": seconds, "per_second": case[1], "ratio": case[2] });
    let (balancer, _) = configured(&retry).expect("usable");
    let mut passed = u64::from(ask(&balancer, a().retry()).is_none());
    for _ in 0..requests {
        assert_eq!(ask(&balancer, a()), None);
        passed += u64::from(ask(&balancer, a().retry()).is_none());
    }
    while ask(&balancer, a().retry()).is_none() {
        passed += 1;
    }
    passed
}

#[test]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole millionths")]
fn finagles_figures_come_out_without_its_tolerance() {
    let finagle = &vectors()["finagle"];
    let requests = finagle["requests"].as_u64().expect("a number");
    for case in finagle["cases"].as_array().expect("a list") {
        let millionths = (case[2].as_f64().expect("a ratio") * 1e6).round() as u64;
        assert_eq!(retries_on(requests, case), requests * millionths / 1_000_000, "{case}");
    }
    for case in finagle["after_requests"]["cases"].as_array().expect("a list") {
        assert_eq!(Some(retries_on(requests, case)), case[3].as_u64(), "{case}");
    }
    let over = &finagle["over_1"];
    let case = json!([over["window_s"], over["per_second"], over["ratio"]]);
    assert_eq!(Some(retries_on(requests, &case)), over["retries"].as_u64());
    for rejected in finagle["rejected"].as_array().expect("a list") {
        assert!(configured(rejected).is_err(), "{rejected}");
    }
    let defaults = AttemptsSpec::retries();
    assert_eq!(json!(defaults.window().as_secs()), finagle["defaults"]["ttl_s"]);
    assert_eq!(json!(defaults.per_second()), finagle["defaults"]["min_per_s"]);
    assert_eq!(json!(f64::from(defaults.ratio_millionths()) / 1e6), finagle["defaults"]["percent"]);
}

#[test]
fn towers_tests_pass() {
    let tower = &vectors()["tower"];
    for case in tower["cases"].as_array().expect("a list") {
        let retry = json!({ "window": "1s", "per_second": case["per_second"], "ratio": case["ratio"] });
        let (balancer, clock) = configured(&retry).expect("usable");
        if case["per_second"] == 0 {
            assert_eq!(ask(&balancer, a().retry()), NEVER, "requests count from here on");
        }
        for step in case["steps"].as_array().expect("a list") {
            match step.as_str() {
                None => clock.advance(Duration::from_millis(step.as_u64().expect("milliseconds"))),
                Some("request") => assert_eq!(ask(&balancer, a()), None),
                Some("passes") => assert_eq!(ask(&balancer, a().retry()), None, "{case}"),
                Some(_) => assert_ne!(ask(&balancer, a().retry()), None, "{case}"),
            }
        }
    }
}

#[test]
fn a_ratio_may_be_written_in_either_way() {
    for (ratio, millionths) in [
        (json!(0.2), 200_000),
        (json!("20%"), 200_000),
        (json!("0.07 %"), 700),
        (json!(0.000_001), 1),
        (json!(2), 2_000_000),
        (json!(0), 0),
        (json!(1000), 1_000_000_000),
    ] {
        let document = json!({ "pools": { "api": { "endpoints": [], "retry": { "ratio": ratio } } } });
        let config = Config::from_text(&document.to_string(), Format::Json).expect("usable");
        let pool = &config.pools()["api"];
        let expected = AttemptsSpec::retries().with_ratio_millionths(millionths);
        assert_eq!((pool.retry(), pool.hedge()), (expected, AttemptsSpec::hedges()), "{ratio}");
    }
}

#[test]
fn a_refusal_names_the_moment_at_which_the_same_retry_passes() {
    let (balancer, clock) = balancer(config(reserve(1)));
    clock.advance(Duration::from_millis(10));
    assert_eq!(ask(&balancer, a().retry()), None);
    clock.advance(Duration::from_millis(100));
    // It counts in the part up to 31.25 ms, for one second and one part more than that part's beginning.
    let wait = 1_031_250_000 - 110_000_000;
    assert_eq!(ask(&balancer, a().retry()), spent(wait));
    clock.advance(Duration::from_nanos(wait - 1));
    assert_eq!(ask(&balancer, a().retry()), spent(1));
    clock.advance(Duration::from_nanos(1));
    assert_eq!(ask(&balancer, a().retry()), None);
}

#[test]
fn tenants_pools_retries_and_hedges_do_not_touch_each_other() {
    let hedge = reserve(1);
    let config = config(reserve(1))
        .with_pool("api", pool(reserve(1)).with_hedge(hedge))
        .with_pool("web", pool(reserve(1)).with_hedge(hedge));
    let (balancer, _) = balancer(config);
    for tenant in ["a", "b"] {
        for pool in ["api", "web"] {
            for attempt in [Attempt::Retry, Attempt::Hedge] {
                let request = Request::new(tenant).pool(pool).attempt(attempt);
                assert_eq!(ask(&balancer, request), None, "{tenant} {pool} {attempt:?}");
                let refused = ask(&balancer, request).expect("the reserve is one");
                assert_eq!(refused.code() == "HEDGE_BUDGET_EXHAUSTED", attempt == Attempt::Hedge);
            }
        }
    }
    let stats = balancer.pool_stats("web").expect("it is configured");
    assert_eq!((stats.retries().passed(), stats.retries().refused()), (2, 2));
    assert_eq!((stats.hedges().passed(), stats.hedges().refused()), (2, 2));
}

#[test]
fn a_retry_that_another_limit_refuses_takes_nothing_and_one_that_is_not_paid_for_neither() {
    let limited = TenantSpec::new().with_rate(Rate::per_second(2));
    let narrow = pool(reserve(1)).with_capacity(CapacitySpec::fixed(1));
    let (balancer, clock) = balancer(config(reserve(1)).with_pool("api", narrow).with_tenant("a", limited));
    // Every seat is taken.
    let lease = balancer.try_acquire(&Request::new("b").pool("api")).expect("a seat");
    for _ in 0..5 {
        assert_eq!(ask(&balancer, a().retry()), Some(Rejection::Saturated));
    }
    // Nor where it would wait.
    let mut waiting = balancer.acquire(a().retry());
    assert!(poll(&mut waiting).is_pending());
    drop(waiting);
    drop(lease);
    clock.advance(SECOND * 2);
    assert_eq!(ask(&balancer, a().retry()), None);
    // The budget is spent, and the rate has one left.
    for _ in 0..5 {
        assert!(matches!(ask(&balancer, a().retry()), Some(Rejection::RetryBudgetExhausted { .. })));
    }
    assert_eq!(ask(&balancer, a()), None, "refused retries took nothing of the rate");
    assert!(matches!(ask(&balancer, a()), Some(Rejection::RateLimited { .. })));
    let stats = balancer.pool_stats("api").expect("it is configured");
    assert_eq!((stats.retries().passed(), stats.retries().refused()), (1, 5));
    assert_eq!((stats.in_flight(), stats.waiting()), (0, 0));
}

#[test]
fn only_requests_that_got_a_seat_pay_for_retries() {
    let one_for_one = AttemptsSpec::none().with_percent(100);
    let narrow = pool(one_for_one).with_capacity(CapacitySpec::fixed(1));
    let (balancer, clock) = balancer(config(one_for_one).with_pool("api", narrow));
    assert_eq!(ask(&balancer, a().retry()), NEVER);
    let lease = balancer.try_acquire(&Request::new("b").pool("api")).expect("a seat");
    assert_eq!(ask(&balancer, a()), Some(Rejection::Saturated));
    let mut late = balancer.acquire(a().timeout(SECOND));
    let mut served = balancer.acquire(a());
    assert!(poll(&mut late).is_pending() && poll(&mut served).is_pending());
    clock.advance(SECOND);
    assert!(matches!(poll(&mut late), Poll::Ready(Err(Rejection::TimedOut))));
    assert_eq!(ask(&balancer, a().retry()), NEVER, "refused and waiting ones pay for nothing");
    drop(lease);
    let Poll::Ready(Ok(lease)) = poll(&mut served) else { unreachable!("there is a seat") };
    lease.finish(Outcome::failure());
    assert_eq!([ask(&balancer, a().retry()), ask(&balancer, a().retry())], [None, NEVER]);
    // A retry that waited for its seat.
    assert_eq!(ask(&balancer, a()), None);
    let lease = balancer.try_acquire(&Request::new("b").pool("api")).expect("a seat");
    let mut waiting = balancer.acquire(a().retry());
    assert!(poll(&mut waiting).is_pending());
    assert_eq!(
        balancer.try_acquire(&a().retry()).map(drop),
        Err(NEVER.expect("a rejection")),
        "that one is paid for"
    );
    drop(lease);
    assert!(matches!(poll(&mut waiting), Poll::Ready(Ok(_))));
    assert_eq!(balancer.pool_stats("api").map(|pool| pool.retries().passed()), Some(2));
}

#[test]
fn checks_pay_and_are_paid_for_as_acquires_are() {
    let (balancer, _) = balancer(config(AttemptsSpec::none().with_percent(100)));
    let check = |request: Request<'_>| balancer.check(&request).err();
    assert_eq!(check(Request::new("a").retry()), NEVER, "in the only pool");
    assert_eq!([check(a()), check(a().retry()), check(a().retry())], [None, None, NEVER]);
    assert_eq!(check(Request::new("a")), None);
    assert_eq!(check(a().retry()), NEVER, "a request to no pool pays in none");
}

#[test]
fn an_update_keeps_what_was_used_and_other_figures_count_at_once() {
    let (balancer, _) = balancer(config(reserve(2)));
    assert_eq!([ask(&balancer, a().retry()), ask(&balancer, a().retry())], [None; 2]);
    assert!(ask(&balancer, a().retry()).is_some());
    balancer.reconfigure(config(reserve(2))).expect("usable");
    assert!(ask(&balancer, a().retry()).is_some(), "an update gives nothing back");
    balancer.reconfigure(config(reserve(3))).expect("usable");
    assert_eq!(ask(&balancer, a().retry()), None);
    assert!(ask(&balancer, a().retry()).is_some());
    balancer.reconfigure(config(reserve(1).with_window(SECOND * 2))).expect("usable");
    assert!(ask(&balancer, a().retry()).is_some(), "nor does another window");
    balancer.reconfigure(config(reserve(2).with_window(SECOND * 2))).expect("usable");
    assert_eq!(ask(&balancer, a().retry()), None, "the fourth of four");
    assert!(ask(&balancer, a().retry()).is_some());
}

#[test]
fn the_next_tenant_of_a_slot_has_a_budget_of_its_own() {
    let without = |id: &str| {
        Config::new().with_seed(1).with_pool("api", pool(reserve(1))).with_tenant(id, TenantSpec::new())
    };
    let (balancer, _) = balancer(without("a"));
    for id in ["a", "b", "c", "a"] {
        balancer.reconfigure(without(id)).expect("usable");
        let request = Request::new(id).pool("api");
        // Whoever is first in a slot never retries: nothing of the one before is left with it.
        assert_eq!(ask(&balancer, request), None);
        assert_eq!(ask(&balancer, request.retry()), None, "{id}");
        assert!(ask(&balancer, request.retry()).is_some(), "{id}");
    }
}

#[test]
fn eviction_gives_nobody_a_new_reserve() {
    let made = |window: Duration| {
        Config::new()
            .with_seed(1)
            .with_pool("api", pool(reserve(1).with_window(window)))
            .with_template("free", TenantSpec::new())
            .with_unknown_tenants(UnknownTenants::template("free", 1).with_idle(SECOND))
    };
    let (balancer, clock) = balancer(made(SECOND * 30));
    let newcomer = |id: &str| ask(&balancer, Request::new(id));
    (0..30).for_each(|_| assert_eq!(ask(&balancer, a().retry()), None));
    assert!(ask(&balancer, a().retry()).is_some());
    for _ in 0..10 {
        clock.advance(SECOND * 2);
        newcomer("b");
        assert!(balancer.tenant_stats("a").is_some() && balancer.tenant_stats("b").is_none());
    }
    assert!(ask(&balancer, a().retry()).is_some());
    clock.advance(SECOND * 31);
    newcomer("b");
    clock.advance(SECOND * 31);
    newcomer("b");
    assert!(balancer.tenant_stats("a").is_none(), "all of it has come back, so it may go");
}

#[test]
fn retries_never_exceed_the_ratio_and_the_reserve_whatever_the_threads_do() {
    let retry = AttemptsSpec::none().with_ratio_millionths(330_000).with_per_second(7).with_window(SECOND);
    // Some of the requests find no seat, and pay for nothing.
    let narrow = pool(retry).with_capacity(CapacitySpec::fixed(2));
    let (balancer, clock) = balancer(config(retry).with_pool("api", narrow));
    for round in 0..50 {
        let (requests, retries) = (AtomicU64::new(0), AtomicU64::new(0));
        let start = Barrier::new(4);
        let work = &|number: u64| {
            start.wait();
            for turn in 0..200 {
                let again = (turn + number + round).is_multiple_of(3);
                let (request, count) = if again { (a().retry(), &retries) } else { (a(), &requests) };
                count.fetch_add(u64::from(ask(&balancer, request).is_none()), Ordering::SeqCst);
            }
        };
        thread::scope(|scope| (0..4).for_each(|number| drop(scope.spawn(move || work(number)))));
        let bound = requests.into_inner() * 33 / 100 + 7;
        let mut passed = retries.into_inner();
        assert!(passed <= bound, "{passed} of {bound}");
        // Nothing was lost either, but what came before the first retry was asked for.
        while ask(&balancer, a().retry()).is_none() {
            passed += 1;
        }
        assert!(passed <= bound && (round == 0 || passed == bound), "{passed} of {bound}");
        clock.advance(SECOND * 2);
    }
    let stats = balancer.pool_stats("api").expect("it is configured");
    assert_eq!((stats.in_flight(), stats.waiting()), (0, 0));
}
