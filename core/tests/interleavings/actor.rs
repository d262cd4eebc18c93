//! One thread that does everything that can be done, and tells the model.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tenantry::{Acquire, Balancer, Lease, ManualClock, Outcome, Rejection, Request};

use crate::{
    Draws,
    model::{Charge, Level, Model},
    world::{self, FIXED, PASSING},
};

pub(crate) struct Actor {
    balancer: Balancer,
    clock: ManualClock,
    model: Model,
    leases: Vec<(Lease, Charge)>,
    /// With what they are charged, unless they were refused.
    waiting: Vec<(Acquire, Option<Charge>)>,
    /// Which variant of its terms each fixed tenant has.
    variants: [u32; FIXED.len()],
    d_is_configured: bool,
    company: Company,
    pub(crate) passed: u64,
}

/// Whether others act at the same time: then some of what happens cannot be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Company {
    Alone,
    /// Every update has one of two variants, which differ in amounts and move nobody.
    Others,
}

/// What is asked for.
struct Ask {
    id: &'static str,
    pool: &'static str,
    cost: u64,
    units: u64,
    seats: u32,
    patience: Duration,
}

impl Actor {
    pub(crate) fn new(balancer: Balancer, clock: ManualClock, company: Company) -> Self {
        Self {
            balancer,
            clock,
            model: Model::new(),
            leases: vec![],
            waiting: vec![],
            variants: [0; FIXED.len()],
            d_is_configured: false,
            company,
            passed: 0,
        }
    }

    /// One step of any kind.
    pub(crate) fn act(&mut self, draws: &mut Draws) {
        match draws.next() % 48 {
            0..11 => self.try_acquire(draws),
            11..20 => self.acquire(draws),
            20..25 => self.poll_one(draws),
            25..36 => self.end_one(draws),
            36..38 => self.stop_waiting(draws),
            38..40 => self.report(draws),
            40..42 => self.clock.advance(Duration::from_micros(u64::from(draws.next() % 3_000))),
            42..44 => self.check(draws),
            44 => self.reconfigure(draws),
            45 => self.set_one(draws),
            46 => self.come_and_go(draws),
            _ => drop(self.balancer.stats()),
        }
    }

    /// Ends all requests, however.
    pub(crate) fn end_all(&mut self, draws: &mut Draws) {
        while !self.leases.is_empty() || !self.waiting.is_empty() {
            self.end_one(draws);
            self.stop_waiting(draws);
        }
    }

    pub(crate) const fn model(&self) -> &Model {
        &self.model
    }

    /// How often somebody has gone.
    pub(crate) fn lives(&self) -> u32 {
        self.model.accounts.values().map(|account| account.life).sum()
    }

    fn ask(&self, draws: &mut Draws) -> Ask {
        let all = FIXED.len() + PASSING.len();
        let which = draws.next() as usize % all;
        Ask {
            id: FIXED.iter().chain(&PASSING).nth(which).expect("in range"),
            pool: if draws.next().is_multiple_of(3) { "gpu" } else { "api" },
            cost: u64::from(draws.next() % 12),
            units: u64::from(draws.next() % 9),
            seats: 1 + u32::from(draws.next().is_multiple_of(6)),
            patience: Duration::from_micros(u64::from(draws.next() % 5_000)),
        }
    }

    /// What a request that has just come in is charged: its tenant, everybody above it, and whose pool it is a guest in.
    fn charge_of(&mut self, ask: &Ask) -> Charge {
        self.follow();
        let variant =
            |id| FIXED.iter().position(|fixed| *fixed == id).map_or(0, |place| self.variants[place]);
        let up = |id| world::parents_of(id, variant(id)).iter().copied();
        // The overflow tenant's own limits cannot be read; those above it can.
        let own = self.model.accounts[ask.id].is_there.then_some(ask.id);
        let mut ids: Vec<&'static str> = own.into_iter().chain(up(ask.id)).collect();
        if ask.pool == "gpu" && ask.id != "owner" && !ids.contains(&"owner") {
            let host = ["owner"].into_iter().chain(up("owner"));
            let others: Vec<_> = host.filter(|id| !ids.contains(id)).collect();
            ids.extend(others);
        }
        let levels = ids.into_iter().map(|id| self.model.level(id)).collect();
        Charge { levels, cost: ask.cost, units: ask.units, reported: None }
    }

    fn follow(&mut self) {
        if self.company == Company::Others {
            return;
        }
        let charges = || {
            let waiting = self.waiting.iter().filter_map(|(_, charge)| charge.as_ref());
            self.leases.iter().map(|(_, charge)| charge).chain(waiting)
        };
        let inside = |level: Level| charges().any(|charge| charge.levels.contains(&level));
        self.model.follow(&self.balancer, inside);
    }

    fn try_acquire(&mut self, draws: &mut Draws) {
        let ask = self.ask(draws);
        let amounts = [("units", ask.units)];
        let asked = self.balancer.try_acquire_owned(&request(&ask, &amounts));
        let charge = self.charge_of(&ask);
        if let Ok(lease) = asked {
            self.model.charge(&charge);
            self.leases.push((lease, charge));
            self.passed += 1;
        }
    }

    fn acquire(&mut self, draws: &mut Draws) {
        let ask = self.ask(draws);
        let amounts = [("units", ask.units)];
        let in_flight = || self.balancer.pool_stats(ask.pool).expect("it is there").in_flight();
        let before = in_flight();
        let mut acquire = self.balancer.acquire_owned(request(&ask, &amounts).timeout(ask.patience));
        let came_in = acquire.deadline().is_some() || in_flight() > before;
        let charge = self.charge_of(&ask);
        if acquire.deadline().is_none() && self.company == Company::Others {
            // Only the answer tells whether it came in.
            if let Poll::Ready(Ok(lease)) = poll(&mut acquire) {
                self.model.charge(&charge);
                self.leases.push((lease, charge));
            }
            return;
        }
        let charge = came_in.then(|| {
            self.model.charge(&charge);
            self.passed += 1;
            charge
        });
        self.waiting.push((acquire, charge));
    }

    fn poll_one(&mut self, draws: &mut Draws) {
        if self.waiting.is_empty() {
            return;
        }
        let (mut acquire, charge) = self.waiting.swap_remove(draws.next() as usize % self.waiting.len());
        match (poll(&mut acquire), charge) {
            (Poll::Pending, charge) => self.waiting.push((acquire, charge)),
            (Poll::Ready(Ok(lease)), Some(charge)) => self.leases.push((lease, charge)),
            (Poll::Ready(Ok(lease)), None) => unreachable!("{lease:?} of a request that was refused"),
            (Poll::Ready(Err(_)), charge) => charge.iter().for_each(|charge| self.model.undo(charge)),
        }
    }

    /// Leaves the line, or lets go what has a seat already and does not know it.
    fn stop_waiting(&mut self, draws: &mut Draws) {
        if self.waiting.is_empty() {
            return;
        }
        let (acquire, charge) = self.waiting.swap_remove(draws.next() as usize % self.waiting.len());
        // Had a seat at once: that is a request that was cancelled. Else it never ran.
        let ran = acquire.deadline().is_none();
        drop(acquire);
        charge.iter().filter(|_| !ran).for_each(|charge| self.model.undo(charge));
    }

    fn end_one(&mut self, draws: &mut Draws) {
        if self.leases.is_empty() {
            return;
        }
        let (mut lease, charge) = self.leases.swap_remove(draws.next() as usize % self.leases.len());
        let cost = u64::from(draws.next() % 30);
        if cost.is_multiple_of(4) {
            lease.first_byte();
        }
        let outcome = match draws.next() % 7 {
            0 | 1 => Outcome::success().with_cost(cost),
            2 => Outcome::success(),
            3 => Outcome::failure(),
            4 => Outcome::overload().with_cost(cost),
            // The answer is cut off: what it has cost until then is known.
            5 => Outcome::cancelled().with_cost(cost),
            _ => {
                drop(lease);
                return self.model.settle(&charge, None);
            }
        };
        lease.finish(outcome);
        self.model.settle(&charge, outcome.cost());
    }

    fn report(&mut self, draws: &mut Draws) {
        let units = u64::from(draws.next() % 25);
        if let Some((lease, charge)) = self.leases.last_mut() {
            lease.report(&[("units", units)]).expect("known");
            charge.reported = Some(units);
        }
    }

    /// A request that is over at once.
    fn check(&mut self, draws: &mut Draws) {
        let ask = self.ask(draws);
        let amounts = [("units", ask.units)];
        let checked = self.balancer.check(&request(&ask, &amounts));
        let charge = self.charge_of(&ask);
        if checked.is_ok() {
            self.model.charge(&charge);
        }
    }

    fn reconfigure(&mut self, draws: &mut Draws) {
        let variants = self
            .variants
            .map(|variant| if draws.next().is_multiple_of(2) { variant } else { self.variant(draws) });
        let with_d = (draws.next().is_multiple_of(2)).then(|| self.variant(draws));
        let of = |id| FIXED.iter().position(|fixed| *fixed == id).map_or(0, |place| variants[place]);
        self.balancer
            .reconfigure(world::config(self.variant(draws), of, with_d))
            .expect("every variant is usable");
        FIXED.iter().zip(variants).for_each(|(id, variant)| self.adopt(id, variant));
        self.d_is_configured = with_d.is_some();
        self.follow();
    }

    /// Other terms for one tenant, who stays where it is unless nobody is beneath it.
    fn set_one(&mut self, draws: &mut Draws) {
        let id = FIXED[draws.next() as usize % FIXED.len()];
        let variant = self.variant(draws);
        self.balancer.set_tenant(id, &world::spec_of(id, variant)).expect("usable");
        self.adopt(id, variant);
        self.follow();
    }

    /// A tenant is configured that was made or is new, or the other way round.
    fn come_and_go(&mut self, draws: &mut Draws) {
        if draws.next().is_multiple_of(2) {
            self.balancer.set_tenant("d", &world::spec_of("d", self.variant(draws))).expect("usable");
            self.d_is_configured = true;
        } else {
            let removed = self.balancer.remove_tenant("d").expect("nobody is beneath it");
            assert!(self.company == Company::Others || removed == self.d_is_configured);
            self.d_is_configured = false;
        }
        self.follow();
    }

    fn variant(&self, draws: &mut Draws) -> u32 {
        match self.company {
            Company::Alone => draws.next(),
            Company::Others => draws.next() % 2,
        }
    }

    fn adopt(&mut self, id: &'static str, variant: u32) {
        let place = FIXED.iter().position(|fixed| *fixed == id).expect("a fixed one");
        self.variants[place] = variant;
    }
}

fn poll(acquire: &mut Acquire) -> Poll<Result<Lease, Rejection>> {
    Pin::new(acquire).poll(&mut Context::from_waker(Waker::noop()))
}

fn request<'a>(ask: &Ask, amounts: &'a [(&'a str, u64)]) -> Request<'a> {
    Request::new(ask.id).pool(ask.pool).cost(ask.cost).amounts(amounts).seats(ask.seats)
}
