//! How a pool's endpoints are looked for.

use std::time::Duration;

use super::{
    ConfigError,
    bounds::{LONGEST, Ratio, SHORTEST, number, period, ratio},
};

/// When a discovery asks its source again, and what it may do to its pool.
///
/// Source of the defaults: Envoy's strict DNS (refreshed every 5 s, failures with back-off); the rest is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiscoverySpec {
    floor: Duration,
    ceiling: Duration,
    jitter: Ratio,
    first_retry: Duration,
    longest_retry: Duration,
    may_empty: bool,
    most_endpoints: u32,
}

impl DiscoverySpec {
    /// The defaults: an answer is used for as long as it says, but for 5 s to 5 min; failures are retried after 1 s, then 2, 4, … up to 30 s; an empty
    /// answer leaves the pool as it is.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            floor: Duration::from_secs(5),
            ceiling: Duration::from_secs(300),
            jitter: Ratio::new(0.1),
            first_retry: Duration::from_secs(1),
            longest_retry: Duration::from_secs(30),
            may_empty: false,
            most_endpoints: 10_000,
        }
    }

    /// The shortest time between two questions, whatever the answer says: a TTL of 0 must not become a flood. From 1 ms to a day, default 5 s.
    #[must_use]
    pub const fn with_floor(mut self, floor: Duration) -> Self {
        self.floor = floor;
        self
    }

    /// The longest time between two questions, before jitter, whatever the answer says: a TTL of a week must not keep a dead address for a week. At least the floor, at most
    /// a day, default 5 min.
    #[must_use]
    pub const fn with_ceiling(mut self, ceiling: Duration) -> Self {
        self.ceiling = ceiling;
        self
    }

    /// By how much a wait is lengthened at most, as a share of it, so that many instances do not ask together. Never shortened: a caching resolver would
    /// answer with what it has. From 0 to 1, default 0.1.
    #[must_use]
    pub const fn with_jitter(mut self, share: f64) -> Self {
        self.jitter = Ratio::new(share);
        self
    }

    /// How long after a first failure to ask again; it doubles with each one more in a row, up to [`with_longest_retry`](Self::with_longest_retry). From 1 ms to a day, default 1 s.
    #[must_use]
    pub const fn with_first_retry(mut self, wait: Duration) -> Self {
        self.first_retry = wait;
        self
    }

    /// The longest wait after a failure, before jitter. At least the first one, at most a day, default 30 s.
    #[must_use]
    pub const fn with_longest_retry(mut self, wait: Duration) -> Self {
        self.longest_retry = wait;
        self
    }

    /// Lets an empty answer take the last endpoint away. Default: it counts as a failure and changes nothing, because a name that is gone is far more often a
    /// mistake than a wish.
    #[must_use]
    pub const fn may_empty(mut self) -> Self {
        self.may_empty = true;
        self
    }

    /// The most endpoints that an answer may have; a longer one counts as a failure. From 1 to 1 000 000, default 10 000.
    #[must_use]
    pub const fn with_most_endpoints(mut self, endpoints: u32) -> Self {
        self.most_endpoints = endpoints;
        self
    }

    /// The shortest time between two questions.
    #[must_use]
    pub const fn floor(&self) -> Duration {
        self.floor
    }

    /// The longest time between two questions.
    #[must_use]
    pub const fn ceiling(&self) -> Duration {
        self.ceiling
    }

    /// The longest share that is added to a wait.
    #[must_use]
    pub const fn jitter(&self) -> f64 {
        self.jitter.get()
    }

    /// The first wait after a failure.
    #[must_use]
    pub const fn first_retry(&self) -> Duration {
        self.first_retry
    }

    /// The longest wait after a failure.
    #[must_use]
    pub const fn longest_retry(&self) -> Duration {
        self.longest_retry
    }

    /// Whether an empty answer empties the pool.
    #[must_use]
    pub const fn is_emptying(&self) -> bool {
        self.may_empty
    }

    /// The most endpoints of an answer.
    #[must_use]
    pub const fn most_endpoints(&self) -> u32 {
        self.most_endpoints
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        period(PATH, "floor", self.floor, SHORTEST..=LONGEST)?;
        period(PATH, "ceiling", self.ceiling, self.floor..=LONGEST)?;
        ratio(PATH, "jitter", self.jitter(), 0.0..=1.0)?;
        period(PATH, "first_retry", self.first_retry, SHORTEST..=LONGEST)?;
        period(PATH, "longest_retry", self.longest_retry, self.first_retry..=LONGEST)?;
        number(PATH, "most_endpoints", self.most_endpoints, 1..=1_000_000)
    }
}

impl Default for DiscoverySpec {
    fn default() -> Self {
        Self::new()
    }
}

const PATH: &str = "discovery";
