//! The rules that compare an endpoint with the others.

use std::time::Duration;

use super::{
    ConfigError,
    bounds::{LONGEST, Ratio, number, period, ratio},
};

/// When fewer of an endpoint's requests succeed than of the others'. In the document: `success_rate = { factor = 1.9, min_endpoints = 5, min_requests = 100 }`.
///
/// Source and defaults: Envoy and gRFC A50. Less than `mean − factor × deviation` of all that have had enough requests is too little. What chance explains, and less than five in
/// a hundred, is never too little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SuccessRateSpec {
    factor: Ratio,
    compared: Compared,
}

/// When too many of an endpoint's requests fail, whatever the deviation is. In the document: the percentage as in `failure_percentage = 30`, or a table
/// `{ threshold = 30, min_endpoints = 2, min_requests = 50 }`.
///
/// Envoy's threshold is 85 %, and 5 endpoints; here it is the rule that sees a group of equally bad ones, to which the success rate is blind. So that it does not blame for what
/// ails everybody, an endpoint must also fail more than the median of all does, beyond what chance explains and by at least three in a hundred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailurePercentageSpec {
    threshold: u32,
    compared: Compared,
}

/// When an endpoint that succeeds is slow. In the document: `latency = { factor = 5.0, floor = "10ms", min_endpoints = 3, min_requests = 20 }`.
///
/// The geometric mean of what its successes took is compared with the median of those of its tier. Who is slow is degraded, not ejected: it serves where the others do not suffice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatencyOutlierSpec {
    factor: Ratio,
    floor: Duration,
    compared: Compared,
}

/// What all of them have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Compared {
    pub(crate) min_endpoints: u32,
    pub(crate) min_requests: u32,
    pub(crate) shadow: bool,
}

impl SuccessRateSpec {
    /// The defaults: factor 1.9, 5 endpoints, 100 requests.
    #[must_use]
    pub const fn new() -> Self {
        Self { factor: Ratio::new(1.9), compared: Compared::new(5, 100) }
    }

    /// How many deviations below the mean are too many, from 0.1 to 100. Default 1.9.
    #[must_use]
    pub const fn with_factor(mut self, factor: f64) -> Self {
        self.factor = Ratio::new(factor);
        self
    }

    /// How many deviations below the mean are too many.
    #[must_use]
    pub const fn factor(&self) -> f64 {
        self.factor.get()
    }

    pub(super) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        ratio(path, "factor", self.factor(), 0.1..=100.0)?;
        self.compared.validate(path)
    }
}

impl FailurePercentageSpec {
    /// The defaults: 30 %, 2 endpoints, 50 requests.
    #[must_use]
    pub const fn new() -> Self {
        Self { threshold: 30, compared: Compared::new(2, 50) }
    }

    /// How many failures are too many, from 1 to 100 %. Default 30.
    #[must_use]
    pub const fn with_threshold_percent(mut self, percent: u32) -> Self {
        self.threshold = percent;
        self
    }

    /// How many failures are too many, in percent.
    #[must_use]
    pub const fn threshold_percent(&self) -> u32 {
        self.threshold
    }

    pub(super) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        number(path, "threshold", self.threshold, 1..=100)?;
        self.compared.validate(path)
    }
}

impl LatencyOutlierSpec {
    /// The defaults: 5 times the median, nothing below 10 ms, 3 endpoints, 20 requests.
    #[must_use]
    pub const fn new() -> Self {
        Self { factor: Ratio::new(5.0), floor: Duration::from_millis(10), compared: Compared::new(3, 20) }
    }

    /// How many times the median are too many, from 1.5 to 1000. Default 5.
    #[must_use]
    pub const fn with_factor(mut self, factor: f64) -> Self {
        self.factor = Ratio::new(factor);
        self
    }

    /// Nothing below this is slow, whatever the others do; up to a day. Default 10 ms.
    #[must_use]
    pub const fn with_floor(mut self, floor: Duration) -> Self {
        self.floor = floor;
        self
    }

    /// How many times the median are too many.
    #[must_use]
    pub const fn factor(&self) -> f64 {
        self.factor.get()
    }

    /// What is never slow.
    #[must_use]
    pub const fn floor(&self) -> Duration {
        self.floor
    }

    pub(super) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        ratio(path, "factor", self.factor(), 1.5..=1_000.0)?;
        period(path, "floor", self.floor, Duration::ZERO..=LONGEST)?;
        self.compared.validate(path)
    }
}

impl Compared {
    const fn new(min_endpoints: u32, min_requests: u32) -> Self {
        Self { min_endpoints, min_requests, shadow: false }
    }

    fn validate(&self, path: &str) -> Result<(), ConfigError> {
        number(path, "min_endpoints", self.min_endpoints, 2..=MOST)?;
        number(path, "min_requests", self.min_requests, 1..=MOST)
    }
}

/// The setters that all rules share.
macro_rules! compared {
    ($spec:ident) => {
        impl $spec {
            /// Nothing is compared among fewer that have had enough requests; at least 2. The default is with the type.
            #[must_use]
            pub const fn with_min_endpoints(mut self, endpoints: u32) -> Self {
                self.compared.min_endpoints = endpoints;
                self
            }

            /// Nobody is judged by fewer requests: they are gathered over as many intervals as it takes, up to six. The default is with the type.
            #[must_use]
            pub const fn with_min_requests(mut self, requests: u32) -> Self {
                self.compared.min_requests = requests;
                self
            }

            /// Only tells what it finds, as [`Event::OutlierShadowed`](crate::Event::OutlierShadowed).
            #[must_use]
            pub const fn in_shadow(mut self) -> Self {
                self.compared.shadow = true;
                self
            }

            /// How many endpoints it takes.
            #[must_use]
            pub const fn min_endpoints(&self) -> u32 {
                self.compared.min_endpoints
            }

            /// How many requests it takes.
            #[must_use]
            pub const fn min_requests(&self) -> u32 {
                self.compared.min_requests
            }

            /// Whether it only tells.
            #[must_use]
            pub const fn is_shadow(&self) -> bool {
                self.compared.shadow
            }
        }

        impl Default for $spec {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}

compared!(SuccessRateSpec);
compared!(FailurePercentageSpec);
compared!(LatencyOutlierSpec);

const MOST: u32 = 1_000_000;
