//! Slow start: what an endpoint's weight counts while it is new.
//!
//! Source: Envoy's slow start: `max(minimum, (t / window)^(1 / aggression))` of its weight after a time t. *Where we differ*: strategies that look at load
//! see it scaled; those that do not pass over an endpoint with the probability of what it lacks; with hash strategies it is refused, because keys would
//! move twice.

use std::time::Duration;

use crate::time::{Time, nanos};

/// How endpoints warm up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SlowStart {
    window: u64,
    exponent: f32,
    minimum: f32,
}

impl SlowStart {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "a factor between 0 and 1"
    )]
    pub(crate) fn over(window: Duration, aggression: f64, minimum_percent: u32) -> Self {
        Self {
            window: nanos(window),
            exponent: (1.0 / aggression) as f32,
            minimum: minimum_percent as f32 / 100.0,
        }
    }

    /// When one that begins at `from` is warm.
    pub(crate) fn ends(&self, from: Time) -> Time {
        from + Duration::from_nanos(self.window)
    }

    /// What the weight of one that began at `from` counts now, from the minimum to 1.
    #[expect(clippy::cast_precision_loss, reason = "a factor between 0 and 1")]
    pub(crate) fn factor(&self, from: Time, now: Time) -> f32 {
        let passed = now.as_nanos().saturating_sub(from.as_nanos());
        if from == Time::ZERO || passed >= self.window {
            return 1.0;
        }
        (passed as f32 / self.window as f32).powf(self.exponent).max(self.minimum)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn factor(aggression: f64, minimum: u32, seconds: u64) -> f32 {
        let from = Time::from_nanos(5);
        SlowStart::over(MINUTE, aggression, minimum).factor(from, from + Duration::from_secs(seconds))
    }

    /// `vectors/envoy-misc.json`.
    #[test]
    fn weighs_as_envoys_tests_say() {
        let text = include_str!("../../../vectors/envoy-misc.json");
        let vectors: serde_json::Value = serde_json::from_str(text).expect("the vectors are JSON");
        let cases = vectors["slow_start"]["cases"].as_array().expect("cases");
        assert!(!cases.is_empty());
        for case in cases {
            let whole = |name: &str| case[name].as_u64().expect("whole seconds");
            let number = |name: &str| case[name].as_f64().expect("a number");
            let slow_start = SlowStart::over(Duration::from_secs(whole("window_s")), number("aggr"), 10);
            let from = Time::from_nanos(5);
            let found = slow_start.factor(from, from + Duration::from_secs(whole("t_s")));
            assert!((f64::from(found) - number("factor")).abs() < 1e-6, "{case}: {found}");
        }
    }

    #[test]
    fn weighs_as_envoys_formula_says() {
        for (aggression, minimum, seconds, expected) in
            [(1.0, 10, 0, 0.10), (0.5, 10, 30, 0.25), (1.0, 40, 15, 0.40)]
        {
            let found = factor(aggression, minimum, seconds);
            assert!((found - expected).abs() < 1e-6, "{aggression}, {minimum} % after {seconds} s: {found}");
        }
    }

    #[test]
    fn who_was_there_from_the_beginning_is_warm() {
        let slow_start = SlowStart::over(MINUTE, 1.0, 10);
        assert!(slow_start.factor(Time::ZERO, Time::from_nanos(1)) >= 1.0);
    }
}
