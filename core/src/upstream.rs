//! What an endpoint says of its own limits.

use std::time::Duration;

/// What one answer told of its endpoint's limits: see [`Lease::report_upstream`](crate::Lease::report_upstream).
///
/// ```
/// use std::time::Duration;
/// use tenantry::{UpstreamLimit, UpstreamReport};
///
/// let report = UpstreamReport::new()
///     .with_requests(UpstreamLimit::left(12).with_limit(60).resets_in(Duration::from_secs(30)))
///     .with_cost(UpstreamLimit::left(40_000).resets_at_unix(Duration::from_secs(1_790_000_000)));
/// assert!(!report.is_empty());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpstreamReport {
    requests: Option<UpstreamLimit>,
    cost: Option<UpstreamLimit>,
    retry_after: Option<Duration>,
}

/// What is left of one limit, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpstreamLimit {
    left: u64,
    limit: Option<u64>,
    reset: Reset,
}

/// When a limit begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reset {
    /// Nobody said.
    Unknown,
    /// So long after the report.
    After(Duration),
    /// So long after the beginning of 1970.
    AtUnix(Duration),
}

impl UpstreamReport {
    /// A report that says nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { requests: None, cost: None, retry_after: None }
    }

    /// What is left of the requests that the endpoint allows.
    #[must_use]
    pub const fn with_requests(mut self, limit: UpstreamLimit) -> Self {
        self.requests = Some(limit);
        self
    }

    /// What is left of the cost that it allows, in the unit of [`Request::cost`](crate::Request::cost).
    #[must_use]
    pub const fn with_cost(mut self, limit: UpstreamLimit) -> Self {
        self.cost = Some(limit);
        self
    }

    /// It wants to be left alone for so long, by everybody. Counts up to 31 days; a later, shorter word does not shorten it.
    #[must_use]
    pub const fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// What is left of the requests.
    #[must_use]
    pub const fn requests(&self) -> Option<UpstreamLimit> {
        self.requests
    }

    /// What is left of the cost.
    #[must_use]
    pub const fn cost(&self) -> Option<UpstreamLimit> {
        self.cost
    }

    /// How long it wants to be left alone.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Whether it says nothing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.requests.is_none() && self.cost.is_none() && self.retry_after.is_none()
    }
}

impl UpstreamLimit {
    /// So much is left. Where nobody says [until when](Self::resets_in), it counts for one second.
    #[must_use]
    pub const fn left(left: u64) -> Self {
        Self { left, limit: None, reset: Reset::Unknown }
    }

    /// How much there is when nothing is used: for statistics only.
    #[must_use]
    pub const fn with_limit(mut self, limit: u64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// It begins anew after so long: at most 31 days. A whole number of seconds counts as rounded.
    #[must_use]
    pub const fn resets_in(mut self, wait: Duration) -> Self {
        self.reset = Reset::After(wait);
        self
    }

    /// It begins anew at this time since 1970, by the balancer's [clock](crate::Clock::unix).
    #[must_use]
    pub const fn resets_at_unix(mut self, at: Duration) -> Self {
        self.reset = Reset::AtUnix(at);
        self
    }

    /// How much is left.
    #[must_use]
    pub const fn remaining(&self) -> u64 {
        self.left
    }

    /// How much there is when nothing is used.
    #[must_use]
    pub const fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// In how long it begins anew, seen from `unix` after the beginning of 1970; `None` where nobody said.
    #[must_use]
    pub fn reset_in(&self, unix: Duration) -> Option<Duration> {
        match self.reset {
            Reset::Unknown => None,
            Reset::After(wait) => Some(wait),
            Reset::AtUnix(at) => Some(at.saturating_sub(unix)),
        }
    }

    /// Whether the moment may be rounded to a second.
    pub(crate) const fn is_coarse(&self) -> bool {
        match self.reset {
            Reset::Unknown => true,
            Reset::After(time) | Reset::AtUnix(time) => time.subsec_nanos() == 0,
        }
    }
}
