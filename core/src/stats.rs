//! What is true now: plain figures for dashboards and tests, of bounded size whatever ids arrive.

use std::time::Duration;

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

/// One tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "config", derive(serde::Serialize))]
pub struct TenantStats {
    pub(crate) id: String,
    pub(crate) in_flight: u32,
    pub(crate) waiting: u32,
    pub(crate) beneath: u32,
    pub(crate) completed: u64,
    pub(crate) rejected: u64,
    pub(crate) shadow_rejected: u64,
}

/// One pool.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "config", derive(serde::Serialize))]
pub struct PoolStats {
    pub(crate) name: String,
    pub(crate) capacity: u32,
    pub(crate) in_flight: u32,
    pub(crate) waiting: u32,
    pub(crate) endpoints: Vec<EndpointStats>,
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "config", derive(serde::Serialize))]
pub struct EndpointStats {
    pub(crate) address: String,
    pub(crate) in_flight: u32,
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    pub(crate) latency_s: Option<f64>,
    pub(crate) ejected: bool,
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

impl TenantStats {
    /// Its id; `(overflow)` for the one that newcomers past the bound share, `(other)` for a sum.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Requests with a seat.
    #[must_use]
    pub const fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Requests waiting for one.
    #[must_use]
    pub const fn waiting(&self) -> u32 {
        self.waiting
    }

    /// Requests of tenants beneath it, with a seat or waiting for one, where it limits them: they count under its `max_in_flight`.
    /// 0 where it has no limits.
    #[must_use]
    pub const fn beneath(&self) -> u32 {
        self.beneath
    }

    /// Requests finished, of any outcome, since the tenant came.
    #[must_use]
    pub const fn completed(&self) -> u64 {
        self.completed
    }

    /// Requests that limits in shadow mode would have refused since the tenant came; they passed, as far as these limits go.
    #[must_use]
    pub const fn shadow_rejected(&self) -> u64 {
        self.shadow_rejected
    }

    /// Requests refused since the tenant came.
    #[must_use]
    pub const fn rejected(&self) -> u64 {
        self.rejected
    }
}

impl PoolStats {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its seats now.
    #[must_use]
    pub const fn capacity(&self) -> u32 {
        self.capacity
    }

    /// Seats taken.
    #[must_use]
    pub const fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Requests waiting for a seat.
    #[must_use]
    pub const fn waiting(&self) -> u32 {
        self.waiting
    }

    /// Its endpoints, in the configuration's order.
    #[must_use]
    pub fn endpoints(&self) -> &[EndpointStats] {
        &self.endpoints
    }
}

impl EndpointStats {
    /// Its address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Requests in flight to it.
    #[must_use]
    pub const fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Requests finished, of any outcome.
    #[must_use]
    pub const fn completed(&self) -> u64 {
        self.completed
    }

    /// Requests finished with failure or overload.
    #[must_use]
    pub const fn failed(&self) -> u64 {
        self.failed
    }

    /// Its recent peak latency, decayed; `None` before the first sample.
    #[must_use]
    pub fn latency(&self) -> Option<Duration> {
        self.latency_s.map(Duration::from_secs_f64)
    }

    /// Whether it is ejected or on probation.
    #[must_use]
    pub const fn is_ejected(&self) -> bool {
        self.ejected
    }
}
