//! Endpoints that ask to be left alone are, for as long as they say, and never shorter than they have said before.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tenantry::{
    Balancer, Config, CooldownScope, CooldownSpec, EndpointSpec, Event, HealthState, ManualClock, Outcome,
    PoolSpec, Rejection, Request, StrategySpec, TenantSpec,
};

const SECOND: Duration = Duration::from_secs(1);

fn start(pools: impl IntoIterator<Item = (&'static str, PoolSpec)>) -> (Balancer, ManualClock) {
    let clock = ManualClock::new();
    let config = Config::new().with_tenant("acme", TenantSpec::new());
    let config = pools.into_iter().fold(config, |config, (name, pool)| config.with_pool(name, pool));
    (Balancer::with_clock(config, clock.clone()).expect("a configuration"), clock)
}

fn pool(endpoints: &[&str], cooldown: CooldownSpec) -> PoolSpec {
    PoolSpec::new(endpoints.iter().copied())
        .with_strategy(StrategySpec::round_robin())
        .with_cooldown(cooldown)
}

fn ask(balancer: &Balancer, pool: &'static str) -> Result<String, Rejection> {
    balancer.try_acquire(&Request::new("acme").pool(pool)).map(|lease| lease.endpoint().address().to_owned())
}

/// Who serves the next 24 requests, in order of address.
fn served(balancer: &Balancer, pool: &'static str) -> Vec<String> {
    let mut served: Vec<_> = (0..24).filter_map(|_| ask(balancer, pool).ok()).collect();
    served.sort();
    served.dedup();
    served
}

/// The endpoint answers that it wants to be left alone.
fn overload(balancer: &Balancer, pool: &'static str, address: &str, wait: Duration) {
    let leases: Vec<_> =
        (0..12).filter_map(|_| balancer.try_acquire(&Request::new("acme").pool(pool)).ok()).collect();
    let lease = leases.into_iter().find(|lease| lease.endpoint().address() == address);
    lease.expect("it gets requests").finish(Outcome::overload().with_retry_after(wait));
}

fn state(balancer: &Balancer, address: &str) -> HealthState {
    let stats = balancer.stats();
    let mut endpoints = stats.pools().iter().flat_map(|pool| pool.endpoints());
    endpoints.find(|endpoint| endpoint.address() == address).expect("there").health()
}

#[test]
fn others_serve_meanwhile_and_it_returns_exactly_then() {
    let (balancer, clock) = start([("api", pool(&["a", "b", "c"], CooldownSpec::new()))]);
    overload(&balancer, "api", "b", 10 * SECOND);
    assert_eq!(state(&balancer, "b"), HealthState::CoolingDown);
    clock.advance(10 * SECOND - Duration::from_nanos(1));
    assert_eq!(served(&balancer, "api"), ["a", "c"]);
    clock.advance(Duration::from_nanos(1));
    assert_eq!(served(&balancer, "api"), ["a", "b", "c"]);
    let events = balancer.take_events();
    let [Event::EndpointCoolingDown { pool, endpoint, for_ms }] = &events[..] else { panic!("{events:?}") };
    assert_eq!((pool.as_str(), endpoint.as_str(), *for_ms), ("api", "b", 10_000));
}

#[test]
fn a_shorter_word_does_not_shorten_it_and_a_longer_one_counts() {
    let (balancer, clock) = start([("api", pool(&["a", "b"], CooldownSpec::new()))]);
    let at_b: Vec<_> = (0..12)
        .filter_map(|_| balancer.try_acquire(&Request::new("acme")).ok())
        .filter(|lease| lease.endpoint().address() == "b")
        .collect();
    for (lease, secs) in at_b.into_iter().zip([10, 3, 20, 5]) {
        lease.finish(Outcome::overload().with_retry_after(secs * SECOND));
    }
    clock.advance(19 * SECOND);
    assert_eq!(served(&balancer, "api"), ["a"]);
    clock.advance(SECOND);
    assert_eq!(served(&balancer, "api"), ["a", "b"]);
}

#[test]
fn where_all_cool_down_they_are_asked_all_the_same_and_never_while_one_does_not() {
    let (balancer, _) = start([("api", pool(&["a", "b"], CooldownSpec::new()))]);
    overload(&balancer, "api", "a", 10 * SECOND);
    assert_eq!(served(&balancer, "api"), ["b"]);
    overload(&balancer, "api", "b", 20 * SECOND);
    assert_eq!(served(&balancer, "api"), ["a", "b"]);
}

#[test]
fn no_more_than_the_longest_counts_and_off_is_off() {
    let longest = CooldownSpec::new().with_longest(5 * SECOND);
    let pools = [("api", pool(&["a", "b"], longest)), ("web", pool(&["c", "d"], CooldownSpec::off()))];
    let (balancer, clock) = start(pools);
    overload(&balancer, "api", "a", Duration::MAX);
    overload(&balancer, "web", "c", Duration::MAX);
    assert_eq!(
        (served(&balancer, "api"), served(&balancer, "web")),
        (vec!["b".into()], vec!["c".into(), "d".into()])
    );
    clock.advance(5 * SECOND);
    assert_eq!(served(&balancer, "api"), ["a", "b"]);
}

#[test]
fn failures_and_cancelled_requests_ask_for_nothing() {
    let (balancer, _) = start([("api", pool(&["a", "b"], CooldownSpec::new()))]);
    for outcome in [Outcome::failure(), Outcome::cancelled(), Outcome::success()] {
        let lease = balancer.try_acquire(&Request::new("acme")).expect("an endpoint");
        lease.finish(outcome.with_retry_after(10 * SECOND));
    }
    balancer.try_acquire(&Request::new("acme")).expect("an endpoint").finish(Outcome::overload());
    assert_eq!(served(&balancer, "api"), ["a", "b"]);
}

#[test]
fn strictly_nobody_is_asked_before_and_the_refusal_names_the_soonest_return() {
    let (balancer, clock) = start([("api", pool(&["a", "b"], CooldownSpec::new().strict()))]);
    overload(&balancer, "api", "a", 10 * SECOND);
    overload(&balancer, "api", "b", 20 * SECOND);
    clock.advance(4 * SECOND);
    assert_eq!(ask(&balancer, "api"), Err(Rejection::UpstreamLimited { retry_after: 6 * SECOND }));
    clock.advance(6 * SECOND - Duration::from_nanos(1));
    assert!(ask(&balancer, "api").is_err());
    clock.advance(Duration::from_nanos(1));
    assert_eq!(served(&balancer, "api"), ["a"]);
    assert_eq!(balancer.pool_stats("api").map(|pool| (pool.in_flight(), pool.waiting())), Some((0, 0)));
}

#[test]
fn strictly_whoever_waits_gets_the_first_that_returns_within_its_deadline() {
    let (balancer, clock) = start([("api", pool(&["a", "b"], CooldownSpec::new().strict()))]);
    overload(&balancer, "api", "a", 5 * SECOND);
    overload(&balancer, "api", "b", 8 * SECOND);
    let mut context = Context::from_waker(Waker::noop());
    let mut waiting = pin!(balancer.acquire(Request::new("acme").timeout(7 * SECOND)));
    let mut hopeless = pin!(balancer.acquire(Request::new("acme").timeout(4 * SECOND)));
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    let refused = hopeless.as_mut().poll(&mut context);
    assert!(matches!(refused, Poll::Ready(Err(Rejection::UpstreamLimited { .. }))), "{refused:?}");
    clock.advance(5 * SECOND);
    let Poll::Ready(Ok(lease)) = waiting.as_mut().poll(&mut context) else { panic!("a is back") };
    assert_eq!(lease.endpoint().address(), "a");
}

#[test]
fn a_fallback_serves_before_anybody_is_asked_too_early() {
    let api = pool(&["a"], CooldownSpec::new()).with_fallback("spare");
    let (balancer, clock) = start([("api", api), ("spare", pool(&["z"], CooldownSpec::new()))]);
    overload(&balancer, "api", "a", 10 * SECOND);
    assert_eq!(served(&balancer, "api"), ["z"]);
    clock.advance(10 * SECOND);
    assert_eq!(served(&balancer, "api"), ["a"]);
}

#[test]
fn those_of_one_account_cool_down_together_in_every_pool() {
    let endpoint =
        |address, account, model| EndpointSpec::new(address).with_credential(account).with_model(model);
    let with = |scope, endpoints: [EndpointSpec; 3]| {
        PoolSpec::new(endpoints)
            .with_strategy(StrategySpec::round_robin())
            .with_cooldown(CooldownSpec::new().with_scope(scope))
    };
    let chat = [endpoint("a", "one", "large"), endpoint("b", "one", "small"), endpoint("c", "two", "large")];
    let batch = [endpoint("d", "one", "large"), endpoint("e", "two", "small"), EndpointSpec::new("f")];
    let pools =
        [("chat", with(CooldownScope::Credential, chat)), ("batch", with(CooldownScope::Model, batch))];
    let (balancer, clock) = start(pools);
    overload(&balancer, "chat", "a", 10 * SECOND);
    assert_eq!(served(&balancer, "chat"), ["c"]);
    assert_eq!(served(&balancer, "batch"), ["e", "f"]);
    clock.advance(10 * SECOND);
    overload(&balancer, "batch", "e", 10 * SECOND);
    assert_eq!(
        (served(&balancer, "batch"), served(&balancer, "chat")),
        (vec!["d".into(), "f".into()], vec!["a".into(), "c".into()])
    );
    overload(&balancer, "batch", "f", 10 * SECOND);
    assert_eq!(served(&balancer, "batch"), ["d"], "without a name it cools down alone");
}

#[test]
#[cfg(feature = "config")]
fn it_is_configured_by_the_longest_time_by_off_or_by_a_table() {
    let parse = |cooldown: &str| {
        let text = format!("[pools.api]\nendpoints = [\"a\"]\nhealth = {{ cooldown = {cooldown} }}");
        Config::from_text(&text, tenantry::Format::Toml).map(|config| config.pools()["api"].cooldown())
    };
    assert_eq!(parse("\"5m\"").expect("usable"), CooldownSpec::new());
    assert_eq!(parse("\"off\"").expect("usable"), CooldownSpec::off());
    let table = parse("{ scope = \"model\", longest = \"10s\", strict = true }").expect("usable");
    assert_eq!(
        table,
        CooldownSpec::new().with_scope(CooldownScope::Model).with_longest(10 * SECOND).strict()
    );
    for wrong in ["\"soon\"", "{ scope = \"host\" }", "{ longest = \"2d\" }", "true", "5", "{ max = \"1s\" }"]
    {
        let error = parse(wrong).expect_err("not usable").to_string();
        assert!(error.contains("pools.api.health.cooldown"), "{wrong}: {error}");
    }
}
