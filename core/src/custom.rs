//! Strategies of one's own: the trait, and what it is shown.

use std::{fmt, time::Duration};

/// Chooses among the endpoints of a pool. [`StrategySpec::custom`](crate::StrategySpec::custom) puts it into a pool.
///
/// It runs inside `try_acquire` and `acquire`, on the thread that asks, with no lock held: it may ask the balancer again, also this pool. It should
/// be quick, and it should not wait. Where it answers `None`, an index that there is not, or a candidate that is not usable, or where it panics (the
/// panic hook tells), the request is served as by `p2c`; it is never lost. Where endpoints have limits of their own, who has waited has a place kept for it, which `p2c` has
/// chosen: then it stays there. With several tiers it is asked once for each, and again where somebody was quicker.
///
/// ```
/// use std::sync::Arc;
/// use tenantry::{Balancer, Candidates, Config, PoolSpec, Request, Strategy, StrategySpec, TenantSpec};
///
/// /// By the key's first byte.
/// #[derive(Debug)]
/// struct FirstByte;
///
/// impl Strategy for FirstByte {
///     fn pick(&self, candidates: &Candidates<'_>) -> Option<usize> {
///         let byte = candidates.key()?.first()?;
///         Some(usize::from(*byte) % candidates.len())
///     }
/// }
///
/// let pool = PoolSpec::new(["http://10.0.0.1:8080", "http://10.0.0.2:8080"])
///     .with_strategy(StrategySpec::custom(Arc::new(FirstByte)));
/// let balancer = Balancer::new(Config::new().with_pool("api", pool).with_tenant("acme", TenantSpec::new()))?;
/// let lease = balancer.try_acquire(&Request::new("acme").key(b"anna"))?;
/// assert_eq!(lease.endpoint().address(), "http://10.0.0.2:8080");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Strategy: Send + Sync + fmt::Debug {
    /// The index of the candidate that is to serve the request.
    fn pick(&self, candidates: &Candidates<'_>) -> Option<usize>;
}

/// The endpoints of a pool, in the configuration's order, and the request that asks for one of them.
#[derive(Clone, Copy)]
pub struct Candidates<'a> {
    seen: &'a dyn Seen,
    asked: Asked<'a>,
}

/// One endpoint, as it is at the moment.
#[derive(Clone, Copy)]
pub struct Candidate<'a> {
    seen: &'a dyn Seen,
    index: usize,
}

/// What distinguishes one pick from the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) turn: u32,
    pub(crate) draw: u64,
    pub(crate) waited: bool,
    pub(crate) key: Option<&'a [u8]>,
}

/// What the picking side shows of its endpoints; indices are in range.
pub(crate) trait Seen {
    fn len(&self) -> usize;
    fn address(&self, index: usize) -> &str;
    fn weight(&self, index: usize) -> u32;
    fn in_flight(&self, index: usize) -> u32;
    fn latency(&self, index: usize) -> Option<Duration>;
    fn utilization(&self, index: usize) -> Option<f64>;
    fn is_usable(&self, index: usize) -> bool;
}

impl<'a> Candidates<'a> {
    pub(crate) const fn new(seen: &'a dyn Seen, asked: Asked<'a>) -> Self {
        Self { seen, asked }
    }

    /// How many there are, usable or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.seen.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The candidate of this index.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Candidate<'a>> {
        (index < self.len()).then_some(Candidate { seen: self.seen, index })
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Candidate<'a>> + use<'a> {
        let seen = self.seen;
        (0..seen.len()).map(move |index| Candidate { seen, index })
    }

    /// The request's key, if it has one.
    #[must_use]
    pub const fn key(&self) -> Option<&'a [u8]> {
        self.asked.key
    }

    /// Numbers the requests of this pool, roughly in order; wraps.
    #[must_use]
    pub const fn turn(&self) -> u32 {
        self.asked.turn
    }

    /// Random bits of this pick, from the balancer's seed: a strategy that draws no others can be replayed.
    #[must_use]
    pub const fn draw(&self) -> u64 {
        self.asked.draw
    }

    /// Whether the request has waited for its seat: the pool is saturated.
    #[must_use]
    pub const fn has_waited(&self) -> bool {
        self.asked.waited
    }
}

impl<'a> Candidate<'a> {
    /// Its place in the list: what [`Strategy::pick`] answers.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> &'a str {
        self.seen.address(self.index)
    }

    /// Its configured weight.
    #[must_use]
    pub fn weight(&self) -> u32 {
        self.seen.weight(self.index)
    }

    /// The requests in flight there.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.seen.in_flight(self.index)
    }

    /// Its recent peak latency, decayed; `None` before the first answer.
    #[must_use]
    pub fn latency(&self) -> Option<Duration> {
        self.seen.latency(self.index)
    }

    /// The utilization that it has reported within the last 180 s.
    #[must_use]
    pub fn utilization(&self) -> Option<f64> {
        self.seen.utilization(self.index)
    }

    /// Whether it may be picked: it is not ejected, its cap has room, and no [earlier attempt](crate::Request::avoid) went there.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.seen.is_usable(self.index)
    }
}

impl fmt::Debug for Candidates<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidates")
            .field("len", &self.len())
            .field("asked", &self.asked)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Candidate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate")
            .field("index", &self.index)
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}
