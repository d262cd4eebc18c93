//! The tree of limits: every parent is asked, the strictest wins, and it is all or nothing (invariant 6).

use std::{
    sync::{
        Barrier,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use proptest::prelude::*;
use tenantry::{
    Balancer, CapacitySpec, Config, ManualClock, Outcome, PoolSpec, Rate, Rejection, Request, TenantSpec,
    UnknownTenants,
};

const SECOND: Duration = Duration::from_secs(1);

fn config(tenants: &[(&str, TenantSpec)]) -> Config {
    let pool = PoolSpec::new(["x"]).with_capacity(CapacitySpec::fixed(1_000));
    let base = Config::new().with_seed(1).with_pool("api", pool);
    tenants.iter().fold(base, |config, (id, spec)| config.with_tenant(*id, spec.clone()))
}

fn balancer(tenants: &[(&str, TenantSpec)]) -> (Balancer, ManualClock) {
    let clock = ManualClock::new();
    (Balancer::with_clock(config(tenants), clock.clone()).expect("usable"), clock)
}

fn spec() -> TenantSpec {
    TenantSpec::new()
}

fn ask(balancer: &Balancer, id: &str, cost: u64) -> Option<Rejection> {
    balancer.try_acquire(&Request::new(id).cost(cost)).map(drop).err()
}

#[test]
fn a_refusal_above_consumes_nothing_below_and_one_below_nothing_above() {
    let (balancer, clock) = balancer(&[
        ("org", spec().with_rate(Rate::cost(10, SECOND))),
        ("team", spec().with_parent("org").with_rate(Rate::cost(100, SECOND))),
        ("key", spec().with_parent("team").with_rate(Rate::cost(40, SECOND))),
        ("other", spec().with_parent("org").with_rate(Rate::cost(2, SECOND))),
    ]);
    assert_eq!(ask(&balancer, "key", 8), None);
    // Two are left above, 32 of its own.
    let wait = Duration::from_millis(300);
    assert_eq!(ask(&balancer, "key", 5), Some(Rejection::RateLimited { retry_after: wait }));
    assert_eq!(ask(&balancer, "other", 2), None, "the refused request took nothing from the org");
    assert_eq!(ask(&balancer, "other", 2), Some(Rejection::RateLimited { retry_after: SECOND }));
    clock.advance(wait + Duration::from_millis(200));
    // Of its own 37 are there: the refused requests took none of them.
    assert_eq!(ask(&balancer, "key", 5), None);
    assert_eq!(
        ask(&balancer, "key", 11),
        Some(Rejection::CostTooHigh { limit: 10 }),
        "for ever too much above"
    );
}

#[test]
fn a_cap_above_counts_everybody_beneath_it_and_itself() {
    let (balancer, _) = balancer(&[
        ("org", spec().with_max_in_flight(3)),
        ("team", spec().with_parent("org")),
        ("a", spec().with_parent("team")),
        ("b", spec().with_parent("team").with_max_in_flight(1)),
    ]);
    let a = balancer.try_acquire(&Request::new("a")).expect("one");
    let b = balancer.try_acquire(&Request::new("b")).expect("two");
    assert_eq!(
        ask(&balancer, "b", 1),
        Some(Rejection::TooManyInFlight { limit: 1 }),
        "its own is asked first"
    );
    let own = balancer.try_acquire(&Request::new("org")).expect("three");
    let full = Some(Rejection::TooManyInFlight { limit: 3 });
    assert_eq!([ask(&balancer, "a", 1), ask(&balancer, "org", 1)], [full, full]);
    let org = balancer.tenant_stats("org").expect("it is configured");
    assert_eq!((org.in_flight(), org.beneath()), (1, 2));
    drop(b);
    assert_eq!(ask(&balancer, "a", 1), None);
    drop((a, own));
    let org = balancer.tenant_stats("org").expect("it is configured");
    assert_eq!((org.in_flight(), org.beneath()), (0, 0));
}

#[test]
fn what_a_request_really_cost_is_owed_at_every_level() {
    let (balancer, clock) = balancer(&[
        ("org", spec().with_rate(Rate::cost(100, SECOND))),
        ("a", spec().with_parent("org")),
        ("b", spec().with_parent("org")),
    ]);
    let lease = balancer.try_acquire(&Request::new("a").cost(10)).expect("full");
    lease.finish(Outcome::success().with_cost(250));
    // 150 more than there was.
    let wait = Duration::from_millis(1_510);
    assert_eq!(ask(&balancer, "b", 1), Some(Rejection::RateLimited { retry_after: wait }));
    clock.advance(wait);
    assert_eq!(ask(&balancer, "b", 1), None);
}

#[test]
fn made_tenants_stand_beneath_the_parent_of_their_template() {
    let config = config(&[("trial", spec().with_max_in_flight(2))])
        .with_template("free", spec().with_parent("trial"))
        .with_unknown_tenants(UnknownTenants::template("free", 2));
    let balancer = Balancer::new(config).expect("usable");
    let leases: Vec<_> = ["one", "two", "three"].map(|id| balancer.try_acquire(&Request::new(id))).into();
    let refused = leases.iter().filter(|lease| lease.is_err()).count();
    assert_eq!(refused, 1, "also the one that newcomers past the bound share: {leases:?}");
}

#[test]
fn a_tenant_that_moves_leaves_the_parent_that_it_came_by() {
    let tenants = |parent: &str| {
        config(&[
            ("here", spec().with_max_in_flight(1).with_rate(Rate::cost(100, SECOND))),
            ("there", spec().with_max_in_flight(1).with_rate(Rate::cost(100, SECOND))),
            ("a", spec().with_parent(parent)),
        ])
    };
    let balancer = Balancer::with_clock(tenants("here"), ManualClock::new()).expect("usable");
    let beneath = |id| balancer.tenant_stats(id).expect("it is configured").beneath();
    let lease = balancer.try_acquire(&Request::new("a").cost(10)).expect("free");
    balancer.reconfigure(tenants("there")).expect("usable");
    let second = balancer.try_acquire(&Request::new("a").cost(10)).expect("free there");
    assert_eq!((beneath("here"), beneath("there")), (1, 1));
    lease.finish(Outcome::success().with_cost(60));
    assert_eq!((beneath("here"), beneath("there")), (0, 1));
    drop(second);
    assert_eq!(beneath("there"), 0);
    // What it cost was owed where it was charged.
    assert_eq!(ask(&balancer, "here", 40), None);
    assert_eq!(ask(&balancer, "here", 1), Some(Rejection::RateLimited { retry_after: SECOND / 100 }));
    assert_eq!(ask(&balancer, "there", 90), None);
}

#[test]
fn a_parent_that_is_gone_limits_nobody_and_is_not_given_away_while_somebody_is_beneath() {
    let with = config(&[("org", spec().with_max_in_flight(1)), ("a", spec().with_parent("org"))]);
    let balancer = Balancer::new(with.clone()).expect("usable");
    let lease = balancer.try_acquire(&Request::new("a")).expect("free");
    balancer.reconfigure(config(&[("a", spec()), ("new", spec().with_max_in_flight(1))])).expect("usable");
    assert_eq!([ask(&balancer, "a", 1), ask(&balancer, "new", 1)], [None, None]);
    drop(lease);
    assert_eq!(balancer.tenant_stats("new").expect("it is configured").beneath(), 0);
    balancer.reconfigure(with).expect("usable");
    let lease = balancer.try_acquire(&Request::new("a")).expect("free");
    assert_eq!(ask(&balancer, "a", 1), Some(Rejection::TooManyInFlight { limit: 1 }));
    drop(lease);
}

/// The published over-admission case: 100 units a minute; 500 requests at once that declare 20 and cost 175.
#[test]
fn five_hundred_at_once_never_pass_more_than_the_limit_and_all_of_what_they_cost_is_owed() {
    let minute = Duration::from_secs(60);
    let (balancer, clock) =
        balancer(&[("org", spec().with_rate(Rate::cost(100, minute))), ("a", spec().with_parent("org"))]);
    let (admitted, barrier) = (AtomicU32::new(0), Barrier::new(10));
    thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| {
                barrier.wait();
                let leases: Vec<_> =
                    (0..50).filter_map(|_| balancer.try_acquire(&Request::new("a").cost(20)).ok()).collect();
                admitted.fetch_add(u32::try_from(leases.len()).expect("few"), Ordering::Relaxed);
                barrier.wait();
                leases.into_iter().for_each(|lease| lease.finish(Outcome::success().with_cost(175)));
            });
        }
    });
    assert_eq!(admitted.into_inner(), 5, "five times 20 are the limit");
    // 875 were used, 100 were there: 775 are owed, and the next 20 come 795 units later.
    let wait = minute * 795 / 100;
    assert_eq!(ask(&balancer, "a", 20), Some(Rejection::RateLimited { retry_after: wait }));
    clock.advance(wait);
    assert_eq!(ask(&balancer, "a", 20), None);
}

/// A tree as numbers draw it: node 0 is the root, each other one's parent comes before it.
#[derive(Clone, Debug)]
struct Node {
    parent: usize,
    cap: Option<u32>,
    /// Units per second and burst, by cost.
    rate: Option<(u64, u64)>,
}

fn trees() -> impl Strategy<Value = Vec<Node>> {
    let rates = prop::option::of((prop::sample::select(vec![1_u64, 2, 5, 10, 50]), 1_u64..20));
    let node = (any::<prop::sample::Index>(), prop::option::of(1_u32..5), rates);
    prop::collection::vec(node, 1..8).prop_map(|drawn| {
        let nodes = drawn.into_iter().enumerate();
        nodes
            .map(|(at, (parent, cap, rate))| Node {
                parent: if at == 0 { 0 } else { parent.index(at) },
                cap,
                rate,
            })
            .collect()
    })
}

const IDS: [&str; 8] = ["n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7"];

/// What a request costs and does: as whole numbers and lists, one step at a time.
struct Oracle {
    nodes: Vec<Node>,
    inside: Vec<u32>,
    /// When each is full again, in nanoseconds.
    full_at: Vec<u64>,
}

impl Oracle {
    fn new(nodes: &[Node]) -> Self {
        Self { nodes: nodes.to_vec(), inside: vec![0; nodes.len()], full_at: vec![0; nodes.len()] }
    }

    /// From a node to the root.
    fn way(&self, node: usize) -> Vec<usize> {
        let up = |&at: &usize| (at != 0).then(|| self.nodes[at].parent);
        std::iter::successors(Some(node), up).collect()
    }

    fn ask(&mut self, node: usize, cost: u64, now: u64) -> Option<Rejection> {
        let way = self.way(node);
        for &at in &way {
            if let Some(limit) = self.nodes[at].cap.filter(|&cap| self.inside[at] >= cap) {
                return Some(Rejection::TooManyInFlight { limit });
            }
        }
        let limited = || way.iter().filter_map(|&at| Some((at, self.nodes[at].rate?)));
        if let Some(limit) = limited().map(|(_, (_, burst))| burst).filter(|&burst| cost > burst).min() {
            return Some(Rejection::CostTooHigh { limit });
        }
        let wait = |(at, (amount, burst)): (usize, (u64, u64))| {
            let unit = 1_000_000_000 / amount;
            (self.full_at[at].max(now) + cost * unit).saturating_sub(now + burst * unit)
        };
        let longest = limited().map(wait).max().unwrap_or(0);
        if longest > 0 {
            return Some(Rejection::RateLimited { retry_after: Duration::from_nanos(longest) });
        }
        self.owe(node, cost, now);
        way.iter().for_each(|&at| self.inside[at] += 1);
        None
    }

    fn owe(&mut self, node: usize, cost: u64, now: u64) {
        for at in self.way(node) {
            if let Some((amount, _)) = self.nodes[at].rate {
                self.full_at[at] = self.full_at[at].max(now) + cost * (1_000_000_000 / amount);
            }
        }
    }

    fn leave(&mut self, node: usize) {
        self.way(node).into_iter().for_each(|at| self.inside[at] -= 1);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Every decision and every `retry_after` as a slow oracle has them; so no ancestor ever exceeds its limit, and a refusal
    /// leaves every counter as it was.
    #[test]
    fn decides_as_the_oracle(
        nodes in trees(),
        steps in prop::collection::vec((0_u8..10, 0_usize..8, 1_u64..12, 0_u64..400_000_000), 1..120),
    ) {
        let mut tenants = vec![];
        for (at, node) in nodes.iter().enumerate() {
            let mut spec = TenantSpec::new();
            if at > 0 { spec = spec.with_parent(IDS[node.parent]); }
            if let Some(cap) = node.cap { spec = spec.with_max_in_flight(cap); }
            if let Some((amount, burst)) = node.rate { spec = spec.with_rate(Rate::cost(amount, SECOND).with_burst(burst)); }
            tenants.push((IDS[at], spec));
        }
        let (balancer, clock) = balancer(&tenants);
        let (mut oracle, mut leases, mut now) = (Oracle::new(&nodes), vec![], 0);
        for (what, which, cost, gap) in steps {
            clock.advance(Duration::from_nanos(gap));
            now += gap;
            if what < 7 {
                let node = which % nodes.len();
                let lease = balancer.try_acquire_owned(&Request::new(IDS[node]).cost(cost));
                prop_assert_eq!(lease.as_ref().err().copied(), oracle.ask(node, cost, now), "{} asks for {}", node, cost);
                leases.extend(lease.ok().map(|lease| (node, cost, lease)));
            } else if !leases.is_empty() {
                let (node, reserved, lease) = leases.swap_remove(which % leases.len());
                oracle.leave(node);
                if what == 7 {
                    lease.finish(Outcome::success().with_cost(reserved + cost));
                    oracle.owe(node, cost, now);
                } else {
                    drop(lease);
                }
            }
        }
        leases.clear();
        for id in IDS.iter().take(nodes.len()) {
            let stats = balancer.tenant_stats(id).expect("it is configured");
            prop_assert_eq!((stats.in_flight(), stats.beneath()), (0, 0));
        }
    }
}

fn hold_for_a_moment(inside: &[AtomicU32], caps: &[u32]) {
    for (inside, cap) in inside.iter().zip(caps) {
        assert!(inside.fetch_add(1, Ordering::SeqCst) < *cap);
    }
    inside.iter().zip(caps).for_each(|(inside, _)| {
        inside.fetch_sub(1, Ordering::SeqCst);
    });
}

/// From several threads: never more inside than the cap above allows, and nothing is left at the end.
#[test]
fn threads_never_exceed_the_cap_above() {
    let member = || spec().with_parent("team");
    let (balancer, _) = balancer(&[
        ("org", spec().with_max_in_flight(3)),
        ("team", spec().with_parent("org").with_max_in_flight(2)),
        ("a", member()),
        ("b", member()),
        ("c", spec().with_parent("org")),
    ]);
    let inside = [AtomicU32::new(0), AtomicU32::new(0)];
    thread::scope(|scope| {
        for (id, caps) in [("a", &[3, 2][..]), ("b", &[3, 2]), ("c", &[3]), ("a", &[3, 2])] {
            let (balancer, inside) = (&balancer, &inside);
            scope.spawn(move || {
                let leases = (0..20_000).filter_map(|_| balancer.try_acquire(&Request::new(id)).ok());
                leases.for_each(|_| hold_for_a_moment(inside, caps));
            });
        }
    });
    let stats = ["org", "team"].map(|id| balancer.tenant_stats(id).expect("it is configured").beneath());
    assert_eq!(stats, [0, 0]);
}
