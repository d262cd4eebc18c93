//! What one finished request teaches.

use std::time::Duration;

/// How a request ended, in four kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the four kinds are the vocabulary of DESIGN.md §2; a fifth would be a new design"
)]
pub enum OutcomeKind {
    /// The endpoint did its work. The only kind that gives a latency sample.
    Success,
    /// The endpoint failed: an error answer, a broken connection, a timeout of the call.
    Failure,
    /// The endpoint said that it has too much to do (HTTP 429 or 503, gRPC `RESOURCE_EXHAUSTED`).
    Overload,
    /// The caller gave up. Frees what was held and teaches nothing.
    Cancelled,
}

/// Who failed, as far as the caller can tell: all but the first count as [gateway failures](crate::OutlierSpec::with_consecutive_gateway_failures).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureCause {
    /// The endpoint answered, with an error of its own (HTTP 500), or nothing is known. The default.
    #[default]
    Application,
    /// Something in front of the endpoint answered for it (HTTP 502, 504).
    Gateway,
    /// There was no connection, or it broke.
    Connection,
    /// There was no answer in time.
    Timeout,
}

impl FailureCause {
    /// Whether the endpoint itself did not answer.
    #[must_use]
    pub const fn is_gateway(self) -> bool {
        !matches!(self, Self::Application)
    }
}

/// What a [`Lease`](crate::Lease) is finished with: the kind, and what was measured.
///
/// ```
/// use std::time::Duration;
/// use tenantry::{Outcome, OutcomeKind};
///
/// let outcome = Outcome::success().with_cost(42).with_latency(Duration::from_millis(3));
/// assert_eq!(outcome.kind(), OutcomeKind::Success);
/// assert_eq!(outcome.cost(), Some(42));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    kind: OutcomeKind,
    latency: Option<Duration>,
    cost: Option<u64>,
    retry_after: Option<Duration>,
    cause: FailureCause,
}

impl Outcome {
    const fn new(kind: OutcomeKind) -> Self {
        Self { kind, latency: None, cost: None, retry_after: None, cause: FailureCause::Application }
    }

    /// The endpoint did its work.
    #[must_use]
    pub const fn success() -> Self {
        Self::new(OutcomeKind::Success)
    }

    /// The endpoint failed.
    #[must_use]
    pub const fn failure() -> Self {
        Self::new(OutcomeKind::Failure)
    }

    /// The endpoint has too much to do.
    #[must_use]
    pub const fn overload() -> Self {
        Self::new(OutcomeKind::Overload)
    }

    /// The caller gave up; what dropping the lease means.
    #[must_use]
    pub const fn cancelled() -> Self {
        Self::new(OutcomeKind::Cancelled)
    }

    /// The latency to learn from, where it is not the time from acquire to finish: adapters give the time to the first byte.
    #[must_use]
    pub const fn with_latency(mut self, latency: Duration) -> Self {
        self.latency = Some(latency);
        self
    }

    /// What the request really cost. More than was reserved becomes debt; without it the reserved cost stands.
    #[must_use]
    pub const fn with_cost(mut self, cost: u64) -> Self {
        self.cost = Some(cost);
        self
    }

    /// The endpoint's own word on when to come back; counts for [`Outcome::overload`].
    #[must_use]
    pub const fn with_retry_after(mut self, retry_after: Duration) -> Self {
        self.retry_after = Some(retry_after);
        self
    }

    /// Who failed; counts for [`Outcome::failure`].
    #[must_use]
    pub const fn with_cause(mut self, cause: FailureCause) -> Self {
        self.cause = cause;
        self
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> OutcomeKind {
        self.kind
    }

    /// The latency given, if any.
    #[must_use]
    pub const fn latency(&self) -> Option<Duration> {
        self.latency
    }

    /// The cost given, if any.
    #[must_use]
    pub const fn cost(&self) -> Option<u64> {
        self.cost
    }

    /// The endpoint's own word on when to come back, if any.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Who failed, where it is a failure.
    #[must_use]
    pub const fn cause(&self) -> FailureCause {
        self.cause
    }
}
