//! A tenant's rate, and its history.

use std::time::Duration;

use tenantry::Time;

use super::Mode;

/// When a tenant's rate is abnormal: its average over the last seconds is `factor` times that over the last hour, and not small.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SurgeSpec {
    pub(super) factor: f64,
    pub(super) floor: f64,
    pub(super) fast: Duration,
    pub(super) slow: Duration,
    pub(super) mode: Mode,
}

impl Default for SurgeSpec {
    /// 5 times as much as usual, at least 10 requests a second, 10 s against 1 h, in [shadow](Mode::Shadow): success looks the same.
    fn default() -> Self {
        let (fast, slow) = (Duration::from_secs(10), Duration::from_secs(3600));
        Self { factor: 5.0, floor: 10.0, fast, slow, mode: Mode::Shadow }
    }
}

impl SurgeSpec {
    /// How many times the usual rate is abnormal; what is not above 1 counts as 1. Default 5.
    #[must_use]
    pub const fn with_factor(mut self, factor: f64) -> Self {
        self.factor = factor.max(1.0);
        self
    }

    /// Below so many requests a second nothing is. Default 10.
    #[must_use]
    pub const fn with_floor(mut self, floor: f64) -> Self {
        self.floor = floor.max(0.0);
        self
    }

    /// Over how long the present and the history are averaged. Until the history is as long as this, nothing is abnormal. Default 10 s, 1 h.
    #[must_use]
    pub fn with_windows(mut self, fast: Duration, slow: Duration) -> Self {
        self.fast = fast.max(Duration::from_millis(1));
        self.slow = slow.max(self.fast);
        self
    }

    /// What becomes of it. Default: [`Mode::Shadow`].
    #[must_use]
    pub const fn with_mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// How many times the usual rate is abnormal.
    #[must_use]
    pub const fn factor(&self) -> f64 {
        self.factor
    }

    /// Below how many requests a second nothing is.
    #[must_use]
    pub const fn floor(&self) -> f64 {
        self.floor
    }
}

/// Two exponentially weighted averages of one rate. Each is biased towards 0 while it is young; the slow one, which is compared with, is corrected for that.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    fast: f64,
    slow: f64,
    began: Option<Time>,
    at: Time,
    is_high: bool,
}

/// The rate now, and as it usually is, in requests a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Surge {
    pub(super) rate: f64,
    pub(super) usual: f64,
}

impl Pace {
    /// Counts a request. Says so when the rate becomes abnormal, and not again before it has come half the way down.
    pub(super) fn tick(&mut self, spec: &SurgeSpec, now: Time) -> Option<Surge> {
        let began = *self.began.get_or_insert(now);
        let (gap, age) = (now.since(self.at).as_secs_f64(), now.since(began).as_secs_f64());
        self.at = now.max(self.at);
        let (fast, slow) = (spec.fast.as_secs_f64(), spec.slow.as_secs_f64());
        self.slow *= (-gap / slow).exp();
        let usual = self.slow / (1.0 - (-age / slow).exp()).max(f64::EPSILON);
        self.fast = self.fast * (-gap / fast).exp() + 1.0 / fast;
        self.slow += 1.0 / slow;
        let threshold = (usual * spec.factor).max(spec.floor);
        if self.is_high {
            self.is_high = self.fast > threshold / 2.0;
            return None;
        }
        self.is_high = age >= slow && self.fast > threshold;
        self.is_high.then_some(Surge { rate: self.fast, usual })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Requests at an even rate, for so long; the surges seen.
    fn run(pace: &mut Pace, now: &mut Time, per_second: u64, seconds: u64) -> Vec<Surge> {
        let gap = Duration::from_nanos(1_000_000_000 / per_second);
        let spec = SurgeSpec::default();
        let ticks = (0..per_second * seconds).filter_map(|_| {
            *now = *now + gap;
            pace.tick(&spec, *now)
        });
        ticks.collect()
    }

    #[test]
    fn a_rate_far_above_its_history_is_told_once() {
        let (mut pace, mut now) = (Pace::default(), Time::ZERO);
        assert_eq!(run(&mut pace, &mut now, 20, 7_200), []);
        let surges = run(&mut pace, &mut now, 400, 30);
        assert_eq!(surges.len(), 1);
        assert!((15.0..25.0).contains(&surges[0].usual) && surges[0].rate > 100.0, "{surges:?}");
        assert_eq!(run(&mut pace, &mut now, 20, 600), [], "it ends");
        assert_eq!(run(&mut pace, &mut now, 400, 30).len(), 1, "and may come again");
    }

    #[test]
    fn without_a_history_and_below_the_floor_nothing_is_abnormal() {
        let (mut pace, mut now) = (Pace::default(), Time::ZERO);
        assert_eq!(run(&mut pace, &mut now, 500, 60), [], "a tenant's first minute");
        let (mut pace, mut now) = (Pace::default(), Time::ZERO);
        run(&mut pace, &mut now, 1, 7_200);
        assert_eq!(run(&mut pace, &mut now, 9, 60), [], "nine times as much, of little");
    }

    #[test]
    fn a_slow_growth_is_no_surge() {
        let (mut pace, mut now) = (Pace::default(), Time::ZERO);
        for rate in [20, 30, 45, 70, 100, 150] {
            assert_eq!(run(&mut pace, &mut now, rate, 3_600), [], "{rate}");
        }
    }
}
