//! Health checks as whoever runs them sees them: what is due, what follows from the answers, what outlasts updates.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use tenantry::{
    Balancer, CheckFailure, Config, EndpointChange, EndpointSpec, Event, HealthCheck, HealthCheckSpec,
    HealthChecks, HealthOverride, HealthState, InitialHealth, ManualClock, Outcome, PoolSpec, Request,
    SlowStartSpec, StrategySpec, TenantSpec, TiersSpec,
};

const SECOND: Duration = Duration::from_secs(1);

struct World {
    balancer: Balancer,
    checks: HealthChecks,
    clock: ManualClock,
}

fn config(pool: PoolSpec) -> Config {
    Config::new().with_seed(7).with_pool("api", pool).with_tenant("acme", TenantSpec::new())
}

fn pool(count: usize, check: HealthCheckSpec) -> PoolSpec {
    PoolSpec::new((0..count).map(|number| format!("e{number}"))).with_health_check(check)
}

impl World {
    fn new(pool: PoolSpec) -> Self {
        let clock = ManualClock::new();
        let balancer = Balancer::with_clock(config(pool), clock.clone()).expect("the configuration is right");
        let checks = balancer.health_checks();
        Self { balancer, checks, clock }
    }

    /// Runs checks for so long; says who was asked.
    fn run(&mut self, length: Duration, passes: impl Fn(&str) -> bool) -> Vec<String> {
        let mut asked = vec![];
        let end = self.balancer.now() + length;
        loop {
            while let Some(check) = self.checks.next_check() {
                asked.push(check.address().to_owned());
                self.report(check, &passes);
            }
            let left = end.since(self.balancer.now());
            if left.is_zero() {
                return asked;
            }
            let step = self.checks.due_in().unwrap_or(left).max(Duration::from_nanos(1));
            self.clock.advance(step.min(left));
        }
    }

    fn report(&self, check: HealthCheck, passes: impl Fn(&str) -> bool) {
        if passes(check.address()) {
            self.checks.handle_passed(check);
        } else {
            self.checks.handle_failed(check, CheckFailure::Status, "503 Service Unavailable");
        }
    }

    fn states(&self) -> Vec<HealthState> {
        let pool = self.balancer.pool_stats("api").expect("the pool");
        pool.endpoints().iter().map(|endpoint| endpoint.health()).collect()
    }

    /// Who serves.
    fn serving(&self) -> BTreeSet<String> {
        let ask = |_| {
            let lease = self.balancer.try_acquire(&Request::new("acme")).expect("somebody serves");
            lease.endpoint().address().to_owned()
        };
        (0..200).map(ask).collect()
    }
}

fn names(numbers: impl IntoIterator<Item = usize>) -> BTreeSet<String> {
    numbers.into_iter().map(|number| format!("e{number}")).collect()
}

#[test]
fn an_endpoint_whose_checks_fail_is_left_out_and_returns_and_both_are_told() {
    let mut world = World::new(pool(4, HealthCheckSpec::http("/healthz")));
    world.run(30 * SECOND, |_| true);
    assert_eq!(world.serving(), names(0..4));
    world.run(2 * SECOND, |address| address != "e2");
    world.run(8 * SECOND, |address| address != "e2");
    assert_eq!(world.serving(), names([0, 1, 3]), "5.5 s, and then twice what it takes in doubt");
    assert_eq!(world.states()[2], HealthState::Failing);
    world.run(10 * SECOND, |_| true);
    assert_eq!(world.serving(), names(0..4));
    let (pool, endpoint) = ("api".to_owned(), "e2".to_owned());
    let failing = Event::EndpointFailing {
        pool: pool.clone(),
        endpoint: endpoint.clone(),
        reason: CheckFailure::Status,
        evidence: "503 Service Unavailable".to_owned(),
        failures: 3,
    };
    assert_eq!(
        world.balancer.take_events(),
        [failing, Event::EndpointPassing { pool, endpoint, successes: 2 }]
    );
}

#[test]
fn evidence_from_outside_is_bounded() {
    let world = World::new(pool(1, HealthCheckSpec::tcp().with_fall(1)));
    world.clock.advance(6 * SECOND);
    let check = world.checks.next_check().expect("it is due");
    world.checks.handle_failed(check, CheckFailure::Other, &"é".repeat(100_000));
    let events = world.balancer.take_events();
    assert!(
        matches!(&events[..], [Event::EndpointFailing { evidence, .. }] if evidence.chars().count() == 256)
    );
}

#[test]
fn when_all_fail_the_pool_panics_unless_it_may_not() {
    let mut world = World::new(pool(2, HealthCheckSpec::tcp()));
    world.run(20 * SECOND, |_| false);
    assert_eq!(world.states(), [HealthState::Failing; 2]);
    assert_eq!(world.serving(), names(0..2), "better than nobody");
    let strict = pool(2, HealthCheckSpec::tcp()).with_tiers(TiersSpec::new().with_panic_percent(0));
    let mut world = World::new(strict);
    world.run(20 * SECOND, |_| false);
    assert!(world.balancer.try_acquire(&Request::new("acme")).is_err());
    world.run(15 * SECOND, |address| address == "e1");
    assert_eq!(world.serving(), names([1]));
}

#[test]
fn in_a_large_pool_changes_count_together_and_all_the_same() {
    let mut world =
        World::new(pool(2_000, HealthCheckSpec::tcp()).with_tiers(TiersSpec::new().with_panic_percent(50)));
    let half = |address: &str| address[1..].parse::<usize>().is_ok_and(|number| number < 900);
    world.run(20 * SECOND, |address| !half(address));
    let failing = world.states().iter().filter(|&&state| state == HealthState::Failing).count();
    assert_eq!(failing, 900);
    let serving = |world: &World, count: usize| {
        (0..count).all(|_| {
            let lease = world.balancer.try_acquire(&Request::new("acme")).expect("somebody serves");
            !half(lease.endpoint().address())
        })
    };
    assert!(serving(&world, 500), "more than half of them are healthy");
    world.run(20 * SECOND, |address| address.len() < 3);
    assert!(!serving(&world, 500), "nearly all are failing: the pool panics");
    world.run(20 * SECOND, |address| !half(address));
    assert!(serving(&world, 500), "and does so no more");
}

/// Also before changes are counted.
#[test]
fn in_a_large_pool_the_first_to_pass_serve_at_once() {
    let check = HealthCheckSpec::tcp().with_every(SECOND).with_rise(1).with_fall(1);
    for strategy in [StrategySpec::p2c(), StrategySpec::round_robin(), StrategySpec::Random] {
        let spec = pool(2_000, check.clone()).with_strategy(strategy.clone());
        let mut world = World::new(spec.with_tiers(TiersSpec::new().with_panic_percent(0)));
        world.run(5 * SECOND, |_| false);
        assert!(world.balancer.try_acquire(&Request::new("acme")).is_err());
        let mut passed = BTreeSet::new();
        while passed.len() < 3 {
            if let Some(check) = world.checks.next_check() {
                passed.insert(check.address().to_owned());
                world.report(check, |_| true);
            } else {
                world.clock.advance(world.checks.due_in().expect("all are checked"));
            }
        }
        assert_eq!(world.serving(), passed, "{strategy:?}");
    }
}

#[test]
fn a_newcomer_serves_when_its_pool_says_so() {
    for (initial, after) in
        [(InitialHealth::Healthy, 0), (InitialHealth::OneSuccess, 1), (InitialHealth::Unhealthy, 2)]
    {
        let check = HealthCheckSpec::tcp().with_initial(initial);
        let mut world = World::new(pool(3, check));
        assert_eq!(world.serving(), names(0..3), "a pool of which nothing is known serves");
        world.run(30 * SECOND, |_| true);
        assert_eq!(world.states(), [HealthState::Healthy; 3]);
        let add = EndpointChange::Add(EndpointSpec::new("new"));
        world.balancer.change_endpoints("api", &[add]).expect("it can be added");
        let serves = |world: &World| world.serving().contains("new");
        if initial == InitialHealth::OneSuccess {
            // However often it failed before, as while it boots.
            world.run(12 * SECOND, |address| address != "new");
            assert!(!serves(&world));
        }
        let mut passed = 0;
        while passed < after {
            assert!(!serves(&world), "{initial:?}, and {passed} successes");
            let before = passed;
            while passed == before {
                let asked = world.run(SECOND / 20, |_| true);
                passed += asked.iter().filter(|address| *address == "new").count();
            }
        }
        assert!(serves(&world), "{initial:?}, after {passed} successes");
    }
}

#[test]
fn what_checks_have_shown_outlasts_updates_that_keep_the_endpoint() {
    let check = HealthCheckSpec::tcp();
    let mut world = World::new(pool(4, check.clone()));
    world.run(20 * SECOND, |address| address != "e1");
    let under_way = loop {
        world.clock.advance(SECOND / 10);
        match world.checks.next_check() {
            Some(check) if check.address() == "e3" => break check,
            Some(check) => world.report(check, |address| address != "e1"),
            None => {}
        }
    };
    // Places move, the interval changes, one goes and one comes.
    let next = PoolSpec::new(["e3", "e1", "e9", "e0"])
        .with_health_check(check.clone().with_every(2 * SECOND).with_fall(1));
    world.balancer.reconfigure(config(next)).expect("it can be used");
    assert_eq!(world.states()[..2], [HealthState::Healthy, HealthState::Failing]);
    world.checks.handle_failed(under_way, CheckFailure::Timeout, "");
    assert_eq!(
        world.states()[0],
        HealthState::Failing,
        "a check that was under way counts for whom it was of"
    );
    world.run(6 * SECOND, |_| true);
    assert_eq!(world.states(), [HealthState::Healthy; 4]);
    world.run(5 * SECOND, |address| address != "e0");
    assert_eq!(world.states()[3], HealthState::Failing);
    // Without checks nobody fails for ever.
    world.balancer.reconfigure(config(PoolSpec::new(["e0", "e1"]))).expect("it can be used");
    assert_eq!((world.states(), world.checks.due_in()), (vec![HealthState::Healthy; 2], None));
    assert!(world.checks.next_check().is_none());
    // Who was there before counts as healthy, whatever newcomers must show.
    let strict =
        PoolSpec::new(["e0", "e1", "e2"]).with_health_check(check.with_initial(InitialHealth::Unhealthy));
    world.balancer.reconfigure(config(strict)).expect("it can be used");
    assert_eq!(world.states(), [HealthState::Healthy, HealthState::Healthy, HealthState::Failing]);
}

#[test]
fn a_removed_endpoint_or_pool_is_not_asked_and_late_answers_are_not_heard() {
    let world = World::new(pool(2, HealthCheckSpec::tcp().with_fall(1)));
    world.clock.advance(6 * SECOND);
    let late: Vec<HealthCheck> = std::iter::from_fn(|| world.checks.next_check()).collect();
    assert_eq!(late.len(), 2);
    world.balancer.change_endpoints("api", &[EndpointChange::Remove("e0".to_owned())]).expect("it is there");
    for check in late {
        world.checks.handle_failed(check, CheckFailure::Connect, "");
    }
    assert_eq!(world.states(), [HealthState::Failing]);
    world.clock.advance(8 * SECOND);
    let check = world.checks.next_check().expect("it is due");
    world.balancer.reconfigure(Config::new()).expect("it can be empty");
    world.checks.handle_passed(check);
    assert_eq!(world.checks.due_in(), None);
}

#[test]
fn a_disabled_endpoint_is_not_asked_until_it_is_enabled() {
    let mut world = World::new(pool(2, HealthCheckSpec::tcp()));
    world.balancer.override_health("api", "e0", HealthOverride::Disabled, None).expect("it is there");
    let asked: BTreeSet<String> = world.run(30 * SECOND, |_| false).into_iter().collect();
    assert_eq!(asked, names([1]));
    world.balancer.clear_health_override("api", "e0").expect("it is there");
    let asked: BTreeSet<String> = world.run(7 * SECOND, |_| true).into_iter().collect();
    assert_eq!(asked, names(0..2));
}

#[test]
fn who_comes_back_takes_up_its_load_slowly_where_that_is_asked_for() {
    let slow = SlowStartSpec::over(60 * SECOND);
    let mut world = World::new(pool(2, HealthCheckSpec::tcp()).with_slow_start(slow));
    world.run(20 * SECOND, |address| address != "e0");
    world.run(8 * SECOND, |_| true);
    assert_eq!(world.states(), [HealthState::Healthy; 2]);
    let first = (0..1_000).filter(|_| {
        let lease = world.balancer.try_acquire(&Request::new("acme")).expect("somebody serves");
        lease.endpoint().address() == "e0"
    });
    let first = first.count();
    assert!(first < 400, "{first} of 1000");
}

#[test]
fn several_pools_are_asked_in_the_order_in_which_they_are_due() {
    let clock = ManualClock::new();
    let two = config(pool(3, HealthCheckSpec::tcp()))
        .with_pool(
            "db",
            PoolSpec::new(["d0"]).with_health_check(HealthCheckSpec::custom("ping").with_every(SECOND)),
        )
        .with_pool("static", PoolSpec::new(["s0"]));
    let balancer = Balancer::with_clock(two, clock.clone()).expect("the configuration is right");
    let mut world = World { checks: balancer.health_checks(), balancer, clock };
    let asked = world.run(50 * SECOND, |_| true);
    let count = |name: &str| asked.iter().filter(|address| *address == name).count();
    assert!((48..=51).contains(&count("d0")) && (9..=11).contains(&count("e0")), "{asked:?}");
    assert_eq!(count("s0"), 0);
}

#[derive(Default)]
struct Count(AtomicU32);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn whoever_waits_is_woken_by_updates_and_by_the_end() {
    let World { balancer, checks, .. } = World::new(pool(1, HealthCheckSpec::tcp()));
    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let mut context = Context::from_waker(&waker);
    let woken = || count.0.load(Ordering::SeqCst);
    assert_eq!(checks.poll_updated(&mut context), Poll::Ready(true), "the first configuration is news, too");
    assert_eq!(checks.poll_updated(&mut context), Poll::Pending);
    balancer
        .change_endpoints("api", &[EndpointChange::Add(EndpointSpec::new("e1"))])
        .expect("it can be added");
    assert_eq!((woken(), checks.poll_updated(&mut context)), (1, Poll::Ready(true)));
    assert_eq!(checks.poll_updated(&mut context), Poll::Pending);
    balancer.reconfigure(config(PoolSpec::default())).expect("it can be used");
    assert_eq!((woken(), checks.poll_updated(&mut context)), (2, Poll::Ready(true)));
    assert_eq!(checks.poll_updated(&mut context), Poll::Pending);
    drop(balancer);
    assert_eq!((woken(), checks.poll_updated(&mut context)), (3, Poll::Ready(false)));
    assert!(checks.next_check().is_none() && checks.due_in().is_none());
}

#[cfg(all(feature = "toml", feature = "yaml"))]
#[test]
fn the_document_says_the_same_as_the_setters() {
    use tenantry::{CheckScheme, Format, HttpCheck};
    let read = |text: &str| {
        let document = format!("[pools.api]\nendpoints = []\nhealth = {{ probe = {text} }}");
        let config = Config::from_text(&document, Format::Toml).expect(text);
        config.pools()["api"].health_check().expect("it is there").clone()
    };
    let full = HttpCheck::new("/healthz?deep=1")
        .with_method("POST")
        .with_host("api.internal")
        .with_header("authorization", "Bearer x")
        .with_status(200..=200)
        .with_status(300..=399)
        .with_body("\"status\":\"ok\"");
    let full = HealthCheckSpec::from(full)
        .with_port(std::num::NonZeroU16::new(9_000).expect("not 0"))
        .with_scheme(CheckScheme::Https)
        .with_server_name("internal")
        .with_every(10 * SECOND)
        .with_every_in_doubt(2 * SECOND)
        .with_every_unhealthy(3 * SECOND)
        .with_every_idle(60 * SECOND)
        .with_jitter(0.25)
        .with_timeout(SECOND)
        .with_rise(4)
        .with_fall(5)
        .with_initial(InitialHealth::OneSuccess);
    let text = r#"{ http = "/healthz?deep=1", method = "POST", host = "api.internal", headers = { authorization = "Bearer x" },
        status = [200, "300-399"], body = '"status":"ok"', port = 9000, scheme = "https", server_name = "internal", every = "10s",
        every_in_doubt = "2s", every_unhealthy = "3s", every_idle = "60s", jitter = 0.25, timeout = "1s", rise = 4, fall = 5,
        initial = "one_success" }"#;
    assert_eq!(read(&text.replace('\n', " ")), full);
    assert_eq!(read("'/healthz'"), HealthCheckSpec::http("/healthz"));
    assert_eq!(read("{ http = '/healthz' }"), HealthCheckSpec::http("/healthz"));
    assert_eq!(read("{ tcp = true }"), HealthCheckSpec::tcp());
    assert_eq!(read("{ tls = true }"), HealthCheckSpec::tls());
    assert_eq!(read("{ grpc = '' }"), HealthCheckSpec::grpc(""));
    assert_eq!(read("{ custom = 'ping' }"), HealthCheckSpec::custom("ping"));
    let defaults = read("'/'");
    let times = [
        defaults.every(),
        defaults.every_in_doubt(),
        defaults.every_unhealthy(),
        defaults.every_idle(),
        defaults.timeout(),
    ];
    assert_eq!(times, [5, 1, 5, 5, 2].map(Duration::from_secs));
    assert_eq!((defaults.rise(), defaults.fall(), defaults.jitter()), (2, 3, 0.1));
    let fast = HealthCheckSpec::tcp().with_every(SECOND / 2);
    assert_eq!(fast.every_in_doubt(), SECOND / 2, "never slower than else");
}

/// What real requests have shown is believed longer than what health checks say: those only bring the trial forward.
#[test]
fn checks_that_pass_bring_the_trial_of_whom_requests_have_ejected_forward() {
    let mut world = World::new(pool(3, HealthCheckSpec::http("/healthz")));
    let serve = |world: &World, e0_fails: bool| {
        for _ in 0..400 {
            let lease = world.balancer.try_acquire(&Request::new("acme")).expect("somebody serves");
            let outcome = match lease.endpoint().address() {
                "e0" if e0_fails => Outcome::failure(),
                "e0" => Outcome::success(),
                _ => Outcome::cancelled(),
            };
            lease.finish(outcome);
        }
    };
    serve(&world, true);
    for _ in 0..3 {
        assert_eq!(world.states()[0], HealthState::Ejected);
        world.run(11 * SECOND, |_| true);
        assert_eq!(world.states()[0], HealthState::Probation, "two checks have passed");
        serve(&world, true);
    }
    world.run(29 * SECOND, |address| address != "e0");
    assert_eq!(world.states()[0], HealthState::Failing, "its time is not over, and its checks fail");
    world.run(15 * SECOND, |_| true);
    serve(&world, false);
    assert_eq!(world.states()[0], HealthState::Healthy);
}
