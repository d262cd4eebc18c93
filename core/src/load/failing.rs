//! What failing lately costs an endpoint where latency is not compared, so that failing fast attracts nothing.
//!
//! An endpoint that answers failure in a millisecond has nobody in flight, and so looks idle. Source: Linkerd's load biaser (2026), as for
//! [peak latency](super::PeakLatency). *Where we differ*: here the same penalty multiplies the load: 64 times for a failure, more
//! for an overload answer, forgotten as latency is. Successes do not shorten it.

use std::time::Duration;

use crate::{
    ewma::PeakEwma,
    outcome::{Outcome, OutcomeKind},
    time::Time,
};

/// The penalty of one endpoint.
#[derive(Debug, Default)]
pub(crate) struct Failing(PeakEwma);

impl Failing {
    /// Learns from one finished request.
    pub(crate) fn learn(&self, outcome: &Outcome, decay: f32, now: Time) {
        if let Some(penalty) = penalty(outcome) {
            self.0.record(penalty, decay, now);
        }
    }

    /// Begins anew.
    pub(crate) fn forget(&self) {
        self.0.forget();
    }

    /// What the load is multiplied by as of `now`: 1 for an endpoint that has not failed lately.
    #[inline]
    pub(crate) fn factor(&self, decay: f32, now: Time) -> f32 {
        self.0.read(decay, now).map_or(1.0, |nanos| (nanos * PER_NANO).max(1.0))
    }
}

/// How slow an outcome counts at least: the time that it takes to be worth another try. `None` for what is no fault of the endpoint.
pub(crate) fn penalty(outcome: &Outcome) -> Option<Duration> {
    match outcome.kind() {
        OutcomeKind::Failure => Some(FAILURE_COUNTS_AS),
        OutcomeKind::Overload => {
            let asked = outcome.retry_after().unwrap_or_default().min(RETRY_AFTER_AT_MOST);
            Some(asked.max(OVERLOAD_COUNTS_AS))
        }
        OutcomeKind::Success | OutcomeKind::Cancelled => None,
    }
}

const FAILURE_COUNTS_AS: Duration = Duration::from_secs(1);
const OVERLOAD_COUNTS_AS: Duration = Duration::from_secs(5);
const RETRY_AFTER_AT_MOST: Duration = Duration::from_secs(300);
/// 64 for the second that a failure counts as.
const PER_NANO: f32 = 64e-9;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ewma::decay_rate;

    #[test]
    fn a_failure_costs_64_times_the_load_and_is_forgotten() {
        let (failing, decay) = (Failing::default(), decay_rate(Duration::from_secs(10)));
        let factor = |secs| failing.factor(decay, Time::ZERO + Duration::from_secs(secs));
        let is = |secs, due: f32| (factor(secs) - due).abs() < 0.5;
        failing.learn(&Outcome::success(), decay, Time::ZERO);
        failing.learn(&Outcome::cancelled(), decay, Time::ZERO);
        assert!(is(0, 1.0));
        failing.learn(&Outcome::failure(), decay, Time::ZERO);
        assert!(is(0, 64.0) && is(10, 23.5) && is(60, 1.0));
        failing.learn(&Outcome::overload(), decay, Time::ZERO);
        assert!(is(0, 320.0));
    }
}
