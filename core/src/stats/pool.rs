//! Figures of one pool.

use super::{EndpointStats, RejectionStats};

/// One pool.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "config", derive(serde::Serialize))]
pub struct PoolStats {
    pub(crate) name: String,
    pub(crate) capacity: u32,
    pub(crate) in_flight: u32,
    pub(crate) waiting: u32,
    pub(crate) panic: bool,
    pub(crate) retries: AttemptStats,
    pub(crate) hedges: AttemptStats,
    pub(crate) rejections: RejectionStats,
    pub(crate) endpoints: Vec<EndpointStats>,
}

/// The attempts of one kind that were not the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "config", derive(serde::Serialize))]
pub struct AttemptStats {
    pub(crate) passed: u64,
    pub(crate) refused: u64,
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

    /// Whether so few of its endpoints are healthy that unhealthy ones serve, too: see [`TiersSpec`](crate::TiersSpec).
    #[must_use]
    pub const fn is_in_panic(&self) -> bool {
        self.panic
    }

    /// Retries of all tenants since the pool was made.
    #[must_use]
    pub const fn retries(&self) -> AttemptStats {
        self.retries
    }

    /// Hedges of all tenants since the pool was made.
    #[must_use]
    pub const fn hedges(&self) -> AttemptStats {
        self.hedges
    }

    /// Requests for a seat that named this pool and were refused in the end, or that waited here in vain, since the pool was made. What another
    /// pool served in its place is none; neither is what a [check](crate::Balancer::check) refuses.
    #[must_use]
    pub const fn rejections(&self) -> RejectionStats {
        self.rejections
    }

    /// Its endpoints, in the configuration's order.
    #[must_use]
    pub fn endpoints(&self) -> &[EndpointStats] {
        &self.endpoints
    }
}

impl AttemptStats {
    /// How many got a seat.
    #[must_use]
    pub const fn passed(&self) -> u64 {
        self.passed
    }

    /// How many their tenants' budgets refused.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }
}
