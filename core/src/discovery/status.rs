//! How a discovery is doing.

use crate::time::Time;

/// What is true now of one discovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoveryStatus {
    pub(crate) pool: String,
    pub(crate) source: String,
    pub(crate) endpoints: usize,
    pub(crate) last_success: Option<Time>,
    pub(crate) last_failure: Option<DiscoveryFailure>,
    pub(crate) failures: u32,
    pub(crate) next_refresh: Time,
}

/// The newest thing that went wrong with a discovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiscoveryFailure {
    pub(crate) at: Time,
    pub(crate) problem: String,
}

impl DiscoveryStatus {
    pub(crate) const fn new(pool: String, source: String, now: Time) -> Self {
        Self {
            pool,
            source,
            endpoints: 0,
            last_success: None,
            last_failure: None,
            failures: 0,
            next_refresh: now,
        }
    }

    pub(crate) fn note(&mut self, problem: String, at: Time) {
        self.last_failure = Some(DiscoveryFailure { at, problem });
    }

    /// The pool whose endpoints are looked for.
    #[must_use]
    pub fn pool(&self) -> &str {
        &self.pool
    }

    /// What is asked, as its adapter calls it: `dns http://api.internal:8080`.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// How many endpoints the last good answer had.
    #[must_use]
    pub const fn endpoints(&self) -> usize {
        self.endpoints
    }

    /// When the last good answer came, on the balancer's clock; `None`: there was none yet.
    #[must_use]
    pub const fn last_success(&self) -> Option<Time> {
        self.last_success
    }

    /// The newest failure, of whole answers and of parts. It stays after a success: [`failures`](Self::failures) tells whether it is over.
    #[must_use]
    pub const fn last_failure(&self) -> Option<&DiscoveryFailure> {
        self.last_failure.as_ref()
    }

    /// Failures in a row; 0: the last answer was good.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// When it asks again, on the balancer's clock.
    #[must_use]
    pub const fn next_refresh(&self) -> Time {
        self.next_refresh
    }
}

impl DiscoveryFailure {
    /// When, on the balancer's clock.
    #[must_use]
    pub const fn at(&self) -> Time {
        self.at
    }

    /// What went wrong.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }
}
