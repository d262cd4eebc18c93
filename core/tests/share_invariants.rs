//! The queue with everything at once: trees, weights, shares, priorities, wide requests, deadlines, updates. Whatever happens, nothing is
//! lost, no bound is broken, and nobody waits for seats that it may have.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use proptest::prelude::*;
use tenantry::{
    Acquire, Amount, Balancer, CapacitySpec, CodelSpec, Config, Lease, ManualClock, Outcome, PoolSpec,
    QueueOrder, QueueSpec, Rejection, Request, SeatsSpec, TenantSpec,
};

const IDS: [&str; 6] = ["org", "team", "ann", "bob", "cat", "dan"];

/// What a configuration says of one tenant.
#[derive(Clone, Debug)]
struct Said {
    weight: u32,
    parent: bool,
    guaranteed: u32,
    lendable: Option<u32>,
    max: u32,
}

#[derive(Clone, Debug)]
struct Setup {
    seats: u32,
    shares: bool,
    tenants: Vec<Said>,
    lifo: bool,
    codel: bool,
    per_tenant: u32,
    total: u32,
}

#[derive(Clone, Debug)]
enum Step {
    Acquire { tenant: usize, cost: u64, width: u32, priority: u8, patience: u64 },
    Try { tenant: usize, width: u32 },
    Finish { which: usize, cost: Option<u64> },
    Leave { which: usize },
    Wait { millis: u64 },
    Reconfigure(Setup),
}

impl Setup {
    fn config(&self) -> Config {
        let order = if self.lifo { QueueOrder::AdaptiveLifo } else { QueueOrder::Fifo };
        let mut queue =
            QueueSpec::new().with_per_tenant(self.per_tenant).with_total(self.total).with_order(order);
        if self.codel {
            queue = queue.with_codel(CodelSpec::new());
        }
        let pool = PoolSpec::new(["a"]).with_capacity(CapacitySpec::fixed(self.seats)).with_queue(queue);
        let mut config = Config::new().with_pool("pool", pool);
        for (index, said) in self.tenants.iter().enumerate() {
            let mut spec = TenantSpec::new().with_weight(said.weight);
            if said.parent && index > 0 {
                // "team" may be beneath "org", the others beneath "team".
                spec = spec.with_parent(IDS[usize::from(index > 1)]);
            }
            if self.shares {
                spec = spec.with_seats(said.seats(index));
            }
            config = config.with_tenant(IDS[index], spec);
        }
        config
    }
}

impl Said {
    fn seats(&self, index: usize) -> SeatsSpec {
        let mut seats = SeatsSpec::none().with_max(Amount::Seats(self.max.max(self.guaranteed).max(1)));
        if self.guaranteed > 0 {
            seats = seats.with_guaranteed(Amount::Seats(self.guaranteed));
            // Reservations may not be nested.
            if let Some(lendable) = self.lendable.filter(|_| index > 1) {
                seats = seats.with_lendable(Amount::Seats(lendable.min(self.guaranteed)));
            }
        }
        seats
    }
}

fn setups() -> impl Strategy<Value = Setup> {
    let said = (1_u32..6, any::<bool>(), 0_u32..3, prop::option::of(0_u32..3), 1_u32..5).prop_map(
        |(weight, parent, guaranteed, lendable, max)| Said { weight, parent, guaranteed, lendable, max },
    );
    let tenants = prop::collection::vec(said, 6);
    (
        1_u32..7,
        any::<bool>(),
        tenants,
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.2),
        1_u32..8,
        1_u32..16,
    )
        .prop_map(|(seats, shares, tenants, lifo, codel, per_tenant, total)| Setup {
            seats,
            shares,
            tenants,
            lifo,
            codel,
            per_tenant,
            total,
        })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let tenant = 0_usize..6;
    let step = prop_oneof![
        8 => (tenant.clone(), 0_u64..20, 0_u32..5, 0_u8..9, 0_u64..3_000)
            .prop_map(|(tenant, cost, width, priority, patience)| Step::Acquire { tenant, cost, width: width.saturating_sub(1), priority, patience }),
        2 => (tenant, 0_u32..4).prop_map(|(tenant, width)| Step::Try { tenant, width }),
        6 => (any::<usize>(), prop::option::of(0_u64..60)).prop_map(|(which, cost)| Step::Finish { which, cost }),
        1 => any::<usize>().prop_map(|which| Step::Leave { which }),
        2 => (0_u64..200).prop_map(|millis| Step::Wait { millis }),
        1 => setups().prop_map(Step::Reconfigure),
    ];
    prop::collection::vec(step, 1..150)
}

struct World {
    balancer: Balancer,
    clock: ManualClock,
    waiting: Vec<(usize, u32, Acquire)>,
    running: Vec<(usize, Lease)>,
}

impl World {
    /// Whoever has seats runs; whoever is refused is gone.
    fn poll(&mut self) {
        let running = &mut self.running;
        self.waiting.retain_mut(|(tenant, _, acquire)| {
            match Pin::new(acquire).poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(lease)) => running.push((*tenant, lease)),
                Poll::Ready(Err(_)) => {}
                Poll::Pending => return true,
            }
            false
        });
    }

    fn step(&mut self, step: &Step) -> Result<(), Rejection> {
        match *step {
            Step::Acquire { tenant, cost, width, priority, patience } => {
                let request = Request::new(IDS[tenant])
                    .cost(cost)
                    .seats(width)
                    .priority(priority)
                    .timeout(Duration::from_millis(patience));
                self.waiting.push((tenant, width.max(1), self.balancer.acquire_owned(request)));
            }
            Step::Try { tenant, width } => {
                let lease = self.balancer.try_acquire_owned(&Request::new(IDS[tenant]).seats(width))?;
                self.running.push((tenant, lease));
            }
            Step::Finish { which, cost } if !self.running.is_empty() => {
                let (_, lease) = self.running.swap_remove(which % self.running.len());
                let outcome = Outcome::success();
                lease.finish(cost.map_or(outcome, |cost| outcome.with_cost(cost)));
            }
            Step::Leave { which } if !self.waiting.is_empty() => {
                let index = which % self.waiting.len();
                drop(self.waiting.swap_remove(index));
            }
            Step::Wait { millis } => self.clock.advance(Duration::from_millis(millis)),
            Step::Reconfigure(ref setup) => self.balancer.reconfigure(setup.config()).expect("it is valid"),
            Step::Finish { .. } | Step::Leave { .. } => {}
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn nothing_is_lost_and_no_bound_is_broken(first in setups(), steps in steps()) {
        let clock = ManualClock::new();
        let balancer = Balancer::with_clock(first.config(), clock.clone()).expect("it is valid");
        let mut world = World { balancer, clock, waiting: vec![], running: vec![] };
        let mut setup = first;
        // After a shrinking capacity or a new bound, what is in flight may be above it until it has come down.
        let mut settled = true;
        for step in &steps {
            // A refusal is an answer, too.
            let _: Result<(), Rejection> = world.step(step);
            world.poll();
            if let Step::Reconfigure(next) = step {
                setup = next.clone();
                settled = world.running.is_empty();
            }
            settled |= world.running.is_empty();
            let stats = world.balancer.stats();
            let pool = &stats.pools()[0];
            prop_assert_eq!(pool.waiting() as usize, world.waiting.len());
            prop_assert!(!settled || pool.in_flight() <= pool.capacity(), "{} of {}", pool.in_flight(), pool.capacity());
            if !setup.shares && pool.in_flight() < pool.capacity() {
                // Only for a wider one than is free does anybody wait.
                prop_assert!(
                    world.waiting.iter().all(|(_, width, _)| *width > 1) || world.waiting.iter().any(|(_, width, _)| *width > pool.capacity() - pool.in_flight()),
                    "somebody waits for a free seat"
                );
            }
            if pool.in_flight() == 0 {
                prop_assert!(world.waiting.is_empty(), "{} wait for an idle pool", world.waiting.len());
            }
        }
        world.waiting.clear();
        world.running.clear();
        let stats = world.balancer.stats();
        prop_assert_eq!((stats.pools()[0].in_flight(), stats.pools()[0].waiting()), (0, 0));
        for seats in [1, setup.seats] {
            let wide = world.balancer.try_acquire(&Request::new(IDS[5]).seats(seats));
            prop_assert!(setup.shares || wide.is_ok(), "every seat has come back");
        }
    }
}
