//! Which endpoints of a large pool one instance of an application connects to.

use super::{ConfigError, bounds::number};

/// Connects each of several instances of an application to some of a pool's endpoints only, and every endpoint to equally many of them. In
/// the document: `subset = { size = 20, instance = 3, instances = 12 }`.
///
/// Instances that agree on endpoints, size and number need not talk to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubsetSpec {
    size: u32,
    instance: u32,
    instances: u32,
}

impl SubsetSpec {
    /// So many endpoints of each tier, for the `instance`-th (from 0) of so many instances.
    #[must_use]
    pub const fn new(size: u32, instance: u32, instances: u32) -> Self {
        Self { size, instance, instances }
    }

    /// How many endpoints of each tier.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.size
    }

    /// Which instance this one is, from 0.
    #[must_use]
    pub const fn instance(&self) -> u32 {
        self.instance
    }

    /// How many instances there are.
    #[must_use]
    pub const fn instances(&self) -> u32 {
        self.instances
    }

    pub(super) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        number(path, "size", self.size, 1..=u32::MAX)?;
        number(path, "instances", self.instances, 1..=MOST_INSTANCES)?;
        number(path, "instance", self.instance, 0..=self.instances - 1)
    }
}

/// Each works out the subsets of all before it.
const MOST_INSTANCES: u32 = 10_000;
