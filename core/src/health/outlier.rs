//! Ejection after consecutive failures, with probation.
//!
//! Source: Envoy's outlier detection (consecutive errors, and consecutive gateway errors). *Where we differ*: an ejected
//! endpoint does not simply return. When its time is over it is on *probation*: it serves one real request at a time until
//! one succeeds; a failure on probation leaves it out for as long again, and only an ejection from full service takes longer than the last.
//! Overload (429, 503) is no failure: it biases load instead. Whoever is *degraded* is left out too, but for where the others do not suffice.

use std::time::Duration;

use super::{
    recent::{MOST, Recent},
    repeats::{Ejection, Repeats, end},
};
use crate::{
    condition::EjectionReason,
    sync::{AtomicU32, AtomicU64, Ordering},
    time::Time,
};

/// When to eject, and for how long.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct OutlierRules {
    /// Failures in a row that eject.
    pub(crate) consecutive_failures: u32,
    /// The same of those that are a gateway's or nobody's answer, where they are counted apart.
    pub(crate) consecutive_gateway_failures: Option<u32>,
    /// How often endpoints are compared; also how long one must serve in peace for one ejection to be forgotten.
    pub(crate) interval: Duration,
    /// The first ejection's time; the n-th takes n times as long.
    pub(crate) base: Duration,
    /// The longest ejection.
    pub(crate) longest: Duration,
    /// So many must stay.
    pub(crate) min_available: u32,
    /// Whether what is found is only told.
    pub(crate) shadow: bool,
}

/// How an endpoint is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It gets nothing.
    Ejected,
    /// It serves where the others do not suffice.
    Degraded,
    /// The same, because it is slow.
    Slow,
}

/// What one endpoint's recent outcomes say of its health.
#[derive(Debug, Default)]
pub(crate) struct Outlier {
    /// 0: healthy. Otherwise the nanosecond at which probation begins << 3 | the manner << 1 | whether a trial request is out.
    word: AtomicU64,
    /// What the last requests came to: [`Recent`].
    recent: AtomicU64,
    ejections: Repeats,
    /// When it last served fully again.
    at_peace_since: AtomicU64,
    /// The same, of when it had got nothing before.
    returned_at: AtomicU64,
    /// Until when a finding in shadow mode has been told.
    told_until: AtomicU64,
    /// How many such findings there were.
    told: AtomicU64,
    /// Health checks that have passed in a row since it was left out, or last tried.
    passes: AtomicU32,
}

impl Outlier {
    /// Failures in a row, and gateway failures in a row.
    pub(crate) fn failures(&self) -> (u32, u32) {
        let recent = Recent::unpacked(self.recent.load(Ordering::Relaxed));
        (recent.failures, recent.at_gateway)
    }

    /// How many of its last 16 requests failed.
    pub(crate) fn recent_failures(&self) -> u32 {
        Recent::unpacked(self.recent.load(Ordering::Relaxed)).outcomes.count_ones()
    }

    /// Whether it is neither left out nor on probation.
    pub(crate) fn is_healthy(&self) -> bool {
        self.word.load(Ordering::Relaxed) == 0
    }

    /// Whether it gets nothing.
    pub(crate) fn is_ejected(&self, now: Time) -> bool {
        let word = self.word.load(Ordering::Relaxed);
        waits(word, now) && manner(word) == Manner::Ejected
    }

    /// Whether it serves where the others do not suffice.
    pub(crate) fn is_degraded(&self, now: Time) -> bool {
        degraded(self.word.load(Ordering::Relaxed), now)
    }

    /// Whether a request may go to it: healthy, degraded, or on probation with no trial out.
    pub(crate) fn is_usable(&self, now: Time) -> bool {
        let word = self.word.load(Ordering::Relaxed);
        word == 0 || on_probation(word, now) || degraded(word, now)
    }

    /// Whether a request may go to it that is no trial.
    pub(crate) fn needs_no_trial(&self, now: Time) -> bool {
        let word = self.word.load(Ordering::Relaxed);
        word == 0 || degraded(word, now)
    }

    /// Whether it is healthy, degraded, or on probation: it may serve, perhaps after a trial that is out.
    pub(crate) fn is_available(&self, now: Time) -> bool {
        !self.is_ejected(now)
    }

    /// When it last returned from having got nothing.
    pub(crate) fn returned_at(&self) -> Time {
        Time::from_nanos(self.returned_at.load(Ordering::Relaxed))
    }

    /// Whether a trial is out.
    pub(crate) fn is_on_trial(&self) -> bool {
        self.word.load(Ordering::Relaxed) & TRIAL != 0
    }

    /// When its probation begins, if it is left out.
    pub(crate) fn probation_from(&self) -> Option<Time> {
        let word = self.word.load(Ordering::Relaxed);
        (word != 0).then(|| from(word))
    }

    /// When it becomes usable by time alone, if it is ejected: a trial that is out ends otherwise.
    pub(crate) fn usable_from(&self) -> Option<Time> {
        let word = self.word.load(Ordering::Relaxed);
        (word != 0 && word & TRIAL == 0).then(|| from(word))
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

    /// A request succeeded. Says how it was left out, if that ends now: only the trial's success ends it.
    pub(crate) fn succeed(&self, trial: bool, now: Time) -> Option<Manner> {
        if self.recent.load(Ordering::Relaxed) != 0 {
            self.note(Recent::and_a_success);
        }
        trial.then(|| {
            let how = manner(self.word.swap(0, Ordering::Relaxed));
            // What it failed before says nothing of what it is now.
            self.recent.store(0, Ordering::Relaxed);
            self.at_peace_since.store(now.as_nanos(), Ordering::Relaxed);
            if how == Manner::Ejected {
                self.returned_at.store(now.as_nanos(), Ordering::Relaxed);
            }
            how
        })
    }

    /// A request failed, at a gateway or without an answer, or otherwise. Says why the endpoint should now be ejected, if it should.
    pub(crate) fn fail(
        &self,
        trial: bool,
        gateway: bool,
        rules: &OutlierRules,
        now: Time,
    ) -> Option<EjectionReason> {
        let Recent { failures, at_gateway, .. } = self.note(|recent| recent.and_a_failure(gateway));
        let too_many = rules.consecutive_gateway_failures.is_some_and(|most| at_gateway >= most);
        if trial {
            Some(EjectionReason::FailedProbation)
        } else if !self.needs_no_trial(now) {
            None
        } else if failures >= rules.consecutive_failures.min(MOST) {
            Some(EjectionReason::ConsecutiveFailures)
        } else {
            too_many.then_some(EjectionReason::ConsecutiveGatewayFailures)
        }
    }

    /// Counts failures in a row from the beginning.
    pub(crate) fn forgive(&self) {
        self.note(|recent| Recent { failures: 0, at_gateway: 0, ..recent });
    }

    fn note(&self, change: impl Fn(Recent) -> Recent) -> Recent {
        let changed = |word| Some(change(Recent::unpacked(word)).packed());
        let before = self.recent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, changed);
        Recent::unpacked(before.ok().and_then(changed).unwrap_or_default())
    }

    /// Whether a finding is to be told that nothing follows from: once in the time that it would have been left out.
    pub(crate) fn may_tell(&self, rules: &OutlierRules, now: Time) -> bool {
        let until = (now + rules.base).as_nanos();
        let due = |told: u64| (told <= now.as_nanos()).then_some(until);
        let may = self.told_until.fetch_update(Ordering::Relaxed, Ordering::Relaxed, due).is_ok();
        self.told.fetch_add(u64::from(may), Ordering::Relaxed);
        may
    }

    /// How many findings nothing followed from.
    pub(crate) fn told(&self) -> u64 {
        self.told.load(Ordering::Relaxed)
    }

    /// A health check has passed, or not. As often as as many in a row as it takes (`rise`) say that an endpoint which was left out for its failures is well again, it may prove
    /// it: its probation begins now, unless it has been ejected again and again. Says whether it begins.
    pub(crate) fn hear_check(&self, passed: bool, rise: u32, now: Time) -> bool {
        let word = self.word.load(Ordering::Relaxed);
        let hoped_for = waits(word, now) && manner(word) != Manner::Slow && self.ejections.last() == 1;
        let passes = if passed && hoped_for { self.passes.load(Ordering::Relaxed) + 1 } else { 0 };
        let enough = passes >= rise && passes > 0;
        self.passes.store(if enough { 0 } else { passes }, Ordering::Relaxed);
        let probation = out_until(now.as_nanos(), manner(word));
        enough && self.word.compare_exchange(word, probation, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Leaves the endpoint out from `now` on, in some manner, `jitter` telling by how much longer than the rule (up to a tenth). From full service it takes longer than
    /// the last time; whoever was not back yet stays out for as long again.
    pub(crate) fn leave_out(&self, how: Manner, rules: &OutlierRules, jitter: u64, now: Time) -> Ejection {
        let ejection = if self.is_healthy() {
            let calm = now.since(Time::from_nanos(self.at_peace_since.load(Ordering::Relaxed)));
            self.ejections.next(rules, calm, jitter)
        } else {
            self.ejections.again(rules, jitter)
        };
        self.forgive();
        self.word.store(out_until(end(&ejection, now), how), Ordering::Relaxed);
        ejection
    }
}

/// The word of one that is left out.
fn out_until(nanos: u64, how: Manner) -> u64 {
    nanos.max(1) << 3 | (how as u64) << 1
}

/// How it is left out; meaningless in one that is not.
const fn manner(word: u64) -> Manner {
    match word >> 1 & 3 {
        0 => Manner::Ejected,
        1 => Manner::Degraded,
        _ => Manner::Slow,
    }
}

const fn from(word: u64) -> Time {
    Time::from_nanos(word >> 3)
}

/// Whether its probation has not begun.
const fn waits(word: u64, now: Time) -> bool {
    word >> 3 > now.as_nanos()
}

fn degraded(word: u64, now: Time) -> bool {
    waits(word, now) && manner(word) != Manner::Ejected
}

const fn on_probation(word: u64, now: Time) -> bool {
    word & TRIAL == 0 && !waits(word, now)
}

const TRIAL: u64 = 1;

#[cfg(all(test, loom))]
mod models {
    use std::sync::Arc;

    use loom::thread;

    use super::*;

    const RULES: OutlierRules = OutlierRules {
        consecutive_failures: 2,
        consecutive_gateway_failures: None,
        interval: Duration::from_secs(10),
        base: Duration::from_secs(30),
        longest: Duration::from_secs(300),
        min_available: 1,
        shadow: false,
    };

    /// Of two failures at once one is the second; of two findings in shadow mode one is told; of two trials one is had.
    #[test]
    fn of_two_at_once_one_is_the_second() {
        loom::model(|| {
            let (outlier, on_probation) = (Arc::new(Outlier::default()), Arc::new(Outlier::default()));
            on_probation.leave_out(Manner::Ejected, &RULES, 0, Time::ZERO);
            let now = Time::ZERO + Duration::from_secs(40);
            let ask = move |outlier: &Outlier, on_probation: &Outlier| {
                let found = outlier.fail(false, true, &RULES, now).is_some();
                (found, outlier.may_tell(&RULES, now), on_probation.claim_trial(now))
            };
            let (other, other_probation) = (Arc::clone(&outlier), Arc::clone(&on_probation));
            let thread = thread::spawn(move || ask(&other, &other_probation));
            let mine = ask(&outlier, &on_probation);
            let theirs = thread.join().expect("the thread does not panic");
            assert!(mine.0 != theirs.0 && mine.1 != theirs.1 && mine.2 != theirs.2, "{mine:?}, {theirs:?}");
            assert_eq!((outlier.failures(), outlier.told()), ((2, 2), 1));
        });
    }
}

#[cfg(all(test, not(loom)))]
pub(crate) mod tests {
    use super::*;

    pub(crate) const RULES: OutlierRules = OutlierRules {
        consecutive_failures: 3,
        consecutive_gateway_failures: Some(2),
        interval: Duration::from_secs(10),
        base: Duration::from_secs(30),
        longest: Duration::from_secs(300),
        min_available: 1,
        shadow: false,
    };

    fn fail(outlier: &Outlier) -> Option<EjectionReason> {
        outlier.fail(false, false, &RULES, at(0))
    }

    fn fail_at_gateway(outlier: &Outlier) -> Option<EjectionReason> {
        outlier.fail(false, true, &RULES, at(0))
    }

    fn at(secs: u64) -> Time {
        Time::from_nanos(secs * 1_000_000_000)
    }

    #[test]
    fn ejects_after_failures_in_a_row_only() {
        let outlier = Outlier::default();
        assert_eq!((fail(&outlier), fail(&outlier)), (None, None));
        outlier.succeed(false, at(0));
        assert_eq!((fail(&outlier), fail(&outlier)), (None, None));
        assert_eq!(fail(&outlier), Some(EjectionReason::ConsecutiveFailures));
    }

    #[test]
    fn a_gateways_failures_are_counted_with_the_others_and_apart() {
        let outlier = Outlier::default();
        assert_eq!(fail_at_gateway(&outlier), None);
        assert_eq!(fail(&outlier), None, "the application answers: not a gateway's in a row");
        assert_eq!(fail_at_gateway(&outlier), Some(EjectionReason::ConsecutiveFailures));
        outlier.succeed(false, at(0));
        assert_eq!(fail_at_gateway(&outlier), None);
        assert_eq!(fail_at_gateway(&outlier), Some(EjectionReason::ConsecutiveGatewayFailures));
        assert_eq!(outlier.failures(), (2, 2));
    }

    #[test]
    fn a_finding_without_consequence_is_told_once_in_a_while() {
        let outlier = Outlier::default();
        let told: Vec<_> =
            [0, 1, 29, 30, 31].iter().map(|&secs| outlier.may_tell(&RULES, at(secs))).collect();
        assert_eq!((told, outlier.told()), (vec![true, false, false, true, false], 2));
    }

    #[test]
    fn returns_through_one_trial_at_a_time() {
        let outlier = Outlier::default();
        outlier.leave_out(Manner::Ejected, &RULES, 0, at(0));
        assert!(!outlier.is_usable(at(29)) && outlier.is_usable(at(30)));
        assert!(outlier.claim_trial(at(30)));
        assert!(!outlier.is_usable(at(30)) && !outlier.claim_trial(at(30)));
        outlier.abandon_trial();
        assert!(outlier.claim_trial(at(31)));
        outlier.succeed(false, at(31));
        assert!(!outlier.is_healthy(), "a success from before the ejection ends nothing");
        assert_eq!(outlier.succeed(true, at(31)), Some(Manner::Ejected));
        assert!(outlier.is_healthy());
    }

    #[test]
    fn each_ejection_from_full_service_takes_longer_and_a_failed_trial_as_long_again() {
        let outlier = Outlier::default();
        let mut now = at(0);
        for expected in [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300] {
            for _ in 0..3 {
                outlier.leave_out(Manner::Ejected, &RULES, 0, now);
                let until = outlier.probation_from().expect("ejected");
                assert_eq!(until.since(now), Duration::from_secs(expected));
                now = until;
                assert!(outlier.claim_trial(now) && outlier.fail(true, false, &RULES, now).is_some());
            }
            outlier.abandon_trial();
            assert!(outlier.claim_trial(now) && outlier.succeed(true, now).is_some());
        }
        outlier.leave_out(Manner::Ejected, &RULES, u64::MAX, now);
        let longest = outlier.probation_from().expect("ejected").since(now);
        assert!(longest > Duration::from_secs(329) && longest <= Duration::from_secs(330), "{longest:?}");
    }

    #[test]
    fn each_interval_in_peace_forgets_one_ejection() {
        let outlier = Outlier::default();
        outlier.leave_out(Manner::Ejected, &RULES, 0, at(0));
        assert!(outlier.claim_trial(at(30)) && outlier.succeed(true, at(30)).is_some());
        outlier.leave_out(Manner::Ejected, &RULES, 0, at(30));
        assert!(outlier.claim_trial(at(90)) && outlier.succeed(true, at(90)).is_some());
        assert_eq!(
            outlier.leave_out(Manner::Ejected, &RULES, 0, at(109)).number,
            2,
            "one interval, and not yet two"
        );
        assert!(outlier.claim_trial(at(169)) && outlier.succeed(true, at(169)).is_some());
        assert_eq!(outlier.leave_out(Manner::Ejected, &RULES, 0, at(189)).number, 1);
        assert_eq!(outlier.probation_from(), Some(at(219)));
    }

    #[test]
    fn who_is_said_to_be_well_again_may_prove_it_unless_it_comes_and_goes() {
        let outlier = Outlier::default();
        let hear = |passed, secs| outlier.hear_check(passed, 2, at(secs));
        assert!(!hear(true, 0) && !hear(true, 0), "it is healthy");
        outlier.leave_out(Manner::Ejected, &RULES, 0, at(0));
        assert!(!hear(true, 0) && !hear(false, 0) && !hear(true, 0), "two in a row");
        for secs in [1, 3, 5] {
            assert!(hear(true, secs) && outlier.claim_trial(at(secs)) && !hear(true, secs));
            assert_eq!(outlier.fail(true, false, &RULES, at(secs)), Some(EjectionReason::FailedProbation));
            outlier.leave_out(Manner::Degraded, &RULES, 0, at(secs));
            assert!(!hear(true, secs), "two more");
        }
        assert!(hear(true, 7) && outlier.claim_trial(at(7)) && outlier.succeed(true, at(7)).is_some());
        outlier.leave_out(Manner::Ejected, &RULES, 0, at(8));
        assert!(!hear(true, 9) && !hear(true, 9), "its second ejection takes its time");
        assert!(outlier.claim_trial(at(68)) && outlier.succeed(true, at(68)).is_some());
        outlier.leave_out(Manner::Slow, &RULES, 0, at(100));
        assert!(!hear(true, 101) && !hear(true, 101), "checks say nothing of how long requests take");
    }

    #[test]
    fn who_is_degraded_serves_without_a_trial_until_its_probation() {
        for how in [Manner::Degraded, Manner::Slow] {
            let outlier = Outlier::default();
            outlier.leave_out(how, &RULES, 0, at(0));
            let seen = |secs| {
                let now = at(secs);
                (outlier.is_degraded(now), outlier.is_usable(now), outlier.needs_no_trial(now))
            };
            assert_eq!((seen(29), seen(30)), ((true, true, true), (false, true, false)));
            assert!(
                outlier.is_available(at(0)) && !outlier.is_ejected(at(0)) && !outlier.claim_trial(at(29))
            );
            for _ in 0..2 {
                assert_eq!(outlier.fail(false, false, &RULES, at(29)), None);
            }
            let failures = outlier.fail(false, false, &RULES, at(29));
            assert_eq!(failures, Some(EjectionReason::ConsecutiveFailures), "it may still be ejected");
            assert!(outlier.claim_trial(at(30)) && !outlier.is_usable(at(30)));
            assert!(outlier.succeed(true, at(30)) == Some(how) && outlier.is_healthy());
            assert_eq!(outlier.returned_at(), Time::ZERO, "it has never got nothing");
        }
    }

    #[test]
    fn the_last_sixteen_outcomes_are_remembered() {
        let outlier = Outlier::default();
        for expected in (1..=16).chain([16]) {
            fail(&outlier);
            assert_eq!(outlier.recent_failures(), expected);
        }
        outlier.forgive();
        assert_eq!((outlier.failures(), outlier.recent_failures()), ((0, 0), 16));
        for expected in (0..16).rev() {
            outlier.succeed(false, at(0));
            assert_eq!(outlier.recent_failures(), expected);
        }
        for _ in 0..3 {
            outlier.note(|recent| Recent { failures: MOST, at_gateway: MOST, ..recent });
            assert_eq!(fail_at_gateway(&outlier), Some(EjectionReason::ConsecutiveFailures));
            assert_eq!(outlier.failures(), (MOST, MOST), "it does not overflow into its neighbour");
        }
    }
}
