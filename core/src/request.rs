//! What one decision needs to know of a request.

use std::time::Duration;

use crate::{id::TenantHandle, time::Time};

/// One request that asks to run: whose it is, where it wants to go, and what it will cost.
///
/// ```
/// use std::time::Duration;
/// use tenantry::Request;
///
/// let request = Request::new("acme").pool("api").key(b"user-7").cost(3).timeout(Duration::from_secs(2));
/// assert_eq!(request.tenant(), "acme");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    tenant: &'a str,
    handle: Option<&'a TenantHandle>,
    pool: Option<&'a str>,
    key: Option<&'a [u8]>,
    cost: u64,
    amounts: &'a [(&'a str, u64)],
    seats: u32,
    priority: u8,
    patience: Patience,
}

/// How long a request will wait for a seat.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patience {
    /// As long as the pool's queue lets it.
    Queue,
    /// Until a moment.
    Until(Time),
    /// For a while.
    For(Duration),
}

impl<'a> Request<'a> {
    /// A request of `tenant`, to the only pool, of cost 1.
    #[must_use]
    pub const fn new(tenant: &'a str) -> Self {
        Self {
            tenant,
            handle: None,
            pool: None,
            key: None,
            cost: 1,
            amounts: &[],
            seats: 1,
            priority: DEFAULT_PRIORITY,
            patience: Patience::Queue,
        }
    }

    /// The same for a tenant of which there is a handle.
    #[must_use]
    pub const fn of(handle: &'a TenantHandle) -> Self {
        Self { handle: Some(handle), ..Self::new(handle.id()) }
    }

    /// The pool that shall serve it. May be left out where there is one pool.
    #[must_use]
    pub const fn pool(mut self, name: &'a str) -> Self {
        self.pool = Some(name);
        self
    }

    /// What hash strategies keep together: requests with one key go to one endpoint.
    #[must_use]
    pub const fn key(mut self, key: &'a [u8]) -> Self {
        self.key = Some(key);
        self
    }

    /// What it is expected to cost, in the unit of the tenant's cost quotas. Default 1. What it really cost is told at
    /// the end by [`Outcome::with_cost`](crate::Outcome::with_cost).
    #[must_use]
    pub const fn cost(mut self, cost: u64) -> Self {
        self.cost = cost;
        self
    }

    /// How many seats it takes. Default 1; 0 counts as 1. A request wider than the pool's capacity runs alone. In the fair queue it counts
    /// its cost for each seat.
    #[must_use]
    pub const fn seats(mut self, seats: u32) -> Self {
        self.seats = seats;
        self
    }

    /// What it will use of the configuration's [dimensions](crate::Config::with_dimensions), as far as that is known: reserved now,
    /// corrected by what [is reported](crate::Lease::report). Default: nothing, and then it passes while anything is left.
    #[must_use]
    pub const fn amounts(mut self, amounts: &'a [(&'a str, u64)]) -> Self {
        self.amounts = amounts;
        self
    }

    /// How urgent it is among its own tenant's requests: 0 (most) to 7 (least), the urgencies of RFC 9218. Default 3; above 7 counts as
    /// 7. It never comes before another tenant's request for it.
    #[must_use]
    pub const fn priority(mut self, urgency: u8) -> Self {
        self.priority = urgency;
        self
    }

    /// The moment on the balancer's clock at which waiting makes no sense any more.
    #[must_use]
    pub const fn deadline(mut self, at: Time) -> Self {
        self.patience = Patience::Until(at);
        self
    }

    /// How long it may wait. Default: the pool's queue timeout, 10 s unless configured.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.patience = Patience::For(timeout);
        self
    }

    /// Whose it is.
    #[must_use]
    pub const fn tenant(&self) -> &'a str {
        self.tenant
    }

    #[inline]
    pub(crate) const fn handle(&self) -> Option<&TenantHandle> {
        self.handle
    }

    pub(crate) const fn pool_name(&self) -> Option<&'a str> {
        self.pool
    }

    pub(crate) const fn width(&self) -> u32 {
        if self.seats == 0 { 1 } else { self.seats }
    }

    pub(crate) const fn class(&self) -> u8 {
        self.priority
    }

    pub(crate) const fn declared(&self) -> &'a [(&'a str, u64)] {
        self.amounts
    }

    pub(crate) const fn units(&self) -> u64 {
        self.cost
    }

    pub(crate) fn deadline_at(&self, now: Time, queue_timeout: Duration) -> Time {
        match self.patience {
            Patience::Queue => now + queue_timeout,
            Patience::Until(at) => at,
            Patience::For(timeout) => now + timeout,
        }
    }
}

/// RFC 9218's default urgency.
const DEFAULT_PRIORITY: u8 = 3;
