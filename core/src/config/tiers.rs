//! When one level of priority spills over to the next.

use super::{
    ConfigError,
    bounds::{Ratio, number, ratio},
};

/// How a pool's levels of priority share the traffic. In the document: `tiers = { overprovisioning = 1.4, panic = 50 }`.
///
/// Source and defaults: Envoy's priority levels. A level takes as much of the traffic as the share of its endpoints that is available, times the
/// overprovisioning; the rest goes to the next. Endpoints in the pool's own zone are a level of their own before the others of the same
/// priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TiersSpec {
    overprovisioning: Ratio,
    panic_percent: u32,
}

impl TiersSpec {
    /// The defaults: 1.4, and 50 %.
    #[must_use]
    pub const fn new() -> Self {
        Self { overprovisioning: Ratio::new(1.4), panic_percent: 50 }
    }

    /// How much more than their share the available endpoints of a level can take, from 1 to 100. Default 1.4: with 72 % of them
    /// available nothing is spilled yet.
    #[must_use]
    pub const fn with_overprovisioning(mut self, factor: f64) -> Self {
        self.overprovisioning = Ratio::new(factor);
        self
    }

    /// Where less than this percentage of a level is available, and all levels together do not suffice, health is ignored there:
    /// everybody is better than nobody. 0: never. Default 50.
    #[must_use]
    pub const fn with_panic_percent(mut self, percent: u32) -> Self {
        self.panic_percent = percent;
        self
    }

    /// The overprovisioning.
    #[must_use]
    pub const fn overprovisioning(&self) -> f64 {
        self.overprovisioning.get()
    }

    /// The panic threshold.
    #[must_use]
    pub const fn panic_percent(&self) -> u32 {
        self.panic_percent
    }

    pub(super) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        ratio(path, "overprovisioning", self.overprovisioning(), 1.0..=100.0)?;
        number(path, "panic", self.panic_percent, 0..=100)
    }
}

impl Default for TiersSpec {
    fn default() -> Self {
        Self::new()
    }
}
