//! How endpoints that are new take up their load.

use std::time::Duration;

use super::{
    ConfigError,
    bounds::{LONGEST, Ratio, SHORTEST, number, period, ratio},
};

/// How an endpoint that is new, or has returned from an ejection, takes up its load. In the document: the window as in `slow_start = "30s"`, or a
/// table `{ window = "30s", aggression = 1.0, minimum = 10 }`.
///
/// Source and defaults: Envoy's slow start. After a time t of the window its weight counts as `max(minimum, (t / window)^(1 / aggression))`
/// of itself. A pool's first endpoints do not start slowly: there is nobody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowStartSpec {
    window: Duration,
    aggression: Ratio,
    minimum_percent: u32,
}

impl SlowStartSpec {
    /// In a straight line over `window`, from 10 % on.
    #[must_use]
    pub const fn over(window: Duration) -> Self {
        Self { window, aggression: Ratio::new(1.0), minimum_percent: 10 }
    }

    /// Above 1 it takes up its load faster at first, below 1 slower; from 0.1 to 100. Default 1: a straight line.
    #[must_use]
    pub const fn with_aggression(mut self, aggression: f64) -> Self {
        self.aggression = Ratio::new(aggression);
        self
    }

    /// What it has at the least, from 1 to 100 % of its weight. Default 10.
    #[must_use]
    pub const fn with_minimum_percent(mut self, percent: u32) -> Self {
        self.minimum_percent = percent;
        self
    }

    /// How long it takes.
    #[must_use]
    pub const fn window(&self) -> Duration {
        self.window
    }

    /// The aggression.
    #[must_use]
    pub const fn aggression(&self) -> f64 {
        self.aggression.get()
    }

    /// The minimum.
    #[must_use]
    pub const fn minimum_percent(&self) -> u32 {
        self.minimum_percent
    }

    pub(super) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        period(path, "window", self.window, SHORTEST..=LONGEST)?;
        ratio(path, "aggression", self.aggression(), 0.1..=100.0)?;
        number(path, "minimum", self.minimum_percent, 1..=100)
    }
}
