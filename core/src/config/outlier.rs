//! When an endpoint is left out for a while because of what real traffic shows.

use std::time::Duration;

/// The rules of ejection. In the document: `health = { outlier = { consecutive_failures = 5 } }`.
///
/// The defaults are Envoy's; at least one endpoint may be ejected where there are two, and never the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutlierSpec {
    consecutive_failures: u32,
    ejection: Duration,
    longest_ejection: Duration,
    max_ejected_percent: u32,
}

impl OutlierSpec {
    /// The defaults: 5 failures in a row, 30 s × n up to 300 s, at most 10 % of the endpoints.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            consecutive_failures: 5,
            ejection: Duration::from_secs(30),
            longest_ejection: Duration::from_secs(300),
            max_ejected_percent: 10,
        }
    }

    /// Failures in a row that eject. Default 5.
    #[must_use]
    pub const fn with_consecutive_failures(mut self, failures: u32) -> Self {
        self.consecutive_failures = failures;
        self
    }

    /// The first ejection's time; the n-th takes n times as long. Default 30 s.
    #[must_use]
    pub const fn with_ejection(mut self, time: Duration) -> Self {
        self.ejection = time;
        self
    }

    /// The longest ejection, before up to a tenth of jitter. Default 300 s.
    #[must_use]
    pub const fn with_longest_ejection(mut self, time: Duration) -> Self {
        self.longest_ejection = time;
        self
    }

    /// The most endpoints ejected at once, in percent; 0 turns ejection off. Default 10.
    #[must_use]
    pub const fn with_max_ejected_percent(mut self, percent: u32) -> Self {
        self.max_ejected_percent = percent;
        self
    }

    /// Failures in a row that eject.
    #[must_use]
    pub const fn consecutive_failures(&self) -> u32 {
        self.consecutive_failures
    }

    /// The first ejection's time.
    #[must_use]
    pub const fn ejection(&self) -> Duration {
        self.ejection
    }

    /// The longest ejection.
    #[must_use]
    pub const fn longest_ejection(&self) -> Duration {
        self.longest_ejection
    }

    /// The most endpoints ejected at once, in percent.
    #[must_use]
    pub const fn max_ejected_percent(&self) -> u32 {
        self.max_ejected_percent
    }
}

impl Default for OutlierSpec {
    fn default() -> Self {
        Self::new()
    }
}
