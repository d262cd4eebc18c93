//! The way out: the fifth step, exactly once per lease.

use super::{acquire::Pending, lease::Held, snapshot::Snapshot, state::State};
use crate::{limit, outcome::Outcome, rejection::Rejection, time::Time};

impl State {
    /// Ends a lease: cost, load, health, capacity; then the seat goes to the next in line.
    #[inline]
    pub(super) fn settle(&self, held: Held, outcome: &Outcome) {
        let now = self.clock.now();
        let measured = outcome.latency().unwrap_or_else(|| now.since(held.started));
        self.published.read(|snapshot| {
            if let Some(actual) = outcome.cost() {
                self.settle_cost(snapshot, &held, actual, now);
            }
            let tenant = self.slab.get(held.found.slot);
            tenant.complete();
            tenant.leave();
            let Held { picked, pool, .. } = held;
            let Some(service) = snapshot.service_of(pool) else { return };
            service.pool.learn(&picked, outcome, measured, now);
            // No longer in flight when the next request is picked for.
            drop(picked);
            let seats = service.capacity.learn(outcome, measured, service.admission.taken(), now);
            if let Some(seats) = seats {
                service.admission.set_capacity(seats, now);
            }
            service.admission.release(now);
        });
    }

    /// Ends a wait that leads nowhere: the charge is taken back.
    pub(super) fn give_up(&self, pending: &Pending, rejection: Option<Rejection>, now: Time) {
        let tenant = self.slab.get(pending.found.slot);
        limit::undo(tenant.buckets(), &pending.quotas, &pending.charge, now);
        if rejection.is_some() {
            tenant.reject();
        }
        tenant.stop_waiting();
        tenant.leave();
    }

    #[cold]
    fn settle_cost(&self, snapshot: &Snapshot, held: &Held, actual: u64, now: Time) {
        let buckets = self.slab.get(held.found.slot).buckets();
        if snapshot.directory.edition() == held.edition {
            limit::settle(buckets, snapshot.directory.terms(&held.found).quotas(), &held.charge, actual, now);
        } else if let Some(terms) =
            snapshot.directory.terms_of_slot(held.found.slot, &self.hasher, &self.slab)
        {
            // The rates may have changed since: debt is charged at the new ones, and nothing is given back at them.
            limit::settle(buckets, terms.quotas(), &held.charge, actual.max(held.charge.cost()), now);
        }
    }
}
