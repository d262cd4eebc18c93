use std::time::Duration;

use tenantry::Rejection;

use super::counts::{BOUNDS, Reading};

/// How the requests of one tenant in one pool ended, or those of all of them, since they were first counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestStats {
    pub(super) pool: String,
    pub(super) tenant: Option<String>,
    pub(super) reading: Reading,
}

impl RequestStats {
    /// The pool that was asked for; empty where the requests named none.
    #[must_use]
    pub fn pool(&self) -> &str {
        &self.pool
    }

    /// Whose they were: `(other)` for all those without figures of their own; `None`: everybody's.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }

    /// Answers that were no server's error.
    #[must_use]
    pub fn successes(&self) -> u64 {
        self.reading.buckets.iter().sum()
    }

    /// Successes that took at most so long, in the steps of [`BOUNDS`].
    #[must_use]
    pub fn successes_within(&self, latency: Duration) -> u64 {
        let buckets = BOUNDS.iter().zip(self.reading.buckets);
        buckets.take_while(|(bound, _)| **bound <= latency.as_secs_f64()).map(|(_, count)| count).sum()
    }

    /// Server's errors, from an endpoint or for want of its answer.
    #[must_use]
    pub const fn failures(&self) -> u64 {
        self.reading.failures
    }

    /// Refusals by the tenant's own limits and rights, by [code](Rejection::code) with how often.
    pub fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.rejections().filter(|(code, _)| !UNSERVED.contains(code))
    }

    /// Refusals because the pool could not serve, by [code](Rejection::code) with how often.
    pub fn unserved(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.rejections().filter(|(code, _)| UNSERVED.contains(code))
    }

    /// Both.
    pub fn rejections(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Rejection::CODES.into_iter().zip(self.reading.rejections)
    }

    /// How many ended in which way; all of them together are all requests.
    pub(crate) fn ends(&self) -> [(&'static str, u64); 4] {
        let count = |of: &mut dyn Iterator<Item = (&'static str, u64)>| of.map(|(_, count)| count).sum();
        [
            ("success", self.successes()),
            ("failure", self.failures()),
            ("refused", count(&mut self.refusals())),
            ("unserved", count(&mut self.unserved())),
        ]
    }

    /// Successes by bucket, each with its bound, and how long all of them took, in seconds.
    pub(crate) fn histogram(&self) -> (Vec<(f64, u64)>, f64) {
        let bounds = BOUNDS.into_iter().chain([f64::INFINITY]);
        #[expect(clippy::cast_precision_loss, reason = "to a microsecond in 285 years")]
        let seconds = self.reading.micros as f64 / 1e6;
        (bounds.zip(self.reading.buckets).collect(), seconds)
    }
}

/// What is not the tenant's doing.
const UNSERVED: [&str; 6] =
    ["SATURATED", "QUEUE_FULL", "TIMED_OUT", "WOULD_TIME_OUT", "UPSTREAM_LIMITED", "NO_ENDPOINT"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_unserved_is_one() {
        assert!(UNSERVED.iter().all(|code| Rejection::CODES.contains(code)));
    }
}
