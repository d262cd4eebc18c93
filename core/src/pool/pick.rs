//! The pick: from the endpoints that may be used to the one that serves, and what its outcome teaches.

use std::{sync::Arc, time::Duration};

use crate::{
    endpoint::Endpoint,
    outcome::Outcome,
    pool::Pool,
    rng,
    strategy::{Candidates, Turn},
    time::Time,
};

/// A picked endpoint: in flight from here until this is dropped.
#[derive(Debug)]
pub(crate) struct Picked {
    /// The reference counts the request in flight.
    pub(crate) endpoint: Arc<Endpoint>,
    /// Whether this request is the one that probation allows.
    pub(crate) trial: bool,
}

impl Pool {
    /// Picks for the `number`-th request of this pool. Takes no lock and allocates nothing.
    #[inline]
    pub(crate) fn pick(&self, number: u32, saturated: bool, now: Time) -> Option<Picked> {
        let unhealthy = self.health.unhealthy() as usize;
        if unhealthy > 0 {
            return self.pick_among_unhealthy(number, saturated, self.is_judged(unhealthy), now);
        }
        let candidates = Candidates::new(&self.members, false, self.decay, now);
        let draw = rng::draw(self.seed, u64::from(number));
        let index = self.strategy.pick(&candidates, &Turn { number, draw, saturated })?;
        Some(Picked { endpoint: self.members[index].enter(), trial: false })
    }

    #[cold]
    fn pick_among_unhealthy(&self, number: u32, saturated: bool, judged: bool, now: Time) -> Option<Picked> {
        let candidates = Candidates::new(&self.members, judged, self.decay, now);
        for attempt in 0..ATTEMPTS {
            let draw = rng::draw(self.seed ^ attempt, u64::from(number));
            let index = self.strategy.pick(&candidates, &Turn { number, draw, saturated })?;
            let member = &self.members[index];
            let outlier = member.endpoint().outlier();
            // Also in a panic: else nobody would ever return from one.
            let trial = outlier.claim_trial(now);
            // Usable when looked at, and neither healthy nor ours now: another request took the one trial. Again.
            if !judged || trial || outlier.is_healthy() {
                return Some(Picked { endpoint: member.enter(), trial });
            }
        }
        candidates.first_usable(0).map(|index| Picked { endpoint: self.members[index].enter(), trial: false })
    }

    /// Learns from one finished request; without a latency where its first byte has told it.
    pub(crate) fn learn(&self, picked: &Picked, outcome: &Outcome, measured: Option<Duration>, now: Time) {
        picked.endpoint.learn(outcome, measured, self.decay, now);
        self.judge(&picked.endpoint, picked.trial, outcome, now);
    }

    /// Learns how long an answer took to begin.
    pub(crate) fn learn_first_byte(&self, picked: &Picked, latency: Duration, now: Time) {
        picked.endpoint.learn_latency(&Outcome::success(), latency, self.decay, now);
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
