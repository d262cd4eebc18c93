//! Figures of everything, and pages of tenants.

use super::{PoolStats, TenantStats};

/// A reading of everything.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "config", derive(serde::Serialize))]
pub struct Stats {
    pub(crate) tenants: Vec<TenantStats>,
    pub(crate) other: TenantStats,
    pub(crate) pools: Vec<PoolStats>,
}

/// Some of all tenants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "config", derive(serde::Serialize))]
pub struct TenantPage {
    pub(crate) tenants: Vec<TenantStats>,
    pub(crate) next: Option<u32>,
}

impl Stats {
    /// The most active tenants, at most 100, the most active first.
    #[must_use]
    pub fn tenants(&self) -> &[TenantStats] {
        &self.tenants
    }

    /// The tenant of this id, if it is among the most active.
    #[must_use]
    pub fn tenant(&self, id: &str) -> Option<&TenantStats> {
        self.tenants.iter().find(|tenant| tenant.id == id)
    }

    /// All other tenants together.
    #[must_use]
    pub const fn other(&self) -> &TenantStats {
        &self.other
    }

    /// The pools, by name.
    #[must_use]
    pub fn pools(&self) -> &[PoolStats] {
        &self.pools
    }

    /// The pool of this name.
    #[must_use]
    pub fn pool(&self, name: &str) -> Option<&PoolStats> {
        self.pools.iter().find(|pool| pool.name == name)
    }
}

impl TenantPage {
    /// The most tenants that one page holds.
    pub const LARGEST: u32 = 10_000;

    /// The tenants of this page; there may be fewer than asked for, also none, with more to come.
    #[must_use]
    pub fn tenants(&self) -> &[TenantStats] {
        &self.tenants
    }

    /// Where the next page starts; `None` when this was the last.
    #[must_use]
    pub const fn next(&self) -> Option<u32> {
        self.next
    }
}
