//! What one decision needs to know of a request.

use std::time::Duration;

use crate::{attempt::Attempt, id::TenantHandle, time::Time};

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
    wish: Wish<'a>,
    avoided: &'a [&'a str],
    cost: u64,
    amounts: &'a [(&'a str, u64)],
    seats: u32,
    priority: u8,
    attempt: Attempt,
    patience: Patience,
}

/// Where a request wants to go.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wish<'a> {
    None,
    /// Where a session token says.
    Token(&'a str),
    /// To the endpoint of this address.
    Address(&'a str),
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
            wish: Wish::None,
            avoided: &[],
            cost: 1,
            amounts: &[],
            seats: 1,
            priority: DEFAULT_PRIORITY,
            attempt: Attempt::First,
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

    /// The session token that an [earlier lease](crate::Lease::affinity_token) gave: it goes to the same endpoint, if that serves and has room,
    /// and else wherever the strategy sends it. A token of somebody else's, of another pool, forged or outdated counts as none.
    #[must_use]
    pub const fn affinity(mut self, token: &'a str) -> Self {
        self.wish = Wish::Token(token);
        self
    }

    /// The endpoint that it should go to, if that serves and has room. For callers that know it from somewhere they trust: what comes from
    /// outside is a [token](Self::affinity).
    #[must_use]
    pub const fn prefer(mut self, address: &'a str) -> Self {
        self.wish = Wish::Address(address);
        self
    }

    /// The addresses of endpoints that it should not go to, because earlier attempts at the same work went there: it goes there only if no
    /// other endpoint of the pool, in its tenant's shard, is usable. A [hedge](Self::hedge) never does, and is refused as
    /// [`NoEndpoint`](crate::Rejection::NoEndpoint) instead. It counts before a session and before the key, whatever the strategy. Default: none.
    ///
    /// ```
    /// use tenantry::{Balancer, Config, Outcome, PoolSpec, Request, TenantSpec};
    ///
    /// let pool = PoolSpec::new(["http://10.0.0.1:8080", "http://10.0.0.2:8080"]);
    /// let balancer = Balancer::new(Config::new().with_pool("api", pool).with_tenant("acme", TenantSpec::new()))?;
    /// let request = Request::new("acme");
    /// let lease = balancer.try_acquire(&request)?;
    /// let failed = lease.endpoint().address().to_owned();
    /// lease.finish(Outcome::failure());
    /// let lease = balancer.try_acquire(&request.retry().avoid(&[&failed]))?;
    /// assert_ne!(lease.endpoint().address(), failed);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn avoid(mut self, addresses: &'a [&'a str]) -> Self {
        self.avoided = addresses;
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

    /// Says that it is another attempt at work that has been tried before: it runs only if the [retry budget](crate::PoolSpec::with_retry), or
    /// [that for hedges](crate::PoolSpec::with_hedge), of its tenant in its pool has room, and takes its place there together with all
    /// else, or nothing at all. Default [`Attempt::First`].
    #[must_use]
    pub const fn attempt(mut self, attempt: Attempt) -> Self {
        self.attempt = attempt;
        self
    }

    /// The same as [`attempt`](Self::attempt) with [`Attempt::Retry`].
    ///
    /// ```
    /// use tenantry::{AttemptsSpec, Balancer, Config, Outcome, PoolSpec, Rejection, Request, TenantSpec};
    ///
    /// let one_a_second = AttemptsSpec::none().with_per_second(1).with_window(std::time::Duration::from_secs(1));
    /// let config = Config::new()
    ///     .with_pool("api", PoolSpec::new(["http://10.0.0.1:8080"]).with_retry(one_a_second))
    ///     .with_tenant("acme", TenantSpec::new());
    /// let balancer = Balancer::new(config)?;
    /// let request = Request::new("acme").pool("api");
    /// balancer.try_acquire(&request)?.finish(Outcome::failure());
    /// balancer.try_acquire(&request.retry())?.finish(Outcome::failure());
    /// let refused = balancer.try_acquire(&request.retry()).map(drop);
    /// assert!(matches!(refused, Err(Rejection::RetryBudgetExhausted { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub const fn retry(self) -> Self {
        self.attempt(Attempt::Retry)
    }

    /// The same as [`attempt`](Self::attempt) with [`Attempt::Hedge`].
    #[must_use]
    pub const fn hedge(self) -> Self {
        self.attempt(Attempt::Hedge)
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
    pub(crate) const fn handle(&self) -> Option<&'a TenantHandle> {
        self.handle
    }

    pub(crate) const fn pool_name(&self) -> Option<&'a str> {
        self.pool
    }

    pub(crate) const fn key_bytes(&self) -> Option<&'a [u8]> {
        self.key
    }

    #[inline]
    pub(crate) const fn wish(&self) -> Wish<'a> {
        self.wish
    }

    /// What a check of a [plain](Self::is_plain) one looks at.
    pub(crate) const fn plain(handle: Option<&'a TenantHandle>, tenant: &'a str, cost: u64) -> Self {
        Self { handle, cost, ..Self::new(tenant) }
    }

    #[inline]
    pub(crate) const fn avoided(&self) -> &'a [&'a str] {
        self.avoided
    }

    /// Whether it names no pool, declares no amounts, and is a first attempt.
    #[inline]
    pub(crate) const fn is_plain(&self) -> bool {
        self.pool.is_none() && self.amounts.is_empty() && matches!(self.attempt, Attempt::First)
    }

    pub(crate) const fn width(&self) -> u32 {
        if self.seats == 0 { 1 } else { self.seats }
    }

    pub(crate) const fn class(&self) -> u8 {
        self.priority
    }

    #[inline]
    pub(crate) const fn which(&self) -> Attempt {
        self.attempt
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
