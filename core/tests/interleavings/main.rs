//! Invariant 1, conservation: under 10 000 random interleavings of everything that can happen to requests and tenants, what is used of every
//! limit at every level is the sum of what was settled, and at rest nothing is in flight, waiting, reserved or beneath anybody.
//!
//! A lease cannot be finished twice in Rust: `finish` takes it. The bindings' tests finish theirs again.

mod actor;
mod model;
mod world;

use std::{sync::Barrier, thread};

use tenantry::{Balancer, ManualClock};

use crate::{
    actor::{Actor, Company},
    model::Model,
    world::{FIXED, START},
};

/// A generator of the simplest kind.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 33).expect("31 bits")
    }
}

fn balancer() -> (Balancer, ManualClock) {
    let clock = ManualClock::starting_at(START);
    let config = world::config(0, |_| 0, None);
    (Balancer::with_clock(config, clock.clone()).expect("usable"), clock)
}

/// Nothing in flight, waiting or beneath anybody.
fn assert_at_rest(balancer: &Balancer) {
    let stats = balancer.stats();
    for pool in stats.pools() {
        assert_eq!((pool.in_flight(), pool.waiting()), (0, 0), "{pool:?}");
        assert!(pool.endpoints().iter().all(|endpoint| endpoint.in_flight() == 0), "{pool:?}");
    }
    for tenant in stats.tenants().iter().chain([stats.other()]) {
        assert_eq!((tenant.in_flight(), tenant.waiting(), tenant.beneath()), (0, 0, 0), "{tenant:?}");
    }
}

/// 500 balancers with 20 interleavings each, after each of which everything is at rest.
#[test]
fn ten_thousand_interleavings_lose_nothing_at_any_level() {
    let (mut passed, mut evicted) = (0, 0);
    for seed in 0..500_u64 {
        let (balancer, clock) = balancer();
        let mut actor = Actor::new(balancer.clone(), clock, Company::Alone);
        let mut draws = Draws(seed);
        for interleaving in 0..20 {
            for _ in 0..8 + draws.next() % 20 {
                actor.act(&mut draws);
            }
            if interleaving % 4 == 0 {
                actor.model().assert_used(&balancer);
            }
            actor.end_all(&mut draws);
            actor.model().assert_used(&balancer);
            assert_at_rest(&balancer);
        }
        passed += actor.passed;
        evicted += actor.lives();
    }
    assert!(passed > 30_000, "{passed} passed: too few to mean something");
    assert!(evicted > 400, "{evicted} were evicted or removed: too few to mean something");
}

/// The same from four threads at once, which also change the limits: at rest all of it adds up.
#[test]
fn interleavings_of_four_threads_lose_nothing_at_any_level() {
    let mut passed = 0;
    for round in 0..60_u64 {
        let (balancer, clock) = balancer();
        let start = Barrier::new(4);
        let run = |seed| {
            let mut actor = Actor::new(balancer.clone(), clock.clone(), Company::Others);
            let mut draws = Draws(seed);
            start.wait();
            (0..300).for_each(|_| actor.act(&mut draws));
            actor.end_all(&mut draws);
            actor
        };
        let actors: Vec<Actor> = thread::scope(|scope| {
            let run = &run;
            let threads: Vec<_> = (0..4).map(|n| scope.spawn(move || run(round * 4 + n))).collect();
            threads.into_iter().map(|thread| thread.join().expect("no thread panics")).collect()
        });
        let mut all = Model::new();
        actors.iter().for_each(|actor| all.add(actor.model()));
        all.accounts.retain(|id, _| FIXED.contains(id));
        all.assert_used(&balancer);
        assert_at_rest(&balancer);
        passed += actors.iter().map(|actor| actor.passed).sum::<u64>();
    }
    assert!(passed > 4_000, "{passed} passed: too few to mean something");
}
