//! The way out: the fifth step, exactly once per lease.

use std::mem;

use super::{acquire::Pending, lease::Held, state::State};
use crate::{
    admission::Spent,
    event::Event,
    load::LoadReport,
    outcome::{Outcome, OutcomeKind},
    rejection::Rejection,
    time::Time,
    upstream::UpstreamReport,
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
            self.count_settlement();
            picked.settle(outcome.cost(), now);
            self.complete(self.slab.get(charged.found.slot), charged);
            // Where the pool is gone, the seat is gone with it.
            let Some(service) = snapshot.service_of(*pool) else { return };
            // A success that has told its first byte has told its latency.
            let told = *answered && outcome.kind() == OutcomeKind::Success;
            let measured = (!told).then(|| outcome.latency().unwrap_or_else(|| now.since(*started)));
            // Asked before and after: a trial's success may be what ends the last ejection.
            let moved = service.pool.bound_moves();
            service.pool.learn(picked, outcome, measured, now);
            if outcome.retry_after().is_some() {
                self.cool_down(snapshot, service, (picked.endpoint(), outcome), now);
            }
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
            let Some(picked) = &mut held.picked else { return };
            let moved = service.pool.bound_moves();
            service.pool.learn_first_byte(picked, latency, now);
            let learnt = service.learn_capacity(OutcomeKind::Success, latency, now);
            if learnt || moved || service.pool.bound_moves() {
                service.set_seats(now);
            }
        });
    }

    /// Learns what an endpoint says of its own limits.
    pub(super) fn report_upstream(&self, held: &Held, report: &UpstreamReport) {
        let Some(picked) = held.picked.as_ref().filter(|_| !report.is_empty()) else { return };
        let (now, unix) = (self.clock.now(), self.clock.unix());
        let spent_until = picked.learn_limits(held.charged.cost(), report, now, unix);
        self.published.read(|snapshot| {
            let Some(service) = snapshot.service_of(held.pool) else { return };
            service.pool.note_limits();
            if let Some(at) = spent_until {
                let until = unix + at.since(now);
                self.events.add(Event::UpstreamSpent {
                    pool: service.pool.name().to_owned(),
                    endpoint: picked.endpoint().address().to_owned(),
                    until_unix_s: until.as_secs() + u64::from(until.subsec_nanos() > 0),
                });
            }
            // There may be more now, or it takes longer.
            service.admission.hand_out_if_queued(now);
        });
    }

    /// The endpoint says how loaded it is.
    pub(super) fn report_load(&self, held: &Held, report: &LoadReport) {
        let now = self.clock.now();
        self.published.read(|snapshot| {
            let Some(service) = snapshot.service_of(held.pool) else { return };
            if let Some(picked) = &held.picked {
                service.pool.learn_report(picked, report, now);
            }
        });
    }

    /// Ends a wait that leads nowhere: the charge is taken back.
    pub(super) fn give_up(&self, pending: &Pending, rejection: Option<Rejection>, now: Time) {
        let tenant = self.slab.get(pending.charged.found.slot);
        self.published.read(|snapshot| {
            self.undo(snapshot, &pending.charged, self.uptime(now));
            if let (Some(rejection), Some(service)) = (&rejection, snapshot.service_of(pending.pool)) {
                service.rejections.count(rejection);
            }
        });
        self.give_back(pending.paid.as_ref());
        if rejection.is_some() {
            tenant.reject();
        }
        tenant.stop_waiting();
        self.leave(tenant, &pending.charged);
    }
}
