//! The settings of the strategies that balance: by load, in turn, by weight.

use std::{sync::Arc, time::Duration};

use super::{
    ConfigError,
    bounds::{LONGEST, number, period, ratio},
};
use crate::custom::Strategy;

/// What endpoints are compared by, beside the requests in flight at them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LoadKind {
    /// `peak_ewma`: recent peak latency × (in flight + 1).
    #[default]
    PeakEwma,
    /// `in_flight`: the requests in flight alone.
    InFlight,
    /// `reported`: the utilization that the endpoint [reports](crate::Lease::report_load) × (in flight + 1). A report counts for 180 s, and less than 1 % as 1 %.
    Reported,
}

/// Power of two choices. `{ kind = "p2c", choices = 2, load = "peak_ewma" }`.
///
/// ```
/// use tenantry::{LoadKind, P2cSpec, PoolSpec};
///
/// let pool = PoolSpec::new(["http://10.0.0.1:8080", "http://10.0.0.2:8080"])
///     .with_strategy(P2cSpec::new().with_choices(3).with_load(LoadKind::InFlight));
/// # assert_ne!(pool, PoolSpec::new(["http://10.0.0.1:8080", "http://10.0.0.2:8080"]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct P2cSpec {
    choices: u32,
    load: LoadKind,
}

impl P2cSpec {
    /// Two choices by peak latency.
    #[must_use]
    pub const fn new() -> Self {
        Self { choices: 2, load: LoadKind::PeakEwma }
    }

    /// How many endpoints are compared for a request: 2 to 10. Default 2.
    #[must_use]
    pub const fn with_choices(mut self, choices: u32) -> Self {
        self.choices = choices;
        self
    }

    /// What they are compared by. Default [`LoadKind::PeakEwma`].
    #[must_use]
    pub const fn with_load(mut self, load: LoadKind) -> Self {
        self.load = load;
        self
    }

    pub(crate) const fn choices(&self) -> u32 {
        self.choices
    }

    pub(crate) const fn load(&self) -> LoadKind {
        self.load
    }

    pub(super) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        number(path, "choices", self.choices, 2..=10)
    }
}

impl Default for P2cSpec {
    fn default() -> Self {
        Self::new()
    }
}

/// The least loaded of all. `{ kind = "least_loaded", load = "in_flight" }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeastLoadedSpec {
    load: LoadKind,
}

impl LeastLoadedSpec {
    /// By in-flight.
    #[must_use]
    pub const fn new() -> Self {
        Self { load: LoadKind::InFlight }
    }

    /// What they are compared by. Default [`LoadKind::InFlight`].
    #[must_use]
    pub const fn with_load(mut self, load: LoadKind) -> Self {
        self.load = load;
        self
    }

    pub(crate) const fn load(&self) -> LoadKind {
        self.load
    }
}

impl Default for LeastLoadedSpec {
    fn default() -> Self {
        Self::new()
    }
}

/// Smooth weighted round robin. `{ kind = "round_robin", phase = "random" }`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoundRobinSpec {
    random_phase: bool,
}

impl RoundRobinSpec {
    /// Begins with the first endpoint, as nginx does.
    #[must_use]
    pub const fn new() -> Self {
        Self { random_phase: false }
    }

    /// Begins at a random place of the cycle (of the balancer's seed), so that instances do not all call the same endpoint first.
    #[must_use]
    pub const fn with_random_phase(mut self) -> Self {
        self.random_phase = true;
        self
    }

    pub(crate) const fn has_random_phase(&self) -> bool {
        self.random_phase
    }
}

/// In turn, by weights that follow from what the endpoints report of their load: the share of the requests that an endpoint is given grows with the
/// requests per second that it serves for its utilization. `{ kind = "weighted", blackout = "10s", expiry = "180s", update = "1s", error_penalty = 1.0 }`.
///
/// Source and defaults: gRFC A58. Reports come by [`Lease::report_load`](crate::Lease::report_load).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightedSpec {
    blackout: Duration,
    expiry: Duration,
    update: Duration,
    /// The bits of an `f64`, which compare exactly.
    error_penalty: u64,
}

impl WeightedSpec {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            blackout: Duration::from_secs(10),
            expiry: Duration::from_secs(180),
            update: Duration::from_secs(1),
            error_penalty: 1.0_f64.to_bits(),
        }
    }

    /// How long an endpoint must have reported before its reports count. Default 10 s; 0 s for at once.
    #[must_use]
    pub const fn with_blackout(mut self, blackout: Duration) -> Self {
        self.blackout = blackout;
        self
    }

    /// How long the last report counts. Default 180 s.
    #[must_use]
    pub const fn with_expiry(mut self, expiry: Duration) -> Self {
        self.expiry = expiry;
        self
    }

    /// How often weights follow the reports: 100 ms or longer. Default 1 s.
    #[must_use]
    pub const fn with_update(mut self, update: Duration) -> Self {
        self.update = update;
        self
    }

    /// What the share of errors that an endpoint reports is multiplied by before it is added to its utilization. Default 1.
    #[must_use]
    pub const fn with_error_penalty(mut self, penalty: f64) -> Self {
        self.error_penalty = penalty.to_bits();
        self
    }

    pub(crate) const fn blackout(&self) -> Duration {
        self.blackout
    }

    pub(crate) const fn expiry(&self) -> Duration {
        self.expiry
    }

    pub(crate) const fn update(&self) -> Duration {
        self.update
    }

    pub(crate) const fn error_penalty(&self) -> f64 {
        f64::from_bits(self.error_penalty)
    }

    pub(super) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        period(path, "blackout", self.blackout, Duration::ZERO..=LONGEST)?;
        period(path, "expiry", self.expiry, Duration::from_millis(1)..=LONGEST)?;
        period(path, "update", self.update, SHORTEST_UPDATE..=LONGEST)?;
        ratio(path, "error_penalty", self.error_penalty(), 0.0..=1_000.0)
    }
}

impl Default for WeightedSpec {
    fn default() -> Self {
        Self::new()
    }
}

/// A strategy of one's own. Two are equal if they are the same object.
#[derive(Clone, Debug)]
pub struct CustomSpec {
    strategy: Arc<dyn Strategy>,
}

impl CustomSpec {
    /// This one.
    #[must_use]
    pub fn new(strategy: Arc<dyn Strategy>) -> Self {
        Self { strategy }
    }

    pub(crate) const fn strategy(&self) -> &Arc<dyn Strategy> {
        &self.strategy
    }
}

impl PartialEq for CustomSpec {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.strategy, &other.strategy)
    }
}

impl Eq for CustomSpec {}

/// gRFC A58.
const SHORTEST_UPDATE: Duration = Duration::from_millis(100);
