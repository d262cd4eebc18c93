//! Tenants as they are configured.

use super::{Budget, Grant, Rate, SeatsSpec};

/// What one tenant may: its weight in the fair queue, its rates, its cap, its pools.
///
/// ```
/// use tenantry::{Rate, TenantSpec};
///
/// let acme = TenantSpec::new().with_weight(3).with_rate(Rate::per_second(100)).with_max_in_flight(64);
/// assert_eq!(acme.weight(), 3);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantSpec {
    pub(super) weight: u32,
    pub(super) rates: Vec<Rate>,
    pub(super) budgets: Vec<Budget>,
    pub(super) max_in_flight: Option<u32>,
    pub(super) shadow_in_flight: Option<u32>,
    pub(super) pools: Option<Vec<Grant>>,
    pub(super) parent: Option<String>,
    pub(super) seats: SeatsSpec,
    pub(super) shard: Option<u32>,
}

impl TenantSpec {
    /// Weight 1, no limits, every pool.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            weight: 1,
            rates: vec![],
            budgets: vec![],
            max_in_flight: None,
            shadow_in_flight: None,
            pools: None,
            parent: None,
            seats: SeatsSpec::none(),
            shard: None,
        }
    }

    /// Its share of a pool's seats when several tenants wait, relative to the others'. Default 1.
    #[must_use]
    pub const fn with_weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// One rate quota more; at most 4. A request must pass all of them, and all of its parents'.
    #[must_use]
    pub fn with_rate(mut self, rate: Rate) -> Self {
        self.rates.push(rate);
        self
    }

    /// One budget more; at most 8 budgets and rates that are not plain buckets by requests or cost. A request must pass all of
    /// them, and all of its parents'.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budgets.push(budget);
        self
    }

    /// A cap in shadow mode: requests beyond so many inside are [counted](crate::TenantStats::shadow_rejected), and pass. Beside a cap that
    /// is enforced or without one.
    #[must_use]
    pub const fn with_shadow_max_in_flight(mut self, requests: u32) -> Self {
        self.shadow_in_flight = Some(requests);
        self
    }

    /// The most requests inside at once, waiting or in flight, together with those of tenants beneath it. At most, and by default,
    /// 1 048 575.
    #[must_use]
    pub const fn with_max_in_flight(mut self, requests: u32) -> Self {
        self.max_in_flight = Some(requests);
        self
    }

    /// The pools that it may use, by name or with a [`Grant`]. Default: all that [nobody owns](super::PoolSpec::with_owner), and those that it owns
    /// itself.
    #[must_use]
    pub fn with_pools<G: Into<Grant>>(mut self, pools: impl IntoIterator<Item = G>) -> Self {
        self.pools = Some(pools.into_iter().map(Into::into).collect());
        self
    }

    /// The tenant whose share it takes part in: its weight counts among that one's children. Default: none, it has a share of its
    /// own.
    #[must_use]
    pub fn with_parent(mut self, id: impl Into<String>) -> Self {
        self.parent = Some(id.into());
        self
    }

    /// How many endpoints of each pool, and there of each tier, it may use: always the same ones, spread over zones, drawn by the tenant's
    /// id and the [seed](super::Config::with_seed), which instances that shall agree must share. Whatever it does then harms those who share some of
    /// them, and next to nobody shares all. At least 1. Default: all.
    #[must_use]
    pub const fn with_shard(mut self, endpoints: u32) -> Self {
        self.shard = Some(endpoints);
        self
    }

    /// The seats of each pool that it is guaranteed, and the most that it may have. Default: neither.
    #[must_use]
    pub const fn with_seats(mut self, seats: SeatsSpec) -> Self {
        self.seats = seats;
        self
    }

    /// Its weight.
    #[must_use]
    pub const fn weight(&self) -> u32 {
        self.weight
    }

    /// Its rates.
    #[must_use]
    pub fn rates(&self) -> &[Rate] {
        &self.rates
    }

    /// Its budgets.
    #[must_use]
    pub fn budgets(&self) -> &[Budget] {
        &self.budgets
    }

    /// Its cap in shadow mode.
    #[must_use]
    pub const fn shadow_max_in_flight(&self) -> Option<u32> {
        self.shadow_in_flight
    }

    /// Its cap.
    #[must_use]
    pub const fn max_in_flight(&self) -> Option<u32> {
        self.max_in_flight
    }

    /// Its pools.
    #[must_use]
    pub fn pools(&self) -> Option<&[Grant]> {
        self.pools.as_deref()
    }

    /// Its parent.
    #[must_use]
    pub fn parent(&self) -> Option<&str> {
        self.parent.as_deref()
    }

    /// How many endpoints of each tier of a pool it may use.
    #[must_use]
    pub const fn shard(&self) -> Option<u32> {
        self.shard
    }

    /// Its share of the seats.
    #[must_use]
    pub const fn seats(&self) -> SeatsSpec {
        self.seats
    }
}

impl Default for TenantSpec {
    fn default() -> Self {
        Self::new()
    }
}
