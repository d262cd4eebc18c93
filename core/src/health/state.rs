//! Everything that decides whether an endpoint may serve, in one place: what real requests have shown, what health checks say, what it has
//! asked for itself, and an operator's word, which goes before all of them.

use std::time::Duration;

use super::{Outlier, overridden::Overridden};
use crate::{
    condition::{HealthOverride, HealthState},
    sync::{AtomicBool, AtomicU64, Ordering},
    time::Time,
};

/// The health of one endpoint. Survives every update that keeps the endpoint. What picks ask comes first, side by side.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Health {
    overridden: Overridden,
    /// The nanosecond until which it has asked to be left alone << 1 | whether that is strict.
    cooling_until: AtomicU64,
    /// Whether its health checks fail.
    failing: AtomicBool,
    outlier: Outlier,
    /// The nanosecond at which its health checks last passed again.
    passed_at: AtomicU64,
}

/// How far a pick asks for health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scrutiny {
    /// All are known to be healthy.
    Nothing,
    /// In a panic: whoever is there serves, unless an operator has taken it out, or it is cooling down strictly.
    Presence,
    /// Everything counts but cooling down, unless that is strict.
    Openness,
    /// Everything counts, and whoever serves worse than others is good enough.
    Health,
    /// Everything counts, and only those that serve as well as others are good enough.
    Healthy,
    /// Everything counts, and only those that serve worse than others are meant.
    Degraded,
}

impl Scrutiny {
    /// Whether it goes by an endpoint's own health.
    #[inline]
    pub(crate) const fn asks_health(self) -> bool {
        matches!(self, Self::Openness | Self::Health | Self::Healthy | Self::Degraded)
    }

    /// As far, but for cooling down that is not strict.
    pub(crate) const fn but_cooling(self) -> Self {
        match self {
            Self::Health | Self::Healthy | Self::Degraded => Self::Openness,
            other => other,
        }
    }
}

impl Health {
    /// What real requests have shown.
    pub(crate) const fn outlier(&self) -> &Outlier {
        &self.outlier
    }

    /// Whether nothing is to be said about it.
    #[inline]
    pub(crate) fn is_plain(&self, now: Time) -> bool {
        self.overridden.get(now).is_none()
            && self.outlier.is_healthy()
            && !self.is_failing()
            && !self.is_cooling(now)
    }

    /// Whether a request may go to it that asks this far.
    #[inline(always)]
    pub(crate) fn admits(&self, scrutiny: Scrutiny, now: Time) -> bool {
        match scrutiny {
            Scrutiny::Nothing => true,
            Scrutiny::Presence => self.is_present(now) && !self.is_resting(now),
            Scrutiny::Openness => self.is_open(now),
            Scrutiny::Health => self.is_usable(now),
            Scrutiny::Healthy => self.is_plain(now) || (self.is_usable(now) && !self.serves_worse(now)),
            Scrutiny::Degraded => self.is_usable(now) && self.serves_worse(now),
        }
    }

    /// Whether an operator has left it in.
    pub(crate) fn is_present(&self, now: Time) -> bool {
        self.overridden.get(now) != Some(HealthOverride::Disabled)
    }

    /// Whether a request may go to it: open, and not cooling down.
    pub(crate) fn is_usable(&self, now: Time) -> bool {
        match self.overridden.get(now) {
            Some(HealthOverride::Healthy) => true,
            Some(_) => false,
            None => self.outlier.is_usable(now) && !self.is_failing() && !self.is_cooling(now),
        }
    }

    /// The same for whoever minds that it is cooling down only where that is strict.
    fn is_open(&self, now: Time) -> bool {
        match self.overridden.get(now) {
            Some(HealthOverride::Healthy) => true,
            Some(_) => false,
            None => self.outlier.is_usable(now) && !self.is_failing() && !self.is_resting(now),
        }
    }

    /// Whether a request without a trial may go to it, which has just looked whether it is usable.
    pub(crate) fn needs_no_trial(&self, now: Time) -> bool {
        self.outlier.needs_no_trial(now) || self.overridden.get(now) == Some(HealthOverride::Healthy)
    }

    /// Whether it counts as there when tiers share the traffic: it serves, perhaps after a trial that is out, or after it has cooled down.
    pub(crate) fn is_available(&self, now: Time) -> bool {
        match self.overridden.get(now) {
            Some(HealthOverride::Healthy) => true,
            Some(_) => false,
            None => self.outlier.is_available(now) && !self.is_failing(),
        }
    }

    /// Where it stands.
    pub(crate) fn state(&self, now: Time) -> HealthState {
        match self.overridden.get(now) {
            Some(HealthOverride::Healthy) => return HealthState::Healthy,
            Some(HealthOverride::Disabled) => return HealthState::Disabled,
            Some(HealthOverride::Ejected) => return HealthState::Ejected,
            None => {}
        }
        if self.is_failing() {
            HealthState::Failing
        } else if self.outlier.is_ejected(now) {
            HealthState::Ejected
        } else if !self.outlier.needs_no_trial(now) {
            HealthState::Probation
        } else if self.is_cooling(now) {
            HealthState::CoolingDown
        } else if self.is_degraded(now) {
            HealthState::Degraded
        } else {
            HealthState::Healthy
        }
    }

    /// When time alone next changes something, as far as that is known.
    pub(crate) fn next_change(&self, now: Time) -> Option<Time> {
        let coming = |at: &Time| *at > now;
        let probation = self.outlier.probation_from().filter(coming);
        let cooled = Some(self.cools_until()).filter(coming);
        [self.overridden.ends(now), probation, cooled].into_iter().flatten().min()
    }

    /// When it is open again by time alone, where it is not: a trial that is out, failing checks and an operator's word without an end are ended otherwise.
    pub(crate) fn open_from(&self, now: Time) -> Option<Time> {
        let rests = self.rests_until(false, now);
        let by_itself = || {
            let rested = if self.outlier.needs_no_trial(now) { Some(rests.unwrap_or(now)) } else { None };
            let usable = self.outlier.usable_from().map(|at| rests.map_or(at, |rest| rest.max(at)));
            if self.is_failing() { None } else { rested.or(usable) }
        };
        match self.overridden.get(now) {
            None => by_itself(),
            Some(HealthOverride::Healthy) => Some(now),
            Some(_) => {
                let end = self.overridden.ends(now)?;
                by_itself().map(|at| at.max(end))
            }
        }
    }

    /// Whether the one request that probation allows is out.
    pub(crate) fn is_on_trial(&self, now: Time) -> bool {
        self.overridden.get(now).is_none() && !self.is_failing() && self.outlier.is_on_trial()
    }

    /// Since when it serves again: it returned from an ejection, or its checks pass.
    pub(crate) fn serves_since(&self) -> Time {
        self.outlier.returned_at().max(Time::from_nanos(self.passed_at.load(Ordering::Relaxed)))
    }

    /// The operator's word in force.
    pub(crate) fn overridden(&self, now: Time) -> Option<HealthOverride> {
        self.overridden.get(now)
    }

    /// An operator decides, or takes it back.
    pub(crate) fn set_override(&self, to: Option<(HealthOverride, Option<Duration>)>, now: Time) {
        self.overridden.set(to, now);
    }

    /// It asks to be left alone: never shorter than it has asked before. Says whether it was not before.
    pub(crate) fn cool(&self, until: Time, strict: bool, now: Time) -> bool {
        let word = until.as_nanos().min(u64::MAX >> 1) << 1 | u64::from(strict);
        self.cooling_until.fetch_max(word, Ordering::Relaxed) >> 1 <= now.as_nanos()
    }

    /// Until when nothing goes there because it has asked for that; where everybody minds (`minded`), also if that is not strict.
    pub(crate) fn rests_until(&self, minded: bool, now: Time) -> Option<Time> {
        let asked = minded || self.cooling_until.load(Ordering::Relaxed) & 1 == 1;
        let until = Some(self.cools_until()).filter(|&at| asked && at > now);
        until.filter(|_| self.overridden.get(now) != Some(HealthOverride::Healthy))
    }

    fn is_resting(&self, now: Time) -> bool {
        self.rests_until(false, now).is_some()
    }

    fn cools_until(&self) -> Time {
        Time::from_nanos(self.cooling_until.load(Ordering::Relaxed) >> 1)
    }

    /// Its checks pass, or fail. Says whether that is news.
    pub(crate) fn set_failing(&self, failing: bool, now: Time) -> bool {
        let news = self.failing.swap(failing, Ordering::Relaxed) != failing;
        if news && !failing {
            self.passed_at.store(now.as_nanos(), Ordering::Relaxed);
        }
        news
    }

    /// Whether its checks fail.
    pub(crate) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Whether it serves worse than others.
    pub(crate) fn is_degraded(&self, now: Time) -> bool {
        self.outlier.is_degraded(now)
    }

    /// The same, unless an operator says that it is healthy.
    pub(crate) fn serves_worse(&self, now: Time) -> bool {
        self.is_degraded(now) && self.overridden.get(now) != Some(HealthOverride::Healthy)
    }

    fn is_cooling(&self, now: Time) -> bool {
        self.cools_until() > now
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::health::{Manner, outlier::tests::RULES};

    fn at(secs: u64) -> Time {
        Time::ZERO + Duration::from_secs(secs)
    }

    #[test]
    fn an_operators_word_goes_before_everything_and_the_strongest_reason_is_told() {
        let health = Health::default();
        let state = |secs| health.state(at(secs));
        assert!(health.is_plain(at(0)));
        health.outlier().leave_out(Manner::Slow, &RULES, 0, at(0));
        assert_eq!((state(0), state(30)), (HealthState::Degraded, HealthState::Probation));
        let admitted = |secs| {
            [Scrutiny::Health, Scrutiny::Healthy, Scrutiny::Degraded].map(|how| health.admits(how, at(secs)))
        };
        assert_eq!((admitted(29), admitted(30)), ([true, false, true], [true, true, false]));
        assert!(
            health.cool(at(10), false, at(0)) && !health.cool(at(9), true, at(0)),
            "a shorter word does not count"
        );
        assert_eq!((state(9), state(10)), (HealthState::CoolingDown, HealthState::Degraded));
        assert!(!health.is_usable(at(9)) && health.is_available(at(9)) && health.is_usable(at(10)));
        health.outlier().leave_out(Manner::Ejected, &RULES, 0, at(0));
        assert_eq!((state(29), state(30)), (HealthState::Ejected, HealthState::Probation));
        assert!(!health.is_available(at(29)) && health.is_usable(at(30)) && !health.needs_no_trial(at(30)));
        assert!(health.set_failing(true, at(30)) && !health.set_failing(true, at(31)));
        assert_eq!(
            (state(31), health.is_usable(at(31)), health.open_from(at(31))),
            (HealthState::Failing, false, None)
        );
        health.set_override(Some((HealthOverride::Healthy, Some(Duration::from_secs(5)))), at(31));
        assert!(health.is_usable(at(35)) && health.needs_no_trial(at(35)) && !health.is_usable(at(36)));
        health.set_override(Some((HealthOverride::Disabled, Some(Duration::from_secs(5)))), at(31));
        assert!(!health.admits(Scrutiny::Presence, at(35)) && health.admits(Scrutiny::Presence, at(36)));
        assert!(health.set_failing(false, at(40)) && health.serves_since() == at(40));
        assert_eq!(health.open_from(at(35)), Some(at(36)), "its checks pass, and its probation has begun");
    }

    #[test]
    fn the_next_change_is_the_soonest() {
        let health = Health::default();
        assert_eq!(health.next_change(at(0)), None);
        health.outlier().leave_out(Manner::Ejected, &RULES, 0, at(0));
        health.cool(at(20), false, at(0));
        health.set_override(Some((HealthOverride::Ejected, Some(Duration::from_secs(10)))), at(0));
        let next: Vec<_> = [0, 10, 20, 30].iter().map(|&secs| health.next_change(at(secs))).collect();
        assert_eq!(next, [Some(at(10)), Some(at(20)), Some(at(30)), None]);
        assert_eq!(health.open_from(at(0)), Some(at(30)));
    }
}
