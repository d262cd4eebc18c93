use std::{
    hash::{BuildHasher, RandomState},
    num::NonZeroU32,
    time::Duration,
};

use tenantry::Backoff;

use super::Idempotency;

/// When and how often a request is tried again.
///
/// ```
/// use std::{num::NonZeroU32, time::Duration};
/// use tenantry_tower::retry::RetryPolicy;
///
/// let policy = RetryPolicy::new()
///     .with_attempts(NonZeroU32::new(4).unwrap())
///     .with_try_timeout(Duration::from_secs(2))
///     .with_timeout(Duration::from_secs(10));
/// assert_eq!(policy.attempts().get(), 4);
/// ```
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    attempts: NonZeroU32,
    backoff: Backoff,
    try_timeout: Option<Duration>,
    timeout: Option<Duration>,
    longest_wait: Duration,
    body_limit: usize,
    idempotency: Idempotency,
    refusals: Refusals,
}

/// What to do when the balancer refuses a first attempt for now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Refusals {
    #[default]
    Told,
    WaitedOut,
}

impl RetryPolicy {
    /// The defaults, which stand at each setter.
    #[must_use]
    pub fn new() -> Self {
        Self {
            attempts: NonZeroU32::MIN.saturating_add(2),
            // Instances that fail together shall not come back together.
            backoff: Backoff::default().with_seed(RandomState::new().hash_one(0)),
            try_timeout: None,
            timeout: None,
            longest_wait: Duration::from_secs(5),
            body_limit: 64 * 1024,
            idempotency: Idempotency::default(),
            refusals: Refusals::default(),
        }
    }

    /// How often a request is sent at most, the first time included. Default 3. One is no retry at all.
    #[must_use]
    pub const fn with_attempts(mut self, attempts: NonZeroU32) -> Self {
        self.attempts = attempts;
        self
    }

    /// How long to wait before a retry. Default: [`Backoff::default`] (25 ms doubling up to 250 ms, full jitter) with a seed of this policy's own.
    #[must_use]
    pub const fn with_backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// How long an attempt may take until the head of its answer, from the moment in which an endpoint has all of the request, or reads no more of it:
    /// neither waiting for its turn nor for the client's upload counts. One that takes longer is its endpoint's failure. Default: no limit.
    #[must_use]
    pub const fn with_try_timeout(mut self, timeout: Duration) -> Self {
        self.try_timeout = Some(timeout);
        self
    }

    /// How long all attempts together may take until the head of an answer, waits and queues included. An attempt that this cuts off is its endpoint's failure where it has had a
    /// fair part of the time: a timeout of its own, if that is shorter, else what each of the attempts would have if they shared it evenly, and half of it at most. Default: no limit.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The longest wait that an answer may ask for by `Retry-After`: with a longer one it stands. Default 5 s.
    #[must_use]
    pub const fn with_longest_wait(mut self, wait: Duration) -> Self {
        self.longest_wait = wait;
        self
    }

    /// How many bytes of a request's body are kept so that it can be sent again, and how many of a failed answer's so that it can be given if nothing better
    /// comes. Default 64 KiB. A request of which more has been sent is not sent again; a failed answer that is longer stands.
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

    /// Waits when a request's first attempt is refused for a time that is known (a spent rate, say) and within the [longest wait](Self::with_longest_wait) and the
    /// [timeout](Self::with_timeout), and asks again; at most as often as there are attempts. Default: the refusal is the answer.
    #[must_use]
    pub const fn waiting_out_refusals(mut self) -> Self {
        self.refusals = Refusals::WaitedOut;
        self
    }

    /// How often a request is sent at most.
    #[must_use]
    pub const fn attempts(&self) -> NonZeroU32 {
        self.attempts
    }

    /// The longest wait that an answer may ask for.
    #[must_use]
    pub const fn longest_wait(&self) -> Duration {
        self.longest_wait
    }

    /// How many bytes of a body are kept.
    #[must_use]
    pub const fn body_limit(&self) -> usize {
        self.body_limit
    }

    pub(super) const fn backoff(&self) -> Backoff {
        self.backoff
    }

    pub(super) const fn try_timeout(&self) -> Option<Duration> {
        self.try_timeout
    }

    pub(super) const fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// From when on an attempt without an answer has failed, if it is cut off.
    pub(super) fn fair_time(&self) -> Option<Duration> {
        let even = self.timeout.map(|timeout| timeout / self.attempts.get().max(2));
        let own = self.try_timeout.filter(|own| self.timeout.is_none_or(|timeout| *own < timeout));
        own.or(even)
    }

    pub(super) const fn idempotency(&self) -> &Idempotency {
        &self.idempotency
    }

    pub(super) fn waits_out_refusals(&self) -> bool {
        self.refusals == Refusals::WaitedOut
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::new()
    }
}
