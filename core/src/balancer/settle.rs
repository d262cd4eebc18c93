//! The way out: the fifth step, exactly once per lease.

use super::{
    acquire::Pending,
    lease::{Charged, Held},
    snapshot::Snapshot,
    state::State,
};
use crate::{limit, outcome::Outcome, rejection::Rejection, time::Time};

impl State {
    /// Ends what is held, if anything is: cost, load, health, capacity; then the seat goes to the next in line.
    #[inline]
    pub(super) fn settle(&self, held: &mut Option<Held>, outcome: &Outcome) {
        let now = self.clock.now();
        self.published.read(|snapshot| {
            let Some(Held { picked, charged, started, pool }) = held else { return };
            if let Some(actual) = outcome.cost() {
                self.settle_cost(snapshot, charged, actual, now);
            }
            let tenant = self.slab.get(charged.found.slot);
            tenant.complete();
            tenant.leave();
            let Some(service) = snapshot.service_of(*pool) else { return };
            let measured = outcome.latency().unwrap_or_else(|| now.since(*started));
            service.pool.learn(picked, outcome, measured, now);
            // No longer in flight when the next request is picked for.
            *held = None;
            let seats = service.capacity.learn(outcome, measured, service.admission.taken(), now);
            if let Some(seats) = seats {
                service.admission.set_capacity(seats, now);
            }
            service.admission.release(now);
        });
        // Its pool is gone, and with it the seat.
        *held = None;
    }

    /// Ends a wait that leads nowhere: the charge is taken back.
    pub(super) fn give_up(&self, pending: &Pending, rejection: Option<Rejection>, now: Time) {
        let tenant = self.slab.get(pending.charged.found.slot);
        limit::undo(tenant.buckets(), &pending.quotas, &pending.charged.charge, now);
        if rejection.is_some() {
            tenant.reject();
        }
        tenant.stop_waiting();
        tenant.leave();
    }

    #[cold]
    fn settle_cost(&self, snapshot: &Snapshot, charged: &Charged, actual: u64, now: Time) {
        let buckets = self.slab.get(charged.found.slot).buckets();
        if snapshot.directory.edition() == charged.edition {
            limit::settle(
                buckets,
                snapshot.directory.terms(&charged.found).quotas(),
                &charged.charge,
                actual,
                now,
            );
        } else if let Some(terms) =
            snapshot.directory.terms_of_slot(charged.found.slot, &self.hasher, &self.slab)
        {
            // The rates may have changed since: debt is charged at the new ones, and nothing is given back at them.
            limit::settle(buckets, terms.quotas(), &charged.charge, actual.max(charged.charge.cost()), now);
        }
    }
}
