//! The pick: from the endpoints that may be used to the one that serves, and what its outcome teaches.

use std::time::Duration;

use crate::{
    endpoint::InFlight,
    outcome::Outcome,
    pool::Pool,
    rejection::Rejection,
    rng,
    strategy::{Candidates, Turn},
    sync::Ordering,
    time::Time,
};

impl Pool {
    /// Picks for the `number`-th request of this pool. Takes no lock and allocates nothing.
    #[inline]
    pub(crate) fn pick(&self, number: u32, saturated: bool, now: Time) -> Option<InFlight> {
        let unhealthy = self.health.unhealthy() as usize;
        if unhealthy > 0 || self.capped {
            return self.pick_with_care(number, saturated, self.is_judged(unhealthy), now);
        }
        let candidates = Candidates::new(&self.members, false, self.decay, now);
        let draw = rng::draw(self.seed, u64::from(number));
        let index = self.strategy.pick(&candidates, &Turn { number, draw, saturated })?;
        self.members[index].try_enter()
    }

    /// The pick where health or caps leave endpoints out.
    #[cold]
    fn pick_with_care(&self, number: u32, saturated: bool, judged: bool, now: Time) -> Option<InFlight> {
        let candidates = Candidates::new(&self.members, judged, self.decay, now);
        for attempt in 0..ATTEMPTS {
            let draw = rng::draw(self.seed ^ attempt, u64::from(number));
            let Some(index) = self.strategy.pick(&candidates, &Turn { number, draw, saturated }) else {
                break;
            };
            let member = &self.members[index];
            // Another request may just have taken the last place. Again.
            let Some(mut picked) = member.try_enter() else { continue };
            let outlier = member.endpoint().outlier();
            // Also in a panic: else nobody would ever return from one.
            let trial = outlier.claim_trial(now);
            // Usable when looked at, and neither healthy nor ours now: another request took the one trial. Again.
            if !judged || trial || outlier.is_healthy() {
                picked.set_trial(trial);
                return Some(picked);
            }
        }
        let usable = (0..self.members.len()).filter(|&index| candidates.is_usable(index));
        // It has a seat, so there is room somewhere: perhaps, since a moment ago, at an ejected endpoint only.
        let anybody = (0..self.members.len()).filter(|_| self.capped);
        usable.chain(anybody).find_map(|index| self.members[index].try_enter())
    }

    /// How many requests there may be in flight: what the endpoints' caps allow, and those at endpoints that are left out or removed, or
    /// above a cap that was lowered, which take nothing from the others. `None` where a usable endpoint has no cap.
    pub(crate) fn bound(&self, now: Time) -> Option<u32> {
        if !self.capped {
            return None;
        }
        // Where an endpoint without a cap ends the count, no return matters.
        self.next_return.store(u64::MAX, Ordering::Relaxed);
        let judged = self.is_judged(self.health.unhealthy() as usize);
        let (mut room, mut elsewhere) = (0_u32, self.counted_at_removed());
        let mut next_return = u64::MAX;
        for member in self.members.iter() {
            let outlier = member.endpoint().outlier();
            let usable = !judged || outlier.is_usable(now);
            if !usable && let Some(at) = outlier.usable_from() {
                next_return = next_return.min(at.as_nanos());
            }
            let cap = if usable { member.cap()? } else { 0 };
            room = room.saturating_add(cap);
            elsewhere = elsewhere.saturating_add(member.counted().saturating_sub(cap));
        }
        self.elsewhere.store(elsewhere, Ordering::Relaxed);
        self.next_return.store(next_return, Ordering::Relaxed);
        Some(room.saturating_add(elsewhere))
    }

    /// Whether the bound may change with every request that ends.
    pub(crate) fn bound_moves(&self) -> bool {
        self.capped && (self.health.unhealthy() > 0 || self.elsewhere.load(Ordering::Relaxed) > 0)
    }

    /// Whether an ejection has ended by time alone since the bound was last put in force.
    pub(crate) fn has_returned(&self, now: Time) -> bool {
        self.capped && now.as_nanos() >= self.next_return.load(Ordering::Relaxed)
    }

    /// Why a request with a seat got no endpoint: there is none, or, at the moment of an update or an ejection, all have what their caps
    /// allow.
    #[cold]
    pub(crate) fn why_none(&self) -> Rejection {
        if self.members.is_empty() { Rejection::NoEndpoint } else { Rejection::Saturated }
    }

    /// Learns from one finished request; without a latency where its first byte has told it.
    pub(crate) fn learn(&self, picked: &InFlight, outcome: &Outcome, measured: Option<Duration>, now: Time) {
        picked.endpoint().learn(outcome, measured, self.decay, now);
        self.judge(picked.endpoint(), picked.is_trial(), outcome, now);
    }

    /// Learns how long an answer took to begin.
    pub(crate) fn learn_first_byte(&self, picked: &InFlight, latency: Duration, now: Time) {
        picked.endpoint().learn_latency(&Outcome::success(), latency, self.decay, now);
    }

    /// Whether health decides: not in a panic, when so few are healthy that the others, ejected or not, are better than
    /// nothing.
    fn is_judged(&self, unhealthy: usize) -> bool {
        let count = self.members.len();
        (count - unhealthy.min(count)) * 100 >= count * PANIC_PERCENT
    }
}

/// How often a pick starts again because another thread took the trial that it had chosen.
const ATTEMPTS: u64 = 3;

/// Envoy's and HAProxy's convention: under half healthy, health is ignored.
const PANIC_PERCENT: usize = 50;
