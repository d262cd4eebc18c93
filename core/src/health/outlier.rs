//! Ejection after consecutive failures, with probation.
//!
//! Source: Envoy's outlier detection (consecutive errors; ejection for base × count, capped). *Where we differ*: an ejected
//! endpoint does not simply return. When its time is over it is on *probation*: it serves one real request at a time until
//! one succeeds; a failure on probation ejects it again, for longer. Overload (429, 503) is no failure: it biases load instead.

use std::time::Duration;

use crate::{
    rng,
    sync::{AtomicU32, AtomicU64, Ordering},
    time::{Time, nanos},
};

/// When to eject, and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct OutlierRules {
    /// Failures in a row that eject.
    pub(crate) consecutive_failures: u32,
    /// The first ejection's time; the n-th takes n times as long.
    pub(crate) base: Duration,
    /// The longest ejection.
    pub(crate) longest: Duration,
}

/// What one endpoint's recent outcomes say of its health.
#[derive(Debug, Default)]
pub(crate) struct Outlier {
    /// 0: healthy. Otherwise the nanosecond at which probation begins << 1 | whether a trial request is out.
    word: AtomicU64,
    failures: AtomicU32,
    ejections: AtomicU32,
    returned_at: AtomicU64,
}

impl Outlier {
    /// Whether it is neither ejected nor on probation.
    pub(crate) fn is_healthy(&self) -> bool {
        self.word.load(Ordering::Relaxed) == 0
    }

    /// Whether a request may go to it: healthy, or on probation with no trial out.
    pub(crate) fn is_usable(&self, now: Time) -> bool {
        let word = self.word.load(Ordering::Relaxed);
        word == 0 || on_probation(word, now)
    }

    /// When it becomes usable by time alone, if it is ejected: a trial that is out ends otherwise.
    pub(crate) fn usable_from(&self) -> Option<Time> {
        let word = self.word.load(Ordering::Relaxed);
        (word != 0 && word & TRIAL == 0).then(|| Time::from_nanos(word >> 1))
    }

    /// Claims the one trial of probation. Of several claimants one gets it.
    pub(crate) fn claim_trial(&self, now: Time) -> bool {
        let word = self.word.load(Ordering::Relaxed);
        word != 0
            && on_probation(word, now)
            && self.word.compare_exchange(word, word | TRIAL, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Gives an unused trial back: its request was cancelled.
    pub(crate) fn abandon_trial(&self) {
        self.word.fetch_and(!TRIAL, Ordering::Relaxed);
    }

    /// A request succeeded. Says whether that ends an ejection, which only the trial's success does.
    pub(crate) fn succeed(&self, trial: bool, now: Time) -> bool {
        if self.failures.load(Ordering::Relaxed) != 0 {
            self.failures.store(0, Ordering::Relaxed);
        }
        if trial {
            self.returned_at.store(now.as_nanos(), Ordering::Relaxed);
            self.word.store(0, Ordering::Relaxed);
        }
        trial
    }

    /// A request failed. Says whether the endpoint should now be ejected.
    pub(crate) fn fail(&self, trial: bool, rules: &OutlierRules) -> bool {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        trial || (failures >= rules.consecutive_failures && self.is_healthy())
    }

    /// Leaves the endpoint out from `now` on, `jitter` telling by how much longer than the rule (up to a tenth).
    pub(crate) fn eject(&self, rules: &OutlierRules, jitter: u64, now: Time) {
        let calm =
            Duration::from_nanos(now.as_nanos().saturating_sub(self.returned_at.load(Ordering::Relaxed)));
        let recovered = self.is_healthy() && calm > rules.longest;
        let earlier = if recovered { 0 } else { self.ejections.load(Ordering::Relaxed) };
        let count = earlier.saturating_add(1);
        self.ejections.store(count, Ordering::Relaxed);
        self.failures.store(0, Ordering::Relaxed);
        let time = nanos(rules.base.saturating_mul(count).min(rules.longest)).min(LATEST);
        let extra = u64::from(rng::below((jitter >> 32) as u32, 1_000));
        let until = now + Duration::from_nanos(time) + Duration::from_nanos(time / 10_000 * extra);
        self.word.store(until.as_nanos().min(LATEST) << 1, Ordering::Relaxed);
    }

    /// Until when it is left out, if it is.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn ejected_until(&self) -> Option<Time> {
        let word = self.word.load(Ordering::Relaxed);
        (word != 0).then(|| Time::from_nanos(word >> 1))
    }
}

const fn on_probation(word: u64, now: Time) -> bool {
    word & TRIAL == 0 && word >> 1 <= now.as_nanos()
}

const TRIAL: u64 = 1;
const LATEST: u64 = u64::MAX >> 2;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const RULES: OutlierRules = OutlierRules {
        consecutive_failures: 3,
        base: Duration::from_secs(30),
        longest: Duration::from_secs(300),
    };

    fn at(secs: u64) -> Time {
        Time::from_nanos(secs * 1_000_000_000)
    }

    #[test]
    fn ejects_after_failures_in_a_row_only() {
        let outlier = Outlier::default();
        assert!(!outlier.fail(false, &RULES) && !outlier.fail(false, &RULES));
        outlier.succeed(false, at(0));
        assert!(!outlier.fail(false, &RULES) && !outlier.fail(false, &RULES));
        assert!(outlier.fail(false, &RULES));
    }

    #[test]
    fn returns_through_one_trial_at_a_time() {
        let outlier = Outlier::default();
        outlier.eject(&RULES, 0, at(0));
        assert!(!outlier.is_usable(at(29)) && outlier.is_usable(at(30)));
        assert!(outlier.claim_trial(at(30)));
        assert!(!outlier.is_usable(at(30)) && !outlier.claim_trial(at(30)));
        outlier.abandon_trial();
        assert!(outlier.claim_trial(at(31)));
        outlier.succeed(false, at(31));
        assert!(!outlier.is_healthy(), "a success from before the ejection ends nothing");
        assert!(outlier.succeed(true, at(31)));
        assert!(outlier.is_healthy());
    }

    #[test]
    fn a_failed_trial_ejects_for_longer_up_to_the_longest() {
        let outlier = Outlier::default();
        let mut now = at(0);
        for expected in [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300] {
            outlier.eject(&RULES, 0, now);
            let until = outlier.ejected_until().expect("ejected");
            assert_eq!(until.since(now), Duration::from_secs(expected));
            now = until;
            assert!(outlier.claim_trial(now) && outlier.fail(true, &RULES));
        }
        outlier.eject(&RULES, u64::MAX, now);
        let longest = outlier.ejected_until().expect("ejected").since(now);
        assert!(longest > Duration::from_secs(329) && longest <= Duration::from_secs(330), "{longest:?}");
    }

    #[test]
    fn a_calm_while_forgets_earlier_ejections() {
        let outlier = Outlier::default();
        outlier.eject(&RULES, 0, at(0));
        outlier.eject(&RULES, 0, at(30));
        assert!(outlier.claim_trial(at(90)) && outlier.succeed(true, at(90)));
        outlier.eject(&RULES, 0, at(391));
        assert_eq!(outlier.ejected_until(), Some(at(421)));
    }
}
