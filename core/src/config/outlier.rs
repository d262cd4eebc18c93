//! When an endpoint is left out for a while because of what real traffic shows.

use std::time::Duration;

use super::{
    ConfigError, FailurePercentageSpec, LatencyOutlierSpec, SuccessRateSpec,
    bounds::{LONGEST, SHORTEST, number, period},
    quoted,
};

/// The rules of ejection. In the document: `health = { outlier = { consecutive_failures = 5 } }`.
///
/// Times and caps are Envoy's; at least one endpoint may be ejected where there are two, and never the last. Whom the cap saves from an ejection is degraded instead: it serves where the
/// others do not suffice. Overload answers and cancelled requests are no failures, and every attempt counts by itself, whether a retry follows or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutlierSpec {
    consecutive_failures: u32,
    consecutive_gateway_failures: Option<u32>,
    interval: Duration,
    success_rate: Option<SuccessRateSpec>,
    failure_percentage: Option<FailurePercentageSpec>,
    latency: Option<LatencyOutlierSpec>,
    ejection: Duration,
    longest_ejection: Duration,
    max_ejected_percent: u32,
    min_available: u32,
    shadow: bool,
}

impl OutlierSpec {
    /// The defaults: 5 failures in a row, all three comparisons every 10 s, 30 s × n up to 300 s, at most 10 % of the endpoints.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            consecutive_failures: 5,
            consecutive_gateway_failures: None,
            interval: Duration::from_secs(10),
            success_rate: Some(SuccessRateSpec::new()),
            failure_percentage: Some(FailurePercentageSpec::new()),
            latency: Some(LatencyOutlierSpec::new()),
            ejection: Duration::from_secs(30),
            longest_ejection: Duration::from_secs(300),
            max_ejected_percent: 10,
            min_available: 1,
            shadow: false,
        }
    }

    /// Failures in a row that eject. Default 5.
    #[must_use]
    pub const fn with_consecutive_failures(mut self, failures: u32) -> Self {
        self.consecutive_failures = failures;
        self
    }

    /// Failures in a row that eject where [no endpoint answered](crate::FailureCause::is_gateway): other failures end the row. Default: they are not counted apart.
    #[must_use]
    pub const fn with_consecutive_gateway_failures(mut self, failures: u32) -> Self {
        self.consecutive_gateway_failures = Some(failures);
        self
    }

    /// How often endpoints are compared with each other, and how long one must serve in peace for one of its ejections to be forgotten; from 100 ms to a day. Default 10 s.
    #[must_use]
    pub const fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// When fewer of one's requests succeed than of the others'. Default [`SuccessRateSpec::new`].
    #[must_use]
    pub const fn with_success_rate(mut self, rule: SuccessRateSpec) -> Self {
        self.success_rate = Some(rule);
        self
    }

    /// No comparison of success rates.
    #[must_use]
    pub const fn without_success_rate(mut self) -> Self {
        self.success_rate = None;
        self
    }

    /// When too many of one's requests fail. Default [`FailurePercentageSpec::new`].
    #[must_use]
    pub const fn with_failure_percentage(mut self, rule: FailurePercentageSpec) -> Self {
        self.failure_percentage = Some(rule);
        self
    }

    /// No bound on the percentage of failures.
    #[must_use]
    pub const fn without_failure_percentage(mut self) -> Self {
        self.failure_percentage = None;
        self
    }

    /// When one that succeeds is slow. Default [`LatencyOutlierSpec::new`].
    #[must_use]
    pub const fn with_latency(mut self, rule: LatencyOutlierSpec) -> Self {
        self.latency = Some(rule);
        self
    }

    /// No comparison of latencies.
    #[must_use]
    pub const fn without_latency(mut self) -> Self {
        self.latency = None;
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

    /// The most endpoints ejected at once, in percent, but at least one; 0 turns all of this off. Default 10.
    #[must_use]
    pub const fn with_max_ejected_percent(mut self, percent: u32) -> Self {
        self.max_ejected_percent = percent;
        self
    }

    /// How many endpoints are left at the least, whatever the percentage allows; at least 1. Default 1.
    #[must_use]
    pub const fn with_min_available(mut self, endpoints: u32) -> Self {
        self.min_available = endpoints;
        self
    }

    /// Only tells what is found, as [`Event::OutlierShadowed`](crate::Event::OutlierShadowed), and counts it in [`EndpointStats`](crate::EndpointStats::shadow_ejections): nobody is ejected or degraded.
    #[must_use]
    pub const fn in_shadow(mut self) -> Self {
        self.shadow = true;
        self
    }

    /// Failures in a row that eject.
    #[must_use]
    pub const fn consecutive_failures(&self) -> u32 {
        self.consecutive_failures
    }

    /// Gateway failures in a row that eject.
    #[must_use]
    pub const fn consecutive_gateway_failures(&self) -> Option<u32> {
        self.consecutive_gateway_failures
    }

    /// How often endpoints are compared.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.interval
    }

    /// The rule of the success rate.
    #[must_use]
    pub const fn success_rate(&self) -> Option<SuccessRateSpec> {
        self.success_rate
    }

    /// The rule of the failure percentage.
    #[must_use]
    pub const fn failure_percentage(&self) -> Option<FailurePercentageSpec> {
        self.failure_percentage
    }

    /// The rule of latency.
    #[must_use]
    pub const fn latency(&self) -> Option<LatencyOutlierSpec> {
        self.latency
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

    /// How many endpoints are left at the least.
    #[must_use]
    pub const fn min_available(&self) -> u32 {
        self.min_available
    }

    /// Whether it only tells.
    #[must_use]
    pub const fn is_shadow(&self) -> bool {
        self.shadow
    }

    pub(super) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        let wrong = |field: &str, value: String, fix: &str| {
            Err(ConfigError::new(format!("{path}.{field}"), value, fix))
        };
        if self.consecutive_failures == 0 {
            let fix = "give at least 1; max_ejected = 0 turns ejection off";
            return wrong("consecutive_failures", "0".to_owned(), fix);
        }
        if self.consecutive_gateway_failures == Some(0) {
            let fix = "give at least 1, or leave it out: then they are not counted apart";
            return wrong("consecutive_gateway_failures", "0".to_owned(), fix);
        }
        period(path, "interval", self.interval, SHORTEST * 100..=LONGEST)?;
        self.success_rate.map_or(Ok(()), |rule| rule.validate(&format!("{path}.success_rate")))?;
        self.failure_percentage
            .map_or(Ok(()), |rule| rule.validate(&format!("{path}.failure_percentage")))?;
        self.latency.map_or(Ok(()), |rule| rule.validate(&format!("{path}.latency")))?;
        if self.ejection.is_zero() {
            return wrong("ejection", quoted("0s"), "give a duration above zero, such as \"30s\"");
        }
        if self.longest_ejection < self.ejection {
            let fix = "give at least as long as the first ejection";
            return wrong("longest_ejection", quoted(&format!("{:?}", self.longest_ejection)), fix);
        }
        if self.longest_ejection > LONGEST_EJECTION {
            let value = quoted(&format!("{:?}", self.longest_ejection));
            return wrong("longest_ejection", value, "give at most 366d");
        }
        if self.max_ejected_percent > 100 {
            let value = self.max_ejected_percent.to_string();
            return wrong("max_ejected", value, "give a percentage from 0 to 100");
        }
        number(path, "min_available", self.min_available, 1..=1_000_000)
    }
}

impl Default for OutlierSpec {
    fn default() -> Self {
        Self::new()
    }
}

const LONGEST_EJECTION: Duration = Duration::from_secs(366 * 86_400);
