//! How many attempts beyond the first a tenant may make in a pool.

use std::time::Duration;

use super::{ConfigError, error::quoted};

/// A budget for retries, or for hedges, that each tenant has in a pool: a share of its requests of the last while, and some more in any
/// case. In the document: `retry = { ratio = 0.2, per_second = 10, window = "10s" }`.
///
/// In any window a tenant's retries are never more than `ratio` × its requests + `per_second` × `window`. Without a budget, clients that try
/// three times make three times the load of what cannot even serve one; with this one at most 1.2 times (and the reserve).
///
/// ```
/// use tenantry::AttemptsSpec;
///
/// let spec = AttemptsSpec::retries().with_percent(10);
/// assert_eq!((spec.ratio_millionths(), spec.per_second()), (100_000, 10));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptsSpec {
    ratio_millionths: u32,
    per_second: u32,
    window: Duration,
}

impl AttemptsSpec {
    /// What retries have unless configured: 20 % of the requests of the last 10 s, and 10 per second. Finagle's and Linkerd's figures.
    #[must_use]
    pub const fn retries() -> Self {
        Self { ratio_millionths: 200_000, per_second: 10, window: Duration::from_secs(10) }
    }

    /// What hedges have unless configured: 5 % of the requests of the last 10 s, and 1 per second. Whoever hedges at its 95th percentile
    /// ("The Tail at Scale", Dean and Barroso, 2013) needs 5 %.
    #[must_use]
    pub const fn hedges() -> Self {
        Self { ratio_millionths: 50_000, per_second: 1, window: Duration::from_secs(10) }
    }

    /// Nothing at all: a base for setters, or the end of retries.
    #[must_use]
    pub const fn none() -> Self {
        Self { ratio_millionths: 0, per_second: 0, window: Duration::from_secs(10) }
    }

    /// How many for each hundred requests. May be 0, and above 100.
    #[must_use]
    pub const fn with_percent(self, percent: u32) -> Self {
        self.with_ratio_millionths(percent.saturating_mul(10_000))
    }

    /// How many for each million requests, at most a thousand million; counted exactly.
    #[must_use]
    pub const fn with_ratio_millionths(mut self, millionths: u32) -> Self {
        self.ratio_millionths = millionths;
        self
    }

    /// How many per second in any case: the reserve is this × the window, and may be used at once. May be 0; at most a million.
    #[must_use]
    pub const fn with_per_second(mut self, attempts: u32) -> Self {
        self.per_second = attempts;
        self
    }

    /// For how long a request counts. From 1 s to 60 s, in whole milliseconds.
    #[must_use]
    pub const fn with_window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// How many for each million requests.
    #[must_use]
    pub const fn ratio_millionths(&self) -> u32 {
        self.ratio_millionths
    }

    /// How many per second in any case.
    #[must_use]
    pub const fn per_second(&self) -> u32 {
        self.per_second
    }

    /// For how long a request counts.
    #[must_use]
    pub const fn window(&self) -> Duration {
        self.window
    }

    pub(super) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        let wrong = |field: &str, value: &str, fix: &str| {
            Err(ConfigError::new(format!("{path}.{field}"), value.to_owned(), fix))
        };
        if self.ratio_millionths > MOST_MILLIONTHS {
            let ratio = f64::from(self.ratio_millionths) / 1e6;
            return wrong("ratio", &ratio.to_string(), RATIO_FIX);
        }
        if self.per_second > MOST_PER_SECOND {
            return wrong("per_second", &self.per_second.to_string(), "give at most 1000000");
        }
        let whole = self.window.subsec_nanos().is_multiple_of(1_000_000);
        if !whole || self.window < SHORTEST || self.window > LONGEST {
            let fix = "give a window from 1s to 60s, in whole milliseconds";
            return wrong("window", &quoted(&format!("{:?}", self.window)), fix);
        }
        Ok(())
    }
}

pub(super) const MOST_MILLIONTHS: u32 = 1_000_000_000;
pub(super) const RATIO_FIX: &str =
    "give a ratio from 0 to 1000 with at most six digits after the point, such as 0.2 or \"20%\"";
const MOST_PER_SECOND: u32 = 1_000_000;
/// The bounds of Finagle.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
