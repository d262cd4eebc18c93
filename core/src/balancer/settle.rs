//! The way out: the fifth step, exactly once per lease.

use std::mem;

use super::{
    acquire::Pending,
    lease::{Charged, Held},
    snapshot::Snapshot,
    state::State,
};
use crate::{
    admission::Spent,
    limit,
    outcome::{Outcome, OutcomeKind},
    rejection::Rejection,
    time::Time,
};

impl State {
    /// Ends what is held, if anything is: cost, load, health, capacity; then the seat goes to the next in line.
    #[inline]
    pub(super) fn settle(&self, held: &mut Option<Held>, outcome: &Outcome) {
        // Closed first: whatever happens below, a lease is settled once.
        if !held.as_mut().is_some_and(|held| mem::replace(&mut held.open, false)) {
            return;
        }
        let now = self.clock.now();
        self.published.read(|snapshot| {
            let Some(Held { picked, seat, charged, started, pool, answered, .. }) = held else { return };
            let (seat, spent) = (*seat, charged.spent(outcome));
            if let Some(actual) = outcome.cost() {
                self.settle_cost(snapshot, charged, actual, now);
            }
            let tenant = self.slab.get(charged.found.slot);
            tenant.complete();
            tenant.leave();
            let Some(service) = snapshot.service_of(*pool) else { return };
            // A success that has told its first byte has told its latency.
            let told = *answered && outcome.kind() == OutcomeKind::Success;
            let measured = (!told).then(|| outcome.latency().unwrap_or_else(|| now.since(*started)));
            // Asked before and after: a trial's success may be what ends the last ejection.
            let moved = service.pool.bound_moves();
            service.pool.learn(picked, outcome, measured, now);
            // No longer in flight when the next request is picked for.
            *held = None;
            let learnt =
                measured.is_some_and(|measured| service.learn_capacity(outcome.kind(), measured, now));
            // Before the seat is handed on: where the bound falls, there is no room for who would get it.
            if learnt || moved || service.pool.bound_moves() {
                service.set_seats(now);
            }
            service.admission.release(seat, spent, now);
        });
        // Where the pool is gone, the seat is gone with it.
        *held = None;
    }

    /// The answer begins: its latency is known, while the seat stays taken.
    pub(super) fn first_byte(&self, held: &mut Held) {
        if mem::replace(&mut held.answered, true) {
            return;
        }
        let now = self.clock.now();
        self.published.read(|snapshot| {
            let Some(service) = snapshot.service_of(held.pool) else { return };
            let latency = now.since(held.started);
            service.pool.learn_first_byte(&held.picked, latency, now);
            if service.learn_capacity(OutcomeKind::Success, latency, now) {
                service.set_seats(now);
            }
        });
    }

    /// Ends a wait that leads nowhere: the charge is taken back.
    pub(super) fn give_up(&self, pending: &Pending, rejection: Option<Rejection>, now: Time) {
        let tenant = self.slab.get(pending.charged.found.slot);
        limit::undo(tenant.buckets(), &pending.quotas, &pending.charged.charge, self.uptime(now));
        if rejection.is_some() {
            tenant.reject();
        }
        tenant.stop_waiting();
        tenant.leave();
    }

    #[cold]
    fn settle_cost(&self, snapshot: &Snapshot, charged: &Charged, actual: u64, now: Time) {
        let (directory, slot) = (&snapshot.directory, charged.found.slot);
        let terms = if directory.edition() == charged.edition {
            Some(directory.terms(&charged.found))
        } else {
            directory.terms_of_slot(slot, &self.hasher, &self.slab)
        };
        let Some(terms) = terms else { return };
        // Under other quotas than it was charged to, debt is owed at the new rates, and nothing is given back at them.
        let same = terms.quotas_number() == charged.quotas;
        let actual = if same { actual } else { actual.max(charged.charge.cost()) };
        limit::settle(
            self.slab.get(slot).buckets(),
            terms.quotas(),
            &charged.charge,
            actual,
            self.uptime(now),
        );
    }
}

impl Charged {
    /// What the queue charged, and what to put right there.
    fn spent(&self, outcome: &Outcome) -> Spent {
        let charged = self.charge.cost();
        Spent { charged, actual: outcome.cost().unwrap_or(charged) }
    }
}
