//! The way out: the fifth step, exactly once per lease.

use std::mem;

use super::{acquire::Pending, lease::Held, state::State};
use crate::{
    admission::Spent,
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
            let Some(Held { picked: at, seat, charged, started, pool, answered, .. }) = held else { return };
            let Some(picked) = at else { return };
            let (seat, spent) = (*seat, Spent { charged: charged.cost(), actual: charged.actual(outcome) });
            if outcome.cost().is_some() || charged.is_metered() {
                self.settle_use(snapshot, charged, outcome.cost(), self.uptime(now));
            }
            let tenant = self.slab.get(charged.found.slot);
            tenant.complete();
            self.leave(tenant, charged);
            // Where the pool is gone, the seat is gone with it.
            let Some(service) = snapshot.service_of(*pool) else { return };
            // A success that has told its first byte has told its latency.
            let told = *answered && outcome.kind() == OutcomeKind::Success;
            let measured = (!told).then(|| outcome.latency().unwrap_or_else(|| now.since(*started)));
            // Asked before and after: a trial's success may be what ends the last ejection.
            let moved = service.pool.bound_moves();
            service.pool.learn(picked, outcome, measured, now);
            // No longer in flight when the next request is picked for.
            *at = None;
            let learnt =
                measured.is_some_and(|measured| service.learn_capacity(outcome.kind(), measured, now));
            // Before the seat is handed on: where the bound falls, there is no room for who would get it.
            if learnt || moved || service.pool.bound_moves() {
                service.set_seats(now);
            }
            service.admission.release(seat, spent, now);
        });
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
            let Some(picked) = &held.picked else { return };
            service.pool.learn_first_byte(picked, latency, now);
            if service.learn_capacity(OutcomeKind::Success, latency, now) {
                service.set_seats(now);
            }
        });
    }

    /// Ends a wait that leads nowhere: the charge is taken back.
    pub(super) fn give_up(&self, pending: &Pending, rejection: Option<Rejection>, now: Time) {
        let tenant = self.slab.get(pending.charged.found.slot);
        self.published.read(|snapshot| self.undo(snapshot, &pending.charged, self.uptime(now)));
        if rejection.is_some() {
            tenant.reject();
        }
        tenant.stop_waiting();
        self.leave(tenant, &pending.charged);
    }
}
