use std::time::Duration;

use crate::retry::Idempotency;

/// When a request is sent a second time.
///
/// ```
/// use std::time::Duration;
/// use tenantry_tower::hedge::{HedgePolicy, Percentile};
///
/// let policy = HedgePolicy::at(Percentile::P95).with_least_delay(Duration::from_millis(5));
/// assert_eq!(HedgePolicy::after(Duration::from_millis(50)).delay_by(|_| None), Some(Duration::from_millis(50)));
/// assert_eq!(policy.delay_by(|_| Some(Duration::from_millis(2))), Some(Duration::from_millis(5)));
/// assert_eq!(policy.delay_by(|_| None), None); // nothing is known yet
/// ```
#[derive(Clone, Debug)]
pub struct HedgePolicy {
    delay: Delay,
    least_delay: Duration,
    body_limit: usize,
    idempotency: Idempotency,
}

#[derive(Clone, Copy, Debug)]
enum Delay {
    Fixed(Duration),
    Latency(Percentile),
}

/// So many of a hundred requests are answered sooner. The budget for hedges must have room for the others: 5 % by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Percentile {
    /// 90: one of ten is hedged.
    P90,
    /// 95: one of twenty is hedged.
    P95,
    /// 99: one of a hundred is hedged.
    P99,
}

impl HedgePolicy {
    /// After this long.
    #[must_use]
    pub fn after(delay: Duration) -> Self {
        Self::by(Delay::Fixed(delay))
    }

    /// After as long as this percentile of the last 1 024 requests took until the head of their answer. Until there were a hundred, nothing is hedged.
    #[must_use]
    pub fn at(percentile: Percentile) -> Self {
        Self::by(Delay::Latency(percentile))
    }

    fn by(delay: Delay) -> Self {
        Self {
            delay,
            least_delay: Duration::from_millis(1),
            body_limit: 64 * 1024,
            idempotency: Idempotency::default(),
        }
    }

    /// The shortest delay, however fast the endpoints are. Default 1 ms; it does not apply to a fixed one.
    #[must_use]
    pub const fn with_least_delay(mut self, delay: Duration) -> Self {
        self.least_delay = delay;
        self
    }

    /// How many bytes of a request's body are kept. Default 64 KiB. A longer one is not hedged.
    #[must_use]
    pub const fn with_body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// Which requests may reach endpoints more than once. Default: by method, and those with an `Idempotency-Key`.
    #[must_use]
    pub fn with_idempotency(mut self, idempotency: Idempotency) -> Self {
        self.idempotency = idempotency;
        self
    }

    /// The delay, where the latency at a percentile is told by a function; `None`: no hedge.
    pub fn delay_by(&self, latency: impl FnOnce(Percentile) -> Option<Duration>) -> Option<Duration> {
        match self.delay {
            Delay::Fixed(delay) => Some(delay),
            Delay::Latency(percentile) => latency(percentile).map(|latency| latency.max(self.least_delay)),
        }
    }

    pub(super) const fn body_limit(&self) -> usize {
        self.body_limit
    }

    pub(super) const fn idempotency(&self) -> &Idempotency {
        &self.idempotency
    }
}

impl Percentile {
    pub(super) const fn percent(self) -> usize {
        match self {
            Self::P90 => 90,
            Self::P95 => 95,
            Self::P99 => 99,
        }
    }
}
