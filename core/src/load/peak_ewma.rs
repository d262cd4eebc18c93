//! Latency as a load signal, fed so that failing never pays.
//!
//! Source: peak EWMA of Finagle and tower; the penalty is Linkerd's load biaser (2026): an answer that sheds load counts
//! as slow, so a fast refusal does not attract traffic.
//!
//! *Where we differ*: a plain failure counts too, as no faster than 1 s; a cancelled request teaches nothing.

use std::time::Duration;

use super::penalty;
use crate::{
    ewma::PeakEwma,
    outcome::{Outcome, OutcomeKind},
    time::Time,
};

/// The recent latency of one endpoint, as bad as its peaks.
#[derive(Debug, Default)]
pub(crate) struct PeakLatency(PeakEwma);

impl PeakLatency {
    /// Learns from one finished request that took `measured`.
    pub(crate) fn learn(&self, outcome: &Outcome, measured: Duration, decay: f32, now: Time) {
        let sample = match outcome.kind() {
            OutcomeKind::Cancelled => return,
            _ => penalty(outcome).map_or(measured, |penalty| penalty.max(measured)),
        };
        self.0.record(sample, decay, now);
    }

    /// Begins anew.
    pub(crate) fn forget(&self) {
        self.0.forget();
    }

    /// Nanoseconds as of `now`; `None` before the first sample.
    #[inline(always)]
    pub(crate) fn read(&self, decay: f32, now: Time) -> Option<f32> {
        self.0.read(decay, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ewma::decay_rate;

    fn after(outcome: Outcome) -> Option<Duration> {
        let (latency, decay) = (PeakLatency::default(), decay_rate(Duration::from_secs(10)));
        latency.learn(&outcome, Duration::from_millis(1), decay, Time::ZERO);
        latency
            .read(decay, Time::ZERO)
            .map(|nanos| Duration::from_secs_f32((nanos / 1e9 * 1e3).round() / 1e3))
    }

    #[test]
    fn only_success_is_as_fast_as_it_was() {
        assert_eq!(after(Outcome::success()), Some(Duration::from_millis(1)));
        assert_eq!(after(Outcome::failure()), Some(Duration::from_secs(1)));
        assert_eq!(after(Outcome::overload()), Some(Duration::from_secs(5)));
        assert_eq!(after(Outcome::cancelled()), None);
    }

    /// `vectors/health.json`: Linkerd's figures.
    #[test]
    fn an_overloaded_endpoint_is_believed_up_to_five_minutes() {
        let text = include_str!("../../../vectors/health.json");
        let vectors: serde_json::Value = serde_json::from_str(text).expect("the vectors are JSON");
        let figure = |name: &str| vectors["linkerd_load_biaser"][name].as_u64().expect("a figure");
        let (penalty, longest) =
            (Duration::from_millis(figure("penalty_ms")), Duration::from_secs(figure("max_retry_after_s")));
        let asked = |time| after(Outcome::overload().with_retry_after(time));
        assert_eq!(asked(penalty / 2), Some(penalty));
        assert_eq!(asked(penalty * 12), Some(penalty * 12));
        assert_eq!(asked(longest * 288), Some(longest));
    }
}
