//! What a discovery's answers do to a pool, and what they must never do.

use std::{collections::BTreeSet, time::Duration};

use proptest::prelude::*;
use tenantry::{
    Balancer, CapacitySpec, Config, Discovery, DiscoverySpec, EndpointChange, EndpointSpec, Event,
    ManualClock, Outcome, PoolSpec, Rejection, Request, StrategySpec, TenantSpec,
};

const MINUTE: Option<Duration> = Some(Duration::from_secs(60));

fn config(configured: &[&str]) -> Config {
    let pool = PoolSpec::new(configured.iter().copied()).with_capacity(CapacitySpec::fixed(100));
    Config::new().with_pool("api", pool).with_tenant("acme", TenantSpec::new())
}

fn balancer(configured: &[&str]) -> (Balancer, ManualClock) {
    let clock = ManualClock::new();
    (Balancer::with_clock(config(configured), clock.clone()).expect("usable"), clock)
}

fn discovery(balancer: &Balancer) -> Discovery {
    balancer.discovery("api", "test", DiscoverySpec::new().with_jitter(0.0)).expect("the pool is there")
}

fn specs(addresses: &[&str]) -> Vec<EndpointSpec> {
    addresses.iter().map(|address| EndpointSpec::new(*address)).collect()
}

fn addresses(balancer: &Balancer) -> Vec<String> {
    let pool = balancer.pool_stats("api").expect("it is there");
    pool.endpoints().iter().map(|endpoint| endpoint.address().to_owned()).collect()
}

#[test]
fn endpoints_that_stay_keep_their_state_and_those_that_go_end_in_peace() {
    let (balancer, _clock) = balancer(&[]);
    let mut discovery = discovery(&balancer);
    assert_eq!(balancer.try_acquire(&Request::new("acme")).err(), Some(Rejection::NoEndpoint));
    discovery.handle_found(&specs(&["a", "b"]), MINUTE).expect("a good answer");
    let leases: Vec<_> =
        (0..10).map(|_| balancer.try_acquire(&Request::new("acme")).expect("a seat")).collect();
    discovery.handle_found(&specs(&["b", "c"]), MINUTE).expect("a good answer");
    let pool = balancer.pool_stats("api").expect("it is there");
    assert_eq!(addresses(&balancer), ["b", "c"]);
    assert_eq!(pool.in_flight(), 10, "nobody is cut off");
    let at_b = leases.iter().filter(|lease| lease.endpoint().address() == "b").count();
    assert_eq!(pool.endpoints()[0].in_flight() as usize, at_b, "what stays goes on");
    for lease in leases {
        lease.finish(Outcome::success());
    }
    assert_eq!(balancer.pool_stats("api").expect("it is there").in_flight(), 0);
}

#[test]
fn neither_failures_nor_empty_answers_change_a_pool() {
    let (balancer, clock) = balancer(&[]);
    let mut discovery = discovery(&balancer);
    discovery.handle_found(&specs(&["a"]), MINUTE).expect("a good answer");
    clock.advance(Duration::from_secs(60));
    discovery.handle_failure("it does not answer");
    let error = discovery.handle_found(&[], MINUTE).expect_err("an empty answer");
    assert_eq!((error.path(), error.value()), ("pools.api.endpoints", "[]"));
    assert_eq!(addresses(&balancer), ["a"]);
    let status = discovery.status().expect("the balancer is there");
    assert_eq!((status.endpoints(), status.failures()), (1, 2));
    assert!(status.last_failure().is_some_and(|failure| failure.problem().contains("may_empty")));
    assert_eq!(status.last_success().map(|at| balancer.now().since(at)), MINUTE);
    assert_eq!(status.next_refresh().since(balancer.now()), Duration::from_secs(2), "the second in a row");
}

#[cfg(feature = "config")]
#[test]
fn a_list_in_text_is_an_answer_and_one_that_cannot_be_read_is_a_failure() {
    use tenantry::Format::Json;

    let (balancer, _clock) = balancer(&[]);
    let mut discovery = discovery(&balancer);
    discovery.handle_text(r#"["a", { "address": "b", "weight": 2 }]"#, Json, MINUTE).expect("a good answer");
    let wrong = [
        (r#"[{ "adress": "c" }]"#, "pools.api.endpoints[0].adress"),
        (r#"{ "endpoints": ["c", 7] }"#, "pools.api.endpoints[1]"),
        (r#"["c", "c"]"#, "pools.api.endpoints[1].address"),
        ("[]", "pools.api.endpoints"),
        ("[", "."),
    ];
    for (failures, (text, path)) in (1..).zip(wrong) {
        let error = discovery.handle_text(text, Json, MINUTE).expect_err("it cannot be used");
        assert_eq!(error.path(), path, "{text}");
        assert_eq!(discovery.status().map(|status| status.failures()), Some(failures));
    }
    assert_eq!(addresses(&balancer), ["a", "b"]);
}

#[test]
fn of_what_went_wrong_a_part_is_kept() {
    let (balancer, _clock) = balancer(&[]);
    let mut discovery = discovery(&balancer);
    let kept = |discovery: &Discovery| {
        let status = discovery.status().expect("the balancer is there");
        status.last_failure().expect("one").problem().to_owned()
    };
    discovery.note(&"é".repeat(300));
    assert_eq!(kept(&discovery), "é".repeat(256));
    discovery.handle_failure(&"x".repeat(300));
    assert_eq!(kept(&discovery), "x".repeat(256));
    let told = balancer.take_events();
    assert!(
        matches!(&told[..], [Event::DiscoveryFailed { problem, .. }] if problem.len() == 256),
        "{told:?}"
    );
}

#[test]
fn a_share_that_is_none_is_refused() {
    let (balancer, _clock) = balancer(&[]);
    let endless = [f64::NAN, f64::NEG_INFINITY, f64::INFINITY].map(|share| (share, ""));
    for (share, shown) in [(-0.5, "-0.5"), (1.5, "1.5"), (1e10, "10000000000")].into_iter().chain(endless) {
        let spec = DiscoverySpec::new().with_jitter(share);
        let error = balancer.discovery("api", "test", spec).expect_err("no share");
        assert_eq!(error.path(), "discovery.jitter", "{share}");
        assert_eq!(error.value(), shown, "no other number is shown");
    }
}

#[test]
fn an_empty_answer_empties_a_pool_that_was_told_so() {
    let (balancer, _clock) = balancer(&[]);
    let mut discovery =
        balancer.discovery("api", "test", DiscoverySpec::new().may_empty()).expect("it is there");
    discovery.handle_found(&specs(&["a"]), MINUTE).expect("a good answer");
    discovery.handle_found(&[], MINUTE).expect("a good answer, too");
    assert!(addresses(&balancer).is_empty());
}

#[test]
fn configured_endpoints_are_never_a_discoverys() {
    let (balancer, _clock) = balancer(&["seed", "both"]);
    let mut discovery = discovery(&balancer);
    let heavy = EndpointSpec::new("both").with_weight(7);
    discovery.handle_found(&[heavy, EndpointSpec::new("found")], MINUTE).expect("a good answer");
    assert_eq!(addresses(&balancer), ["seed", "both", "found"]);
    discovery.handle_found(&specs(&["other"]), MINUTE).expect("a good answer");
    assert_eq!(addresses(&balancer), ["seed", "both", "other"]);
}

#[test]
fn another_configuration_takes_nothing_away_that_was_found() {
    let (balancer, _clock) = balancer(&["seed"]);
    let mut discovery = discovery(&balancer);
    discovery.handle_found(&specs(&["a", "b"]), MINUTE).expect("a good answer");
    let lease = balancer.try_acquire_owned(&Request::new("acme")).expect("a seat");
    balancer.reconfigure(config(&["b"])).expect("usable");
    assert_eq!(addresses(&balancer), ["b", "a"]);
    lease.finish(Outcome::success());
    // `b` is the configuration's now.
    discovery.handle_found(&specs(&["c"]), MINUTE).expect("a good answer");
    assert_eq!(addresses(&balancer), ["b", "c"]);
    // And `c` the discovery's, still.
    balancer.reconfigure(config(&[])).expect("usable");
    assert_eq!(addresses(&balancer), ["c"]);
}

#[test]
fn a_configuration_that_cannot_take_what_was_found_is_refused_whole() {
    let (balancer, _clock) = balancer(&[]);
    let mut discovery = discovery(&balancer);
    discovery.handle_found(&specs(&["a", "b", "c", "d", "e", "f", "g", "h"]), MINUTE).expect("a good answer");
    let small = PoolSpec::default().with_strategy(tenantry::MaglevSpec::new().with_size(7));
    let error = balancer.reconfigure(Config::new().with_pool("api", small)).expect_err("eight do not fit");
    assert!(error.path().starts_with("pools.api.strategy"), "{error}");
    assert_eq!(addresses(&balancer).len(), 8);
}

#[test]
fn a_pool_that_comes_back_has_what_was_found() {
    let (balancer, _clock) = balancer(&[]);
    let mut discovery = discovery(&balancer);
    discovery.handle_found(&specs(&["a"]), MINUTE).expect("a good answer");
    balancer.reconfigure(Config::new()).expect("usable");
    let error = discovery.handle_found(&specs(&["b"]), MINUTE).expect_err("there is no pool");
    assert_eq!(error.path(), "pools.api");
    balancer.reconfigure(config(&[])).expect("usable");
    assert_eq!(addresses(&balancer), ["a"]);
}

#[test]
fn a_discovery_that_ended_leaves_what_it_found_to_the_next() {
    let (balancer, _clock) = balancer(&[]);
    let mut old = discovery(&balancer);
    old.handle_found(&specs(&["a", "b"]), MINUTE).expect("a good answer");
    drop(old);
    assert_eq!(addresses(&balancer), ["a", "b"]);
    assert!(balancer.discoveries().is_empty());
    let mut new = discovery(&balancer);
    new.handle_found(&specs(&["b", "c"]), MINUTE).expect("a good answer");
    assert_eq!(addresses(&balancer), ["b", "c"]);
    drop(new);
    balancer.reconfigure(config(&["seed"])).expect("usable");
    assert_eq!(addresses(&balancer), ["seed"]);
}

#[test]
fn an_operators_word_on_an_endpoint_stands_until_the_answer_says_something_new_of_it() {
    let (balancer, _clock) = balancer(&[]);
    let mut discovery = discovery(&balancer);
    discovery.handle_found(&specs(&["a", "b"]), MINUTE).expect("a good answer");
    balancer.change_endpoints("api", &[EndpointChange::Drain("a".into())]).expect("it is there");
    discovery.handle_found(&specs(&["a", "b", "c"]), MINUTE).expect("a good answer");
    let picked = |address: &str| {
        (0..50).any(|_| {
            let lease = balancer.try_acquire(&Request::new("acme")).expect("a seat");
            lease.endpoint().address() == address
        })
    };
    assert!(!picked("a"), "it drains");
    let again = [EndpointSpec::new("a").with_weight(3), EndpointSpec::new("b")];
    discovery.handle_found(&again, MINUTE).expect("a good answer");
    assert!(picked("a"));
}

#[test]
fn answers_that_cannot_be_configured_are_refused_whole() {
    let (balancer, _clock) = balancer(&[]);
    let spec = DiscoverySpec::new().with_most_endpoints(2);
    let mut discovery = balancer.discovery("api", "test", spec).expect("it is there");
    discovery.handle_found(&specs(&["a"]), MINUTE).expect("a good answer");
    for (answer, path) in [
        (specs(&["b", "with space"]), "pools.api.endpoints[1].address"),
        (specs(&["b", "c", "d"]), "pools.api.endpoints"),
    ] {
        assert_eq!(discovery.handle_found(&answer, MINUTE).expect_err("it is wrong").path(), path);
        assert_eq!(addresses(&balancer), ["a"]);
    }
}

#[test]
fn settings_out_of_bounds_are_named() {
    let (balancer, _clock) = balancer(&[]);
    let of = |pool, spec| balancer.discovery(pool, "test", spec).expect_err("it is wrong").path().to_owned();
    let spec = DiscoverySpec::new();
    assert_eq!(of("apl", spec), "pools.apl");
    assert_eq!(of("api", spec.with_floor(Duration::ZERO)), "discovery.floor");
    assert_eq!(of("api", spec.with_ceiling(Duration::from_secs(4))), "discovery.ceiling");
    assert_eq!(of("api", spec.with_jitter(1.5)), "discovery.jitter");
    assert_eq!(of("api", spec.with_first_retry(Duration::ZERO)), "discovery.first_retry");
    assert_eq!(of("api", spec.with_longest_retry(Duration::ZERO)), "discovery.longest_retry");
    assert_eq!(of("api", spec.with_most_endpoints(0)), "discovery.most_endpoints");
}

#[test]
fn events_tell_changes_the_first_failure_and_the_recovery() {
    let (balancer, clock) = balancer(&["seed"]);
    let mut discovery = discovery(&balancer);
    let (pool, source) = ("api".to_owned(), "test".to_owned());
    for _ in 0..2 {
        discovery.handle_found(&specs(&["a", "b"]), MINUTE).expect("a good answer");
    }
    discovery.handle_failure("it is gone");
    discovery.handle_failure("it is still gone");
    discovery.handle_found(&specs(&["c"]), MINUTE).expect("a good answer");
    let changed = |added, removed, endpoints| Event::EndpointsDiscovered {
        pool: pool.clone(),
        source: source.clone(),
        added,
        removed,
        endpoints,
    };
    let problem = "it is gone".to_owned();
    let expected = [
        changed(2, 0, 3),
        Event::DiscoveryFailed { pool: pool.clone(), source: source.clone(), problem },
        changed(1, 2, 2),
        Event::DiscoveryRecovered { pool: pool.clone(), source: source.clone(), failures: 2 },
    ];
    assert_eq!(balancer.take_events(), expected);
    clock.advance(Duration::from_secs(1));
    discovery.note("a part was missing");
    let status = &balancer.discoveries()[0];
    assert_eq!((status.pool(), status.source(), status.failures()), ("api", "test", 0));
    assert!(status.last_failure().is_some_and(|failure| failure.at() == balancer.now()));
    assert_eq!(balancer.take_events(), []);
}

#[test]
fn it_does_not_keep_its_balancer() {
    let (balancer, _clock) = balancer(&[]);
    let mut discovery = discovery(&balancer);
    drop(balancer);
    assert_eq!(discovery.due_in(), None);
    assert_eq!(discovery.status(), None);
    discovery.handle_found(&specs(&["a"]), MINUTE).expect("nobody is there to refuse it");
}

#[derive(Clone, Debug)]
enum Step {
    Found(usize, BTreeSet<u8>),
    Fail(usize),
    Reconfigure(BTreeSet<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    let set = || proptest::collection::btree_set(0_u8..6, 0..5);
    prop_oneof![
        4 => (0_usize..2, set()).prop_map(|(source, set)| Step::Found(source, set)),
        1 => (0_usize..2).prop_map(Step::Fail),
        2 => set().prop_map(Step::Reconfigure),
    ]
}

proptest! {
    /// Whatever comes in whatever order: a pool is what its configuration names and what its discoveries found last.
    #[test]
    fn a_pool_is_its_configuration_and_the_last_good_answers(steps in proptest::collection::vec(step(), 1..30)) {
        let names = |set: &BTreeSet<u8>| set.iter().map(|address| format!("e{address}")).collect::<Vec<_>>();
        let config = |set: &BTreeSet<u8>| {
            let pool = PoolSpec::new(names(set)).with_strategy(StrategySpec::round_robin());
            Config::new().with_pool("api", pool).with_tenant("acme", TenantSpec::new())
        };
        let (mut configured, mut found) = (BTreeSet::new(), [BTreeSet::new(), BTreeSet::new()]);
        let balancer = Balancer::with_clock(config(&configured), ManualClock::new()).expect("usable");
        let mut discoveries = [discovery(&balancer), discovery(&balancer)];
        for step in steps {
            match step {
                Step::Found(source, set) => {
                    let answer: Vec<EndpointSpec> = names(&set).into_iter().map(EndpointSpec::new).collect();
                    let taken = discoveries[source].handle_found(&answer, MINUTE).is_ok();
                    prop_assert_eq!(taken, !set.is_empty());
                    if taken {
                        found[source] = set;
                    }
                }
                Step::Fail(source) => discoveries[source].handle_failure("no"),
                Step::Reconfigure(set) => {
                    balancer.reconfigure(config(&set)).expect("usable");
                    configured = set;
                }
            }
            let expected: BTreeSet<String> =
                [&configured, &found[0], &found[1]].into_iter().flat_map(names).collect();
            let listed = addresses(&balancer);
            prop_assert_eq!(listed.len(), expected.len());
            prop_assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), expected);
        }
    }
}
