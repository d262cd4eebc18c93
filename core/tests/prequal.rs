//! Probes through the public interface: who is told, what is asked, and what becomes of it when things change.

#![cfg(not(loom))]

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use tenantry::{
    Balancer, CapacitySpec, Config, Format, ManualClock, Outcome, PoolSpec, PrequalSpec, Probe, ProbeReport,
    Probes, Request, StrategySpec, TenantSpec,
};

const ENDPOINTS: [&str; 4] = ["http://a", "http://b", "http://c", "http://d"];

fn config(strategy: impl Into<StrategySpec>) -> Config {
    let pool =
        PoolSpec::new(ENDPOINTS).with_strategy(strategy.into()).with_capacity(CapacitySpec::fixed(1_000));
    Config::new().with_seed(1).with_pool("api", pool).with_tenant("acme", TenantSpec::new())
}

fn balancer(strategy: impl Into<StrategySpec>) -> Balancer {
    Balancer::with_clock(config(strategy), ManualClock::new()).expect("the configuration is right")
}

fn ask(balancer: &Balancer) -> String {
    let lease = balancer.try_acquire(&Request::new("acme").pool("api")).expect("there is room");
    let address = lease.endpoint().address().to_owned();
    lease.finish(Outcome::success().with_latency(Duration::from_millis(5)));
    address
}

fn all(probes: &Probes) -> Vec<Probe> {
    std::iter::from_fn(|| probes.next_probe()).collect()
}

/// Counts how often it is woken.
#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

struct Carrier {
    bell: Arc<Bell>,
    probes: Probes,
}

impl Carrier {
    fn new(balancer: &Balancer) -> Self {
        Self { bell: Arc::default(), probes: balancer.probes() }
    }

    fn poll(&self) -> Poll<Option<Probe>> {
        let waker = Waker::from(Arc::clone(&self.bell));
        self.probes.poll_probe(&mut Context::from_waker(&waker))
    }

    fn woken(&self) -> usize {
        self.bell.0.swap(0, Ordering::SeqCst)
    }
}

#[test]
fn each_request_brings_three_probes_to_three_endpoints_and_says_so_once() {
    let balancer = balancer(PrequalSpec::new().with_path("/load"));
    let carrier = Carrier::new(&balancer);
    assert!(carrier.poll().is_pending());
    for _ in 0..100 {
        ask(&balancer);
        ask(&balancer);
        assert_eq!(carrier.woken(), 1, "who has not asked again is not told again");
        let mut batches = vec![];
        while let Poll::Ready(probe) = carrier.poll() {
            let probe = probe.expect("the balancer is there");
            assert_eq!((probe.path(), probe.timeout()), ("/load", Duration::from_millis(3)));
            batches.push(probe.address().to_owned());
        }
        assert_eq!(batches.len(), 6);
        let different = |batch: &[String]| batch.iter().collect::<HashSet<_>>().len();
        assert!(batches.chunks(3).all(|batch| different(batch) == 3), "{batches:?}");
    }
}

#[test]
fn pools_without_prequal_want_no_probes_and_an_update_changes_that() {
    let balancer = balancer(StrategySpec::p2c());
    let carrier = Carrier::new(&balancer);
    assert!(carrier.poll().is_pending());
    ask(&balancer);
    assert_eq!(carrier.woken(), 0);
    balancer.reconfigure(config(PrequalSpec::new())).expect("right");
    ask(&balancer);
    assert!(carrier.woken() > 0);
    let Poll::Ready(Some(late)) = carrier.poll() else { panic!("a probe is due") };
    balancer.reconfigure(config(StrategySpec::round_robin())).expect("right");
    ask(&balancer);
    assert!(carrier.poll().is_pending());
    carrier.probes.handle_answer(late, &ProbeReport::new(1));
}

#[test]
fn whoever_waits_for_probes_learns_that_the_balancer_is_gone_and_does_not_keep_it() {
    let balancer = balancer(PrequalSpec::new());
    let carrier = Carrier::new(&balancer);
    ask(&balancer);
    let Poll::Ready(Some(late)) = carrier.poll() else { panic!("a probe is due") };
    while carrier.poll().is_ready() {}
    drop(balancer);
    assert_eq!(carrier.woken(), 1);
    assert!(matches!(carrier.poll(), Poll::Ready(None)));
    carrier.probes.handle_answer(late, &ProbeReport::new(1));
    assert!(carrier.probes.next_probe().is_none());
}

#[test]
fn a_waker_that_panics_costs_no_request_its_seat() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a waker's own trouble");
        }
    }
    let balancer = balancer(PrequalSpec::new());
    let waker = Waker::from(Arc::new(Panics));
    for _ in 0..3 {
        let probes = balancer.probes();
        while probes.poll_probe(&mut Context::from_waker(&waker)).is_ready() {}
        ask(&balancer);
    }
    assert!(balancer.stats().pool("api").is_some_and(|pool| pool.in_flight() == 0));
}

#[test]
fn a_busy_pool_does_not_keep_another_from_its_probes() {
    let pool = || PoolSpec::new(ENDPOINTS).with_strategy(PrequalSpec::new().with_path("/a"));
    let other = PoolSpec::new(ENDPOINTS).with_strategy(PrequalSpec::new().with_path("/b"));
    let config =
        Config::new().with_pool("a", pool()).with_pool("b", other).with_tenant("acme", TenantSpec::new());
    let balancer = Balancer::new(config).expect("the configuration is right");
    let ask = |pool| drop(balancer.try_acquire(&Request::new("acme").pool(pool)).expect("there is room"));
    (0..10).for_each(|_| ask("a"));
    ask("b");
    let first: Vec<String> =
        all(&balancer.probes()).iter().take(4).map(|probe| probe.path().into()).collect();
    assert!(first.contains(&"/b".to_owned()), "{first:?}");
}

#[test]
fn a_backend_that_fails_fast_and_says_that_it_is_idle_gets_next_to_nothing() {
    let balancer = balancer(PrequalSpec::new());
    let clock_of_its_own = balancer.probes();
    let (probes, mut failed) = (clock_of_its_own, 0);
    for _ in 0..10_000 {
        let lease = balancer.try_acquire(&Request::new("acme")).expect("there is room");
        let bad = lease.endpoint().address() == ENDPOINTS[2];
        failed += u32::from(bad);
        lease.finish(if bad { Outcome::failure() } else { Outcome::success() });
        for probe in all(&probes) {
            let bad = probe.address() == ENDPOINTS[2];
            let latency = Duration::from_millis(if bad { 1 } else { 50 });
            probes.handle_answer(probe, &ProbeReport::new(u32::from(!bad)).with_latency(latency));
        }
    }
    assert!(failed < 200, "{failed} of 10 000 requests went to the one of four that fails");
}

#[test]
fn the_document_says_all_of_it_in_short_or_in_full() {
    let read = |strategy: &str| {
        let text = format!("[pools.api]\nendpoints = ['a']\nstrategy = {strategy}");
        Config::from_text(&text, Format::Toml).expect(strategy)
    };
    assert_eq!(read("'prequal'"), read("{ kind = 'prequal' }"));
    let defaults = "{ kind = 'prequal', probe = '/prequal', timeout = '3ms', probes_per_request = 3, pool = 16, max_age = '1s', quantile = 0.840896 }";
    assert_eq!(read("'prequal'"), read(defaults));
    let other = "{ kind = 'prequal', probe = '/l', probes_per_request = 0.5, remove_per_request = 0.1 }";
    let spec = PrequalSpec::new().with_path("/l").with_probes_per_request(0.5).with_remove_per_request(0.1);
    let pool = PoolSpec::new(["a"]).with_strategy(spec);
    assert_eq!(read(other), Config::new().with_pool("api", pool));
}

#[test]
fn settings_out_of_bounds_are_refused_by_name() {
    let spec = PrequalSpec::new;
    let cases = [
        (spec().with_path("prequal"), "probe", "\"prequal\""),
        (spec().with_path("/a b"), "probe", "\"/a b\""),
        (spec().with_timeout(Duration::ZERO), "timeout", "\"0ns\""),
        (spec().with_probes_per_request(0.0), "probes_per_request", "0"),
        (spec().with_probes_per_request(17.0), "probes_per_request", "17"),
        (spec().with_pool(1), "pool", "1"),
        (spec().with_max_age(Duration::from_secs(61)), "max_age", "\"61s\""),
        (spec().with_quantile(1.5), "quantile", "1.5"),
        (spec().with_remove_per_request(3.0), "remove_per_request", "3"),
    ];
    for (spec, field, value) in cases {
        let error = Balancer::new(config(spec)).expect_err(field);
        assert_eq!(
            (error.path(), error.value()),
            (&*format!("pools.api.strategy.{field}"), value),
            "{error}"
        );
        assert!(!error.fix().is_empty());
    }
}
