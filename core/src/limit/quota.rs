//! One rate quota in the units that GCRA counts in.
//!
//! Time is counted in 1/32 ns, so a unit of a quota that does not divide a second (3 per second) is rounded up by less than
//! 1/32 ns, never admits too much, and 64 bits last 18 years of uptime.

use std::time::Duration;

use crate::time::{Time, nanos};

/// What a quota counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "ledger", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Unit {
    /// Every request counts 1.
    Requests,
    /// Every request counts its cost.
    Cost,
}

/// A rate with a burst: GCRA's emission interval and tolerance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "ledger", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Quota {
    unit: Unit,
    burst: u64,
    interval: u64,
}

impl Quota {
    /// `amount` of `unit` every `period`, at most `burst` at once. `None` when its figures overflow 64 bits (a burst worth
    /// over 4 years) or one is zero.
    pub(crate) fn new(unit: Unit, amount: u64, period: Duration, burst: u64) -> Option<Self> {
        let period = u128::from(nanos(period)) * u128::from(TICKS_PER_NANO);
        let interval =
            u64::try_from(period.checked_add(u128::from(amount).checked_sub(1)?)? / u128::from(amount))
                .ok()?;
        let tolerance = interval.checked_mul(burst)?;
        let usable = interval > 0 && (1..=u64::MAX / 4).contains(&tolerance);
        usable.then_some(Self { unit, burst, interval })
    }

    /// Whether it lets in less than 99 of 100 units of such a rate, because the time that each takes is rounded up.
    pub(crate) fn is_cut(&self, amount: u64, period: Duration) -> bool {
        let (takes, given) = (u128::from(self.interval) * u128::from(amount), u128::from(nanos(period)));
        takes.saturating_mul(99) > (given * u128::from(TICKS_PER_NANO)).saturating_mul(100)
    }

    /// Whether it is one that [`new`](Self::new) would make.
    #[cfg(feature = "ledger")]
    pub(crate) fn is_sound(&self) -> bool {
        let tolerance = self.interval.checked_mul(self.burst);
        tolerance.is_some_and(|tolerance| (1..=u64::MAX / 4).contains(&tolerance))
    }

    /// The most that can pass at once.
    pub(crate) const fn burst(&self) -> u64 {
        self.burst
    }

    /// How much of the quota a request of `cost` uses.
    pub(crate) const fn units(&self, cost: u64) -> u64 {
        match self.unit {
            Unit::Requests => 1,
            Unit::Cost => cost,
        }
    }

    /// Whether it counts cost, which is only known at the end.
    pub(crate) const fn counts_cost(&self) -> bool {
        matches!(self.unit, Unit::Cost)
    }

    /// Ticks that a request of `cost` takes to come back, if it may ever pass.
    #[inline]
    pub(crate) const fn affordable(&self, cost: u64) -> Option<u64> {
        match self.unit {
            Unit::Requests => Some(self.interval),
            // It does not overflow: the whole burst does not.
            Unit::Cost if cost <= self.burst => Some(self.interval * cost),
            Unit::Cost => None,
        }
    }

    /// Ticks that `units` take to come back; saturates at what a debt may be.
    pub(crate) const fn ticks(&self, units: u64) -> u64 {
        match self.interval.checked_mul(units) {
            Some(ticks) if ticks < MOST_DEBT => ticks,
            _ => MOST_DEBT,
        }
    }

    pub(super) fn same_unit(&self, other: &Self) -> bool {
        self.unit == other.unit
    }

    pub(super) fn same_rate(&self, other: &Self) -> bool {
        self.same_unit(other) && self.interval == other.interval
    }

    /// How long `other` takes for the units that take this one `ticks`.
    pub(super) fn rescale(&self, ticks: u64, other: &Self) -> u64 {
        let rescaled = u128::from(ticks) * u128::from(other.interval) / u128::from(self.interval);
        u64::try_from(rescaled).unwrap_or(MOST_DEBT).min(MOST_DEBT)
    }

    /// Ticks that a full burst takes to come back.
    pub(crate) const fn tolerance(&self) -> u64 {
        self.interval * self.burst
    }
}

/// A moment in ticks.
pub(crate) const fn ticks_at(now: Time) -> u64 {
    now.as_nanos().saturating_mul(TICKS_PER_NANO)
}

/// A stretch of ticks as time, rounded up: a nanosecond too late is right, one too early is not.
pub(crate) const fn duration_of(ticks: u64) -> Duration {
    Duration::from_nanos(ticks.div_ceil(TICKS_PER_NANO))
}

const TICKS_PER_NANO: u64 = 32;
const MOST_DEBT: u64 = u64::MAX / 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_that_overflow_are_refused() {
        let new = |amount, period, burst| Quota::new(Unit::Requests, amount, period, burst);
        assert!(new(0, Duration::from_secs(1), 1).is_none());
        assert!(new(1, Duration::ZERO, 1).is_none());
        assert!(new(1, Duration::from_secs(1), 0).is_none());
        assert!(new(1, Duration::from_secs(86_400 * 366), u64::MAX).is_none());
        assert!(new(1, Duration::from_secs(86_400 * 366), 1).is_some());
        assert!(new(u64::MAX, Duration::from_nanos(1), u64::MAX).is_none());
    }

    #[test]
    fn a_rate_is_cut_where_a_unit_takes_a_few_ticks_and_a_fraction() {
        let is_cut = |amount| {
            let second = Duration::from_secs(1);
            Quota::new(Unit::Cost, amount, second, 1).is_some_and(|quota| quota.is_cut(amount, second))
        };
        for exact in [1, 3, 1_000_000, 104_857_600, 1_000_000_000, 32_000_000_000] {
            assert!(!is_cut(exact), "{exact}");
        }
        for cut in [4_294_967_295, 10_000_000_000, 1_000_000_000_000, u64::MAX] {
            assert!(is_cut(cut), "{cut}");
        }
    }

    #[test]
    fn a_day_of_a_million_units_fits() {
        let quota = Quota::new(Unit::Cost, 1_000_000, Duration::from_secs(86_400), 1_000_000).expect("fits");
        assert_eq!(duration_of(quota.tolerance()), Duration::from_secs(86_400));
        assert_eq!(quota.units(7), 7);
    }
}
