//! What must hold, told from what was done to the balancer and what it shows from outside.

use std::collections::BTreeMap;

use tenantry::{Event, HealthOverride, HealthState, Outcome, OutcomeKind, PoolStats};

use super::settings::{Settings, name};

/// What an invariant says that does not hold.
pub(super) type Broken = String;

/// What is known of each endpoint, by name.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    known: BTreeMap<usize, Known>,
    /// No check of one endpoint follows another sooner than this, in nanoseconds.
    least_gap: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// Until when it has asked to be left alone, and whether that is strict.
    cooling: (u64, bool),
    /// The operator's word, and until when it counts.
    overridden: Option<(HealthOverride, u64)>,
    last_check: Option<u64>,
    trials: u32,
}

impl Oracle {
    fn known(&mut self, name: usize) -> &mut Known {
        self.known.entry(name).or_default()
    }

    pub(super) fn overrides(&mut self, name: usize, to: Option<(HealthOverride, u64)>) {
        self.known(name).overridden = to;
    }

    fn overridden(&self, name: usize, now: u64) -> Option<HealthOverride> {
        let (kind, until) = self.known.get(&name)?.overridden?;
        (now < until).then_some(kind)
    }

    /// A configuration is in force from now on.
    pub(super) fn configured(&mut self, settings: &Settings) {
        let Some(check) = &settings.check else {
            // Whoever is checked again later begins anew.
            self.known.values_mut().for_each(|known| known.last_check = None);
            return;
        };
        let all = [check.every(), check.every_in_doubt(), check.every_unhealthy(), check.every_idle()];
        let least = all.iter().min().map_or(0, |gap| u64::try_from(gap.as_nanos() / 2).unwrap_or(u64::MAX));
        // Of several configurations the one that asks most often counts, from then on.
        self.least_gap = if self.least_gap == 0 { least } else { self.least_gap.min(least) };
    }

    /// An endpoint is checked.
    pub(super) fn checks(&mut self, name: usize, now: u64) -> Result<(), Broken> {
        let (least, disabled) =
            (self.least_gap, self.overridden(name, now) == Some(HealthOverride::Disabled));
        if disabled {
            return Err(format!("e{name} is checked, and an operator has disabled it"));
        }
        match self.known(name).last_check.replace(now) {
            Some(last) if now - last < least => {
                Err(format!("e{name} is checked {} ns after the last time, of at least {least}", now - last))
            }
            _ => Ok(()),
        }
    }

    /// A request was sent. `before` is what the pool showed just before, where that was looked at. Says whether it is a trial.
    pub(super) fn sends(
        &mut self,
        to: usize,
        settings: &Settings,
        before: Option<&PoolStats>,
        now: u64,
    ) -> Result<bool, Broken> {
        if !settings.place(to).is_some_and(|place| place.serves()) {
            return Err(format!("a request went to e{to}, which is gone, drains or weighs nothing"));
        }
        let word = self.overridden(to, now);
        if word == Some(HealthOverride::Disabled) {
            return Err(format!("a request went to e{to}, which an operator has disabled"));
        }
        let (until, strict) = self.known(to).cooling;
        if strict && now < until && word != Some(HealthOverride::Healthy) {
            return Err(format!(
                "a request went to e{to}, which cools down strictly for {} ns more",
                until - now
            ));
        }
        let state = before.and_then(|pool| pool.endpoints().iter().find(|one| name(one.address()) == to));
        let Some(state) = state.filter(|_| settings.panic_percent == 0) else { return Ok(false) };
        match state.health() {
            HealthState::Ejected | HealthState::Failing => {
                Err(format!("without a panic a request went to e{to}, which was {}", state.health().name()))
            }
            HealthState::Probation if self.known(to).trials > 0 => {
                Err(format!("e{to} is on probation and was given two requests at a time"))
            }
            HealthState::Probation => {
                self.known(to).trials += 1;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// A trial has ended.
    pub(super) fn ends_trial(&mut self, name: usize) {
        self.known(name).trials -= 1;
    }

    /// A request has ended.
    pub(super) fn ends(&mut self, name: usize, outcome: &Outcome, settings: &Settings, now: u64) {
        let cooldown = settings.cooldown;
        let known = self.known(name);
        let asked = outcome.retry_after().filter(|_| outcome.kind() == OutcomeKind::Overload);
        let Some(asked) = asked.map(|asked| asked.min(cooldown.longest())).filter(|asked| !asked.is_zero())
        else {
            return;
        };
        let until = now + u64::try_from(asked.as_nanos()).unwrap_or(u64::MAX);
        // Only ever later.
        known.cooling = known.cooling.max((until, cooldown.is_strict()));
    }

    /// What the pool shows.
    pub(super) fn looks(&self, settings: &Settings, pool: &PoolStats, now: u64) -> Result<(), Broken> {
        for endpoint in pool.endpoints() {
            let (of, state) = (name(endpoint.address()), endpoint.health());
            let known = self.known.get(&of).copied().unwrap_or_default();
            let (until, _) = known.cooling;
            if self.overridden(of, now).is_none() {
                if now < until && matches!(state, HealthState::Healthy | HealthState::Degraded) {
                    return Err(format!(
                        "e{of} should cool down for {} ns more and is {}",
                        until - now,
                        state.name()
                    ));
                }
                if now >= until && state == HealthState::CoolingDown {
                    return Err(format!("e{of} cools down {} ns too long", now - until));
                }
            }
            if endpoint.is_overridden() != self.overridden(of, now).is_some() {
                return Err(format!(
                    "e{of}: whether an operator's word counts is {}",
                    endpoint.is_overridden()
                ));
            }
            if settings.place(of).is_none() {
                return Err(format!("e{of} is shown, and was taken out"));
            }
        }
        Ok(())
    }

    /// What has happened: whoever was ejected leaves enough of the others.
    pub(super) fn happened(settings: &Settings, events: &[Event], pool: &PoolStats) -> Result<(), Broken> {
        if let Some(lost) = events.iter().find(|event| matches!(event, Event::Lost { .. })) {
            return Err(format!("events were lost: {lost:?}"));
        }
        if !events.iter().any(|event| matches!(event, Event::EndpointEjected { .. })) {
            return Ok(());
        }
        let serves = |address: &str| settings.place(name(address)).is_some_and(|place| place.serves());
        let serving: Vec<_> = pool.endpoints().iter().filter(|endpoint| serves(endpoint.address())).collect();
        let count = |states: &[HealthState]| {
            serving.iter().filter(|endpoint| states.contains(&endpoint.health())).count()
        };
        let out = count(&[HealthState::Ejected, HealthState::Failing, HealthState::Disabled]);
        let least = usize::try_from(settings.outlier.min_available()).unwrap_or(usize::MAX);
        if serving.len() - out < least {
            return Err(format!(
                "an ejection has left {} of {}, and {least} must stay: {events:?}",
                serving.len() - out,
                serving.len()
            ));
        }
        let percent = usize::try_from(settings.outlier.max_ejected_percent()).unwrap_or(usize::MAX);
        let most = (serving.len() * percent / 100).max(usize::from(percent > 0));
        let ejected =
            serving.iter().filter(|one| one.health() == HealthState::Ejected && !one.is_overridden()).count();
        if ejected > most {
            return Err(format!("{ejected} of {} are ejected, of at most {most}: {events:?}", serving.len()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tenantry::{Balancer, HealthCheckSpec, ManualClock, OutlierSpec, Request};

    use super::*;
    use crate::faults::{
        dice::Dice,
        settings::{Place, address},
    };

    /// Four endpoints without a panic, of which the second is ejected after one failure.
    fn settings() -> Settings {
        let mut settings = Settings::draw(&mut Dice::new(1));
        settings.places.clear();
        settings.places.extend((0..4).map(|name| Place { name, draining: false, weight: 1 }));
        settings.panic_percent = 0;
        settings.check = Some(HealthCheckSpec::tcp().with_every(Duration::from_secs(1)));
        settings.outlier = OutlierSpec::new().with_consecutive_failures(1);
        settings
    }

    fn ejected(settings: &Settings) -> (PoolStats, Vec<Event>, usize) {
        let balancer = Balancer::with_clock(settings.config(1), ManualClock::new()).expect("a configuration");
        let lease = balancer.try_acquire(&Request::new("t").key(b"k")).expect("an endpoint");
        let bad = name(lease.endpoint().address());
        lease.finish(Outcome::failure());
        (balancer.pool_stats("api").expect("the pool"), balancer.take_events(), bad)
    }

    #[test]
    fn an_ejection_that_leaves_too_few_is_told() {
        let mut settings = settings();
        let (pool, events, _) = ejected(&settings);
        assert_eq!(Oracle::happened(&settings, &events, &pool), Ok(()));
        settings.outlier = settings.outlier.with_min_available(4);
        assert!(Oracle::happened(&settings, &events, &pool).is_err());
        settings.outlier = OutlierSpec::new().with_max_ejected_percent(0);
        assert!(Oracle::happened(&settings, &events, &pool).is_err());
    }

    #[test]
    fn requests_to_whom_none_may_go_are_told() {
        let mut settings = settings();
        let (pool, _, bad) = ejected(&settings);
        let good = (bad + 1) % 4;
        let sends = |oracle: &mut Oracle, settings: &Settings, to| oracle.sends(to, settings, Some(&pool), 5);
        let mut oracle = Oracle::default();
        assert_eq!(sends(&mut oracle, &settings, good), Ok(false));
        assert!(sends(&mut oracle, &settings, bad).is_err(), "it is ejected");
        oracle.overrides(good, Some((HealthOverride::Disabled, 6)));
        assert!(sends(&mut oracle, &settings, good).is_err());
        oracle.overrides(good, None);
        settings.cooldown = settings.cooldown.strict().with_longest(Duration::from_nanos(6));
        let asked = Outcome::overload().with_retry_after(Duration::from_secs(1));
        oracle.ends(good, &asked, &settings, 0);
        assert!(sends(&mut oracle, &settings, good).is_err(), "it cools down");
        assert!(oracle.looks(&settings, &pool, 5).is_err(), "and is shown as healthy");
        assert_eq!(oracle.looks(&settings, &pool, 6), Ok(()));
        settings.places.retain(|place| address(place.name) != address(good));
        assert!(sends(&mut oracle, &settings, good).is_err(), "it is gone");
    }

    #[test]
    fn checks_too_close_to_each_other_are_told() {
        let mut oracle = Oracle::default();
        oracle.configured(&settings());
        assert_eq!(oracle.checks(0, 0), Ok(()));
        assert_eq!(oracle.checks(0, 500_000_000), Ok(()));
        assert!(oracle.checks(0, 999_999_999).is_err());
    }
}
