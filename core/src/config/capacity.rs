//! How many seats a pool has.

use std::num::NonZeroU32;

use super::{AdaptiveSpec, AimdSpec, ConfigError, Gradient2Spec, GradientSpec, VegasSpec};

/// The rule for a pool's seats: how many requests may be in flight in it.
///
/// In the document: `"adaptive"` (the default), a number of seats, or a table with the rule's `kind` and its settings, such as
/// `{ kind = "gradient", min = 8, max = 500 }`.
///
/// ```
/// use tenantry::{AimdSpec, CapacitySpec};
///
/// let learnt = CapacitySpec::Aimd(AimdSpec::new().with_min(8).with_max(500));
/// assert_ne!(learnt, CapacitySpec::adaptive());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CapacitySpec {
    /// Always this many.
    Fixed(NonZeroU32),
    /// Up by one, down by a share when an answer is overdue or says that there is too much to do.
    Aimd(AimdSpec),
    /// Envoy's gradient: the median latency against one measured at the fewest seats.
    Gradient(GradientSpec),
    /// Netflix's Gradient2: the latency of now against its own long average.
    Gradient2(Gradient2Spec),
    /// Vegas: the queue that latency betrays, held between two bounds.
    Vegas(VegasSpec),
    /// The default: no more seats than throughput needs.
    Adaptive(AdaptiveSpec),
}

impl CapacitySpec {
    /// Always `seats`; 0 counts as 1.
    #[must_use]
    pub fn fixed(seats: u32) -> Self {
        Self::Fixed(NonZeroU32::new(seats).unwrap_or(NonZeroU32::MIN))
    }

    /// Learnt, with the default bounds.
    #[must_use]
    pub const fn adaptive() -> Self {
        Self::Adaptive(AdaptiveSpec::new())
    }

    /// Checks each setting; `path` is the pool's.
    pub(super) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        let path = format!("{path}.capacity");
        match self {
            Self::Fixed(_) => Ok(()),
            Self::Aimd(spec) => spec.validate(&path),
            Self::Gradient(spec) => spec.validate(&path),
            Self::Gradient2(spec) => spec.validate(&path),
            Self::Vegas(spec) => spec.validate(&path),
            Self::Adaptive(spec) => spec.validate(&path),
        }
    }
}

impl Default for CapacitySpec {
    fn default() -> Self {
        Self::adaptive()
    }
}

impl From<AimdSpec> for CapacitySpec {
    fn from(spec: AimdSpec) -> Self {
        Self::Aimd(spec)
    }
}

impl From<GradientSpec> for CapacitySpec {
    fn from(spec: GradientSpec) -> Self {
        Self::Gradient(spec)
    }
}

impl From<Gradient2Spec> for CapacitySpec {
    fn from(spec: Gradient2Spec) -> Self {
        Self::Gradient2(spec)
    }
}

impl From<VegasSpec> for CapacitySpec {
    fn from(spec: VegasSpec) -> Self {
        Self::Vegas(spec)
    }
}

impl From<AdaptiveSpec> for CapacitySpec {
    fn from(spec: AdaptiveSpec) -> Self {
        Self::Adaptive(spec)
    }
}
