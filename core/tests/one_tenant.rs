//! One tenant is added, changed or taken out: as a whole configuration would do it, and everybody else notices nothing.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use proptest::prelude::*;
use tenantry::{
    Balancer, Budget, BudgetPeriod, CapacitySpec, Config, ManualClock, Outcome, PoolSpec, Rate, Rejection,
    Request, SeatsSpec, TenantSpec, UnknownTenants,
};

const SECOND: Duration = Duration::from_secs(1);

fn config() -> Config {
    let pool = || PoolSpec::new(["http://10.0.0.1:80"]).with_capacity(CapacitySpec::fixed(10_000));
    Config::new().with_pool("api", pool()).with_pool("batch", pool()).with_dimensions(["units"]).with_seed(1)
}

fn balancer(config: Config) -> (Balancer, ManualClock) {
    let clock = ManualClock::new();
    (Balancer::with_clock(config, clock.clone()).expect("usable"), clock)
}

fn rate(cost: u64) -> TenantSpec {
    TenantSpec::new().with_rate(Rate::cost(cost, SECOND))
}

fn run(balancer: &Balancer, id: &str, cost: u64) -> Result<(), Rejection> {
    let lease = balancer.try_acquire(&Request::new(id).pool("api").cost(cost))?;
    lease.finish(Outcome::success());
    Ok(())
}

fn limited(retry_after: Duration) -> Result<(), Rejection> {
    Err(Rejection::RateLimited { retry_after })
}

#[test]
fn what_a_tenant_has_used_stays_used_when_its_terms_change() {
    let (balancer, _) = balancer(config());
    assert_eq!(run(&balancer, "a", 1), Err(Rejection::UnknownTenant));
    balancer.set_tenant("a", &rate(10)).expect("usable");
    assert_eq!(run(&balancer, "a", 10), Ok(()));
    balancer.set_tenant("a", &rate(10).with_weight(7)).expect("usable");
    assert_eq!(run(&balancer, "a", 10), limited(SECOND));
    balancer.set_tenant("a", &rate(100)).expect("usable");
    // Ten are missing, at a hundred a second.
    assert_eq!(run(&balancer, "a", 100), limited(SECOND / 10));
    balancer.set_tenant("a", &TenantSpec::new().with_pools(["batch"])).expect("usable");
    assert_eq!(run(&balancer, "a", 1), Err(Rejection::PoolForbidden));
    assert_eq!(balancer.remove_tenant("a"), Ok(true));
    assert_eq!(balancer.remove_tenant("a"), Ok(false));
    assert_eq!(run(&balancer, "a", 1), Err(Rejection::UnknownTenant));
}

#[test]
fn a_request_that_is_in_flight_while_its_tenant_changes_is_settled_where_it_was_charged() {
    let (balancer, _) = balancer(config().with_tenant("a", rate(10)));
    let lease = balancer.try_acquire(&Request::new("a").pool("api").cost(4)).expect("there is room");
    balancer.set_tenant("a", &rate(100)).expect("usable");
    // Owed at the new rate: 4 + 50 of 100 are used.
    lease.finish(Outcome::success().with_cost(54));
    assert_eq!(run(&balancer, "a", 47), limited(SECOND / 100));
    let lease = balancer.try_acquire(&Request::new("a").pool("api").cost(1)).expect("there is room");
    assert_eq!(balancer.remove_tenant("a"), Ok(true));
    balancer.set_tenant("a", &rate(100)).expect("usable");
    lease.finish(Outcome::success().with_cost(99));
    assert_eq!(run(&balancer, "a", 100), Ok(()), "it was another one's, of the same name");
    assert_eq!(balancer.tenant_stats("a").map(|stats| (stats.in_flight(), stats.completed())), Some((0, 1)));
}

#[test]
fn a_made_tenant_becomes_a_configured_one_and_goes_back_with_what_it_has_used() {
    let made =
        config().with_template("free", rate(10)).with_unknown_tenants(UnknownTenants::template("free", 2));
    let (balancer, clock) = balancer(made);
    assert_eq!(run(&balancer, "a", 10), Ok(()));
    balancer.set_tenant("a", &rate(100)).expect("usable");
    assert_eq!(run(&balancer, "a", 100), limited(SECOND / 10));
    // It is not one of two any more.
    assert_eq!((run(&balancer, "b", 10), run(&balancer, "c", 10)), (Ok(()), Ok(())));
    assert_eq!(balancer.tenant_page(0, 10).tenants().len(), 4);
    assert_eq!(balancer.remove_tenant("b"), Ok(false), "made ones come and go by themselves");
    // There is no room for it among the made ones, but as long as it owes something it goes on as one of them.
    assert_eq!(balancer.remove_tenant("a"), Ok(true));
    assert_eq!(run(&balancer, "a", 1), limited(SECOND / 10));
    balancer.set_tenant("b", &rate(10)).expect("usable");
    assert_eq!(balancer.remove_tenant("b"), Ok(true));
    assert_eq!(run(&balancer, "b", 1), limited(SECOND / 10), "made again, with its debt");
    // Idle, it is evicted as ever, though it was before the hand twice.
    for newcomers in [["d", "e", "f"], ["g", "h", "i"]] {
        clock.advance(1_000 * SECOND);
        for newcomer in newcomers {
            assert_eq!(run(&balancer, newcomer, 1), Ok(()));
        }
    }
    assert!(balancer.tenant_stats("b").is_none());
}

/// Who is configured, how many may be made, and how they are taken out.
type Way<'a> = (&'a [&'a str], u32, &'a dyn Fn(&Balancer));

/// Whoever is taken out where as many are made as may be goes on until it owes nothing, however it was taken out.
#[test]
fn who_owes_something_is_not_forgotten_where_no_more_may_be_made() {
    let made = |most| {
        config().with_template("free", rate(10)).with_unknown_tenants(UnknownTenants::template("free", most))
    };
    let removed = |balancer: &Balancer| {
        for id in ["a", "as new"] {
            assert_eq!(balancer.remove_tenant(id), Ok(true));
        }
    };
    let dropped = |balancer: &Balancer| balancer.reconfigure(made(1)).expect("usable");
    let configured: &[&str] = &["a", "as new"];
    // The last were made themselves, and fewer may be made than are.
    let ways: [Way<'_>; 3] = [(configured, 1, &removed), (configured, 1, &dropped), (&[], 3, &dropped)];
    for (configured, most, take_out) in ways {
        let (balancer, clock) = balancer(made(most));
        for id in configured {
            balancer.set_tenant(id, &rate(10)).expect("usable");
        }
        assert_eq!(run(&balancer, "as new", 10), Ok(()));
        clock.advance(SECOND);
        assert_eq!(run(&balancer, "made", 10), Ok(()));
        assert_eq!(run(&balancer, "a", 10), Ok(()));
        clock.advance(SECOND / 2);
        take_out(&balancer);
        assert!(balancer.tenant_stats("as new").is_none(), "it goes at once");
        for id in ["a", "made"] {
            // Of the ten, five have come back.
            assert_eq!(run(&balancer, id, 10), limited(SECOND / 2), "{id}");
            balancer.set_tenant(id, &rate(10)).expect("usable");
            assert_eq!(run(&balancer, id, 10), limited(SECOND / 2), "{id} is configured again");
        }
    }
}

#[test]
fn a_parents_new_limits_count_for_everybody_beneath_it_at_once() {
    let config = config()
        .with_tenant("top", TenantSpec::new())
        .with_template("free", TenantSpec::new().with_parent("top"))
        .with_unknown_tenants(UnknownTenants::template("free", 10));
    let (balancer, _) = balancer(config);
    balancer.set_tenant("org", &TenantSpec::new().with_parent("top")).expect("usable");
    balancer.set_tenant("team", &TenantSpec::new().with_parent("org")).expect("usable");
    balancer.set_tenant("a", &rate(1_000).with_parent("team")).expect("usable");
    assert_eq!((run(&balancer, "a", 500), run(&balancer, "made", 500)), (Ok(()), Ok(())));
    balancer.set_tenant("top", &rate(100)).expect("usable");
    assert_eq!(run(&balancer, "a", 60), Ok(()));
    assert_eq!(run(&balancer, "made", 60), limited(SECOND / 5));
    balancer.set_tenant("org", &rate(30).with_parent("top")).expect("usable");
    let parents = |id| {
        let limits = balancer.limits_of(id).expect("it is there");
        limits.iter().map(|limit| limit.parent().map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(parents("a"), [None, Some("org".to_owned()), Some("top".to_owned())]);
    assert_eq!(parents("made"), [Some("top".to_owned())]);
    assert_eq!(run(&balancer, "a", 31), Err(Rejection::CostTooHigh { limit: 30 }));
    balancer.set_tenant("top", &TenantSpec::new()).expect("usable");
    assert_eq!(parents("a"), [None, Some("org".to_owned())]);
    assert_eq!((run(&balancer, "made", 1_000), run(&balancer, "a", 30)), (Ok(()), Ok(())));
}

#[test]
fn what_cannot_be_done_changes_nothing_and_says_what_to_do() {
    let config = config()
        .with_tenant("org", TenantSpec::new())
        .with_tenant("a", rate(10).with_parent("org"))
        .with_tenant(
            "shared",
            TenantSpec::new().with_seats(SeatsSpec::none().with_max(tenantry::Amount::Seats(3))),
        );
    let (balancer, _) = balancer(config);
    let set = |id: &str, spec: TenantSpec| {
        balancer.set_tenant(id, &spec).expect_err("it cannot be done").to_string()
    };
    let seats = SeatsSpec::none().with_max(tenantry::Amount::Seats(1));
    for (message, part) in [
        (set("", TenantSpec::new()), "tenants"),
        (set("(other)", TenantSpec::new()), "statistics use this one"),
        (set("a", TenantSpec::new().with_weight(0)), "tenants.a.weight"),
        (set("a", TenantSpec::new().with_pools(["nowhere"])), "tenants.a.pools[0]"),
        (set("a", TenantSpec::new().with_parent("nobody")), "tenants.a.parent"),
        (set("new", TenantSpec::new().with_parent("new")), "tenants.new.parent"),
        (set("org", TenantSpec::new().with_parent("a")), "reconfigure"),
        (set("new", TenantSpec::new().with_seats(seats)), "tenants.new.seats"),
        (set("shared", TenantSpec::new()), "share of the seats"),
        (set("new", TenantSpec::new().with_parent("shared")), "share of the seats"),
        (balancer.remove_tenant("org").expect_err("a is beneath it").to_string(), "beneath it"),
        (balancer.remove_tenant("shared").expect_err("it has seats").to_string(), "seats"),
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!((run(&balancer, "a", 10), run(&balancer, "new", 1)), (Ok(()), Err(Rejection::UnknownTenant)));
    // A tree of eight is the deepest.
    let name = |depth: usize| if depth == 0 { "a".to_owned() } else { format!("a{depth}") };
    for depth in 1..7 {
        balancer
            .set_tenant(&name(depth), &TenantSpec::new().with_parent(name(depth - 1)))
            .expect("not too deep");
    }
    assert!(set("deeper", TenantSpec::new().with_parent(name(6))).contains("at most 8"));
    assert_eq!((balancer.remove_tenant(&name(6)), balancer.remove_tenant(&name(5))), (Ok(true), Ok(true)));
}

#[test]
fn thousands_come_and_go_and_slots_are_used_again() {
    let (balancer, _) = balancer(config());
    let id = |n: u32| format!("tenant {n}");
    for round in 0..3 {
        for n in 0..3_000 {
            // Terms that nobody has had before: the old ones are forgotten.
            balancer.set_tenant(&id(n), &rate(u64::from(1 + n + 3_000 * round))).expect("usable");
        }
        for n in 0..3_000 {
            let amount = u64::from(1 + n + 3_000 * round);
            assert_eq!(balancer.limits_of(&id(n)).expect("it is there")[0].amount(), amount);
        }
        for n in 0..3_000 {
            assert_eq!(balancer.remove_tenant(&id(n)), Ok(true));
        }
    }
    assert!(balancer.tenant_page(0, 1_000).tenants().is_empty());
    balancer.set_tenant("last", &TenantSpec::new()).expect("usable");
    let mut start = Some(0);
    let mut slots = 0;
    while let Some(from) = start {
        start = balancer.tenant_page(from, 1_000).next();
        slots = start.unwrap_or(slots).max(slots);
    }
    assert!(slots <= 3_000, "{slots} slots for 3 000 tenants at most");
}

#[test]
fn nobody_else_notices() {
    let steady = || rate(1_000_000_000).with_parent("org");
    let (balancer, _) =
        balancer(config().with_tenant("org", TenantSpec::new()).with_tenant("steady", steady()));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..3_000_u64 {
                let id = format!("guest {}", round % 300);
                balancer.set_tenant(&id, &rate(1 + round).with_parent("org")).expect("usable");
                if round % 3 == 0 {
                    balancer.remove_tenant(&id).expect("nobody is beneath it");
                }
                if round % 100 == 0 {
                    balancer.set_tenant("org", &rate(1_000_000_000 + round)).expect("usable");
                    balancer
                        .set_tenant("steady", &steady().with_weight(1 + (round % 7) as u32))
                        .expect("usable");
                }
            }
            done.store(true, Ordering::Release);
        });
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                assert_eq!(run(&balancer, "steady", 1), Ok(()));
            }
        });
    });
    let org = balancer.tenant_stats("org").expect("it is there");
    assert_eq!((org.in_flight(), org.beneath()), (0, 0));
    let steady = balancer.tenant_stats("steady").expect("it is there");
    assert_eq!((steady.in_flight(), steady.rejected()), (0, 0));
}

/// What happens to a balancer and to its oracle.
#[derive(Clone, Debug)]
enum Step {
    Set { id: usize, parent: Option<usize>, cost: Option<u64>, budget: Option<u64>, cap: Option<u32> },
    Remove(usize),
    Run { id: usize, cost: u64, actual: u64 },
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let terms = (
        0_usize..IDS.len(),
        prop::option::of(0_usize..IDS.len()),
        prop::option::of(1_u64..100),
        prop::option::of(50_u64..300),
        prop::option::of(1_u32..4),
    );
    prop_oneof![
        2 => terms.prop_map(|(id, parent, cost, budget, cap)| Step::Set { id, parent, cost, budget, cap }),
        1 => (0_usize..IDS.len()).prop_map(Step::Remove),
        6 => (0_usize..IDS.len(), 1_u64..40, 0_u64..80).prop_map(|(id, cost, actual)| Step::Run { id, cost, actual }),
        2 => (0_u64..800).prop_map(Step::Wait),
    ]
}

const IDS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

fn spec_of(parent: Option<usize>, cost: Option<u64>, budget: Option<u64>, cap: Option<u32>) -> TenantSpec {
    let mut spec = TenantSpec::new();
    spec = parent.into_iter().fold(spec, |spec, parent| spec.with_parent(IDS[parent]));
    spec = cost.into_iter().fold(spec, |spec, cost| spec.with_rate(Rate::cost(cost, SECOND)));
    spec =
        budget.into_iter().fold(spec, |spec, all| spec.with_budget(Budget::cost(all, BudgetPeriod::Minute)));
    cap.into_iter().fold(spec, TenantSpec::with_max_in_flight)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The oracle is told the whole configuration after every change.
    #[test]
    fn one_tenant_at_a_time_is_as_all_of_them_at_once(made: bool, steps in prop::collection::vec(step(), 1..80)) {
        let start = if made {
            config().with_template("free", rate(50)).with_unknown_tenants(UnknownTenants::template("free", 100))
        } else {
            config()
        };
        let clock = ManualClock::new();
        let ours = Balancer::with_clock(start.clone(), clock.clone()).expect("usable");
        let oracle = Balancer::with_clock(start.clone(), clock.clone()).expect("usable");
        let mut tenants: std::collections::BTreeMap<usize, TenantSpec> = std::collections::BTreeMap::new();
        for step in steps {
            let mut next = tenants.clone();
            let changed = match &step {
                Step::Set { id, parent, cost, budget, cap } => {
                    let spec = spec_of(*parent, *cost, *budget, *cap);
                    next.insert(*id, spec.clone());
                    ours.set_tenant(IDS[*id], &spec).is_ok()
                }
                Step::Remove(id) => next.remove(id).is_some() && ours.remove_tenant(IDS[*id]) == Ok(true),
                Step::Run { id, cost, actual } => {
                    let settle = |balancer: &Balancer| {
                        let lease = balancer.try_acquire(&Request::new(IDS[*id]).pool("api").cost(*cost))?;
                        lease.finish(Outcome::success().with_cost(*actual));
                        Ok::<(), Rejection>(())
                    };
                    prop_assert_eq!(settle(&ours), settle(&oracle), "{:?}", step);
                    false
                }
                Step::Wait(millis) => {
                    clock.advance(Duration::from_millis(*millis));
                    false
                }
            };
            if changed {
                let config = next.iter().fold(start.clone(), |config, (&id, spec)| config.with_tenant(IDS[id], spec.clone()));
                prop_assert!(oracle.reconfigure(config).is_ok(), "{:?} was allowed", step);
                tenants = next;
            }
            for id in IDS {
                prop_assert_eq!(ours.limits_of(id), oracle.limits_of(id), "{} after {:?}", id, step);
            }
        }
    }
}

#[test]
fn a_handle_is_as_good_as_the_id_whatever_happens_to_the_tenant() {
    let (balancer, _) = balancer(config());
    let (handle, long) = (balancer.handle_of("a"), "x".repeat(100));
    let (long, nobody) = (balancer.handle_of(&long), balancer.handle_of(""));
    assert_eq!(handle.id(), "a");
    for _ in 0..2 {
        assert_eq!(balancer.check(&Request::of(&handle)), Err(Rejection::UnknownTenant));
        for handle in [&handle, &long] {
            balancer.set_tenant(handle.id(), &rate(10)).expect("usable");
            assert_eq!(balancer.check(&Request::of(handle).cost(10)), Ok(()));
            assert_eq!(run(&balancer, handle.id(), 10), limited(SECOND));
            assert_eq!(balancer.remove_tenant(handle.id()), Ok(true));
        }
        assert_eq!(balancer.check(&Request::of(&nobody)), Err(Rejection::UnknownTenant));
    }
    // Another balancer hashes otherwise.
    let (other, _) = self::balancer(config().with_tenant("a", rate(10)));
    assert_eq!(other.check(&Request::of(&handle).cost(10)), Ok(()));
    assert_eq!(run(&other, "a", 1), limited(SECOND / 10));
}

#[test]
fn a_check_is_limited_as_a_request_that_is_over_at_once() {
    let spec = rate(10)
        .with_max_in_flight(1)
        .with_pools(["api"])
        .with_budget(Budget::requests(3, BudgetPeriod::Day));
    let (balancer, _) = balancer(config().with_tenant("a", spec));
    let check = |pool: Option<&str>, cost| {
        let request = Request::new("a").cost(cost);
        balancer.check(&pool.map_or(request, |pool| request.pool(pool)))
    };
    assert_eq!((check(None, 4), check(Some("api"), 4)), (Ok(()), Ok(())));
    assert_eq!(check(Some("batch"), 1), Err(Rejection::PoolForbidden));
    assert_eq!(check(Some("nowhere"), 1), Err(Rejection::UnknownPool));
    assert_eq!(check(None, 3), limited(SECOND / 10));
    assert_eq!(check(None, 11), Err(Rejection::CostTooHigh { limit: 10 }));
    let lease = balancer.try_acquire(&Request::new("a").pool("api")).expect("there is room");
    assert_eq!(check(None, 1), Err(Rejection::TooManyInFlight { limit: 1 }));
    drop(lease);
    assert!(matches!(check(None, 1), Err(Rejection::BudgetExhausted { .. })));
    let stats = balancer.tenant_stats("a").expect("it is there");
    assert_eq!((stats.in_flight(), stats.completed(), stats.rejected()), (0, 3, 5));
}
