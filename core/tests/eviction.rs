//! Made tenants that have gone idle give their places to newcomers, and that never refills a quota (invariants 5 and 10).

use std::{collections::HashMap, thread, time::Duration};

use proptest::prelude::*;
use tenantry::{
    Balancer, CapacitySpec, Config, ManualClock, Outcome, PoolSpec, Rate, Rejection, Request, TenantSpec,
    UnknownTenants,
};

const IDLE: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);

fn config(most: u32, template: TenantSpec) -> Config {
    Config::new()
        .with_seed(1)
        .with_pool("api", PoolSpec::new(["x"]).with_capacity(CapacitySpec::fixed(10_000)))
        .with_template("free", template)
        .with_unknown_tenants(UnknownTenants::template("free", most).with_idle(IDLE))
}

fn balancer(most: u32, template: TenantSpec) -> (Balancer, ManualClock) {
    let clock = ManualClock::new();
    (Balancer::with_clock(config(most, template), clock.clone()).expect("usable"), clock)
}

fn ask(balancer: &Balancer, id: &str) -> Option<Rejection> {
    balancer.try_acquire(&Request::new(id)).map(drop).err()
}

/// Whether it is a tenant of its own now.
fn is_made(balancer: &Balancer, id: &str) -> bool {
    balancer.tenant_stats(id).is_some()
}

#[test]
fn the_idle_make_room_for_newcomers_and_nobody_else_does() {
    let (balancer, clock) = balancer(2, TenantSpec::new());
    assert_eq!([ask(&balancer, "a"), ask(&balancer, "b"), ask(&balancer, "c")], [None; 3]);
    assert!(is_made(&balancer, "a") && is_made(&balancer, "b") && !is_made(&balancer, "c"));
    clock.advance(IDLE / 2);
    ask(&balancer, "a");
    clock.advance(IDLE / 2);
    // One look notices who has asked meanwhile, and who has not for long enough.
    ask(&balancer, "c");
    assert!(is_made(&balancer, "a") && !is_made(&balancer, "b") && is_made(&balancer, "c"));
}

#[test]
fn whoever_has_something_inside_stays() {
    let (balancer, clock) = balancer(1, TenantSpec::new());
    let lease = balancer.try_acquire(&Request::new("a")).expect("free");
    for _ in 0..4 {
        clock.advance(IDLE * 2);
        ask(&balancer, "b");
        assert!(is_made(&balancer, "a") && !is_made(&balancer, "b"));
    }
    lease.finish(Outcome::success());
    // The first look sees that something has happened, the second that nothing has since.
    for _ in 0..2 {
        clock.advance(IDLE);
        ask(&balancer, "b");
    }
    assert!(!is_made(&balancer, "a") && is_made(&balancer, "b"));
}

#[test]
fn debt_is_kept_until_it_has_drained() {
    let (balancer, clock) = balancer(1, TenantSpec::new().with_rate(Rate::cost(1, SECOND).with_burst(5)));
    let lease = balancer.try_acquire(&Request::new("a")).expect("free");
    lease.finish(Outcome::success().with_cost(100));
    clock.advance(Duration::from_secs(99));
    ask(&balancer, "b");
    assert!(is_made(&balancer, "a"), "one unit of its debt is left");
    assert_eq!(ask(&balancer, "a"), None, "four of five are there");
    clock.advance(Duration::from_secs(99));
    ask(&balancer, "b");
    clock.advance(Duration::from_secs(99));
    ask(&balancer, "b");
    assert!(!is_made(&balancer, "a") && is_made(&balancer, "b"));
}

#[test]
fn they_are_evicted_also_while_there_is_room() {
    let (balancer, clock) = balancer(1_000, TenantSpec::new());
    for burst in 0..20 {
        for n in 0..50 {
            ask(&balancer, &format!("{burst}-{n}"));
        }
        clock.advance(IDLE);
    }
    let made = (0..20).flat_map(|burst| (0..50).map(move |n| format!("{burst}-{n}")));
    let made = made.filter(|id| is_made(&balancer, id)).count();
    assert!(made <= 250, "{made} of 1000 that came are still there");
}

#[test]
fn an_update_keeps_the_made_ones_and_they_can_still_be_evicted() {
    let (balancer, clock) = balancer(3, TenantSpec::new());
    ask(&balancer, "a");
    ask(&balancer, &"a-long-id-".repeat(20));
    balancer.reconfigure(config(3, TenantSpec::new().with_weight(2))).expect("usable");
    assert!(is_made(&balancer, "a"));
    // One look notices what was asked since the last one; the second comes an idle time later.
    for newcomer in ["b", "c"] {
        clock.advance(IDLE * 2);
        ask(&balancer, newcomer);
    }
    clock.advance(IDLE * 2);
    ask(&balancer, "d");
    assert!(!is_made(&balancer, "a") && !is_made(&balancer, &"a-long-id-".repeat(20)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever comes and goes: as a tenant of its own nobody ever gets more than burst + rate · t, and the bound on made tenants
    /// holds. With so few places, ids collide and entries move all the time.
    #[test]
    fn eviction_never_refills(
        most in 1_u32..6,
        steps in prop::collection::vec((0_usize..12, 0_u64..4_000, 0_u64..9), 1..300),
    ) {
        let spec = TenantSpec::new().with_rate(Rate::cost(2, SECOND).with_burst(20));
        let (balancer, clock) = balancer(most, spec);
        let ids: Vec<String> = (0..12).map(|n| format!("id-{n}")).collect();
        let mut log: HashMap<usize, Vec<(u64, u64)>> = HashMap::new();
        let mut now = 0;
        for (which, gap, cost) in steps {
            clock.advance(Duration::from_millis(gap));
            now += gap;
            prop_assert!(uses(&balancer, &ids[which], cost, (log.entry(which).or_default(), now)), "{log:?} at {now}");
            let made = ids.iter().filter(|id| is_made(&balancer, id)).count();
            prop_assert!(made <= most as usize, "{made} of {most}");
        }
    }
}

/// Asks for this cost and uses three times as much; whether what passed was in order. What it declared had to fit; what it really cost is owed, and counts from here on.
fn uses(balancer: &Balancer, id: &str, cost: u64, (used, now): (&mut Vec<(u64, u64)>, u64)) -> bool {
    let passed = balancer.try_acquire(&Request::new(id).cost(cost.max(1)));
    let settled = passed.map(|lease| lease.finish(Outcome::success().with_cost(cost * 3))).is_ok();
    if !settled || !is_made(balancer, id) {
        return true;
    }
    let was_due = fits(used, cost.max(1), now);
    used.push((now, cost * 3));
    was_due
}

/// Whether a request of this cost at this millisecond keeps to two units a second and 20 at once, after what was used before.
fn fits(used: &[(u64, u64)], cost: u64, now: u64) -> bool {
    (0..used.len()).all(|first| {
        let ran = used[first..].iter().map(|(_, cost)| cost).sum::<u64>() + cost;
        ran * 1_000 <= 20_000 + 2 * (now - used[first].0)
    })
}

/// What an operator does to a tenant in between.
#[derive(Clone, Copy, Debug)]
enum Operator {
    Nothing,
    Sets,
    Removes,
    Reconfigures { most: u32 },
}

fn operator() -> impl Strategy<Value = Operator> {
    prop_oneof![
        5 => Just(Operator::Nothing),
        1 => Just(Operator::Sets),
        1 => Just(Operator::Removes),
        1 => (1_u32..6).prop_map(|most| Operator::Reconfigures { most }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Nor do operators who configure tenants, take them out, and let fewer be made: who is made, or configured, never gets more than
    /// burst + rate · t, whatever it was before.
    #[test]
    fn operators_never_refill(
        most in 1_u32..6,
        steps in prop::collection::vec((0_usize..12, 0_u64..4_000, 0_u64..9, operator()), 1..300),
    ) {
        let spec = TenantSpec::new().with_rate(Rate::cost(2, SECOND).with_burst(20));
        let (balancer, clock) = balancer(most, spec.clone());
        let ids: Vec<String> = (0..12).map(|n| format!("id-{n}")).collect();
        let mut log: HashMap<usize, Vec<(u64, u64)>> = HashMap::new();
        let mut now = 0;
        for (which, gap, cost, operator) in steps {
            clock.advance(Duration::from_millis(gap));
            now += gap;
            match operator {
                Operator::Nothing => {}
                Operator::Sets => balancer.set_tenant(&ids[which], &spec).expect("usable"),
                Operator::Removes => drop(balancer.remove_tenant(&ids[which]).expect("nothing is in the way")),
                Operator::Reconfigures { most } => {
                    balancer.reconfigure(config(most, spec.clone())).expect("usable");
                }
            }
            prop_assert!(uses(&balancer, &ids[which], cost, (log.entry(which).or_default(), now)), "{log:?} at {now}");
        }
    }
}

/// Several threads make and evict; one tenant that always has something inside is found every time.
#[test]
fn threads_make_and_evict_and_lose_nobody() {
    let (balancer, clock) = balancer(8, TenantSpec::new());
    let regular = balancer.try_acquire(&Request::new("regular")).expect("free");
    thread::scope(|scope| {
        for thread in 0..3 {
            let (balancer, clock) = (&balancer, &clock);
            scope.spawn(move || {
                for step in 0..20_000_u32 {
                    let id = format!("id-{}", step.wrapping_mul(2_654_435_761 + thread) >> 27);
                    drop(balancer.try_acquire(&Request::new(&id)));
                    clock.advance(IDLE / 10);
                }
            });
        }
        for _ in 0..20_000 {
            drop(balancer.try_acquire(&Request::new("regular")));
            assert!(is_made(&balancer, "regular"));
        }
    });
    let regular_stats = balancer.tenant_stats("regular").expect("it has something inside");
    assert_eq!(
        (regular_stats.in_flight(), regular_stats.completed()),
        (1, 20_000),
        "none went to the overflow"
    );
    drop(regular);
    let stats = balancer.stats();
    assert!(stats.tenants().len() <= 9, "{stats:?}");
    assert!(stats.tenants().iter().all(|tenant| tenant.in_flight() == 0), "{stats:?}");
}

#[test]
fn pages_list_everybody_once_while_others_come_and_go() {
    let (balancer, clock) = balancer(500, TenantSpec::new());
    let stay: Vec<String> = (0..100).map(|n| format!("stays-{n}")).collect();
    let held: Vec<_> = stay.iter().map(|id| balancer.try_acquire(&Request::new(id)).expect("free")).collect();
    let (mut listed, mut start, mut round) = (vec![], Some(0), 0);
    while let Some(from) = start {
        let page = balancer.tenant_page(from, 7);
        assert!(page.tenants().len() <= 7);
        listed.extend(page.tenants().iter().map(|tenant| tenant.id().to_owned()));
        start = page.next();
        round += 1;
        // Evicts those of the rounds before: entries move.
        for n in 0..10 {
            ask(&balancer, &format!("comes-{round}-{n}"));
        }
        clock.advance(IDLE);
    }
    listed.retain(|id| id.starts_with("stays-"));
    listed.sort_unstable();
    let mut expected = stay.clone();
    expected.sort_unstable();
    assert_eq!(listed, expected);
    drop(held);
}

#[test]
fn updates_do_not_keep_the_idle_alive() {
    let (balancer, clock) = balancer(1, TenantSpec::new());
    ask(&balancer, "a");
    // Sees what "a" has asked.
    ask(&balancer, "b");
    for round in 0..4 {
        clock.advance(IDLE / 4);
        balancer.reconfigure(config(1, TenantSpec::new().with_weight(2 + round))).expect("usable");
    }
    ask(&balancer, "b");
    assert!(!is_made(&balancer, "a") && is_made(&balancer, "b"));
}
