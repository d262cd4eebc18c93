//! How long a client may be waited for.
//!
//! A bucket of time: waiting takes out of it, each byte that moves puts a little back, and it holds no more than it had at first. A client that
//! keeps to the rate is waited for without end; one that stays below it, by however many bytes, until the bucket is empty.

use std::{num::NonZeroU32, time::Duration};

use tokio::time::Instant;

/// What is left of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    per_byte: Duration,
    most: Duration,
    left: Duration,
    waiting_since: Option<Instant>,
}

impl Patience {
    pub(super) fn new(bytes_per_second: NonZeroU32, grace: Duration) -> Self {
        let per_byte = Duration::from_secs(1) / bytes_per_second.get();
        Self { per_byte, most: grace, left: grace, waiting_since: None }
    }

    /// The client is waited for, from now on if it was not before. When patience ends.
    pub(super) fn wait(&mut self, now: Instant) -> Instant {
        *self.waiting_since.get_or_insert(now) + self.left
    }

    /// The client has moved so many bytes.
    pub(super) fn moved(&mut self, bytes: usize, now: impl FnOnce() -> Instant) {
        let waited = self.waiting_since.take().map_or(Duration::ZERO, |since| now() - since);
        let earned = self.per_byte.saturating_mul(u32::try_from(bytes).unwrap_or(u32::MAX));
        self.left = self.left.saturating_sub(waited).saturating_add(earned).min(self.most);
    }

    /// When it ends, while the client is waited for.
    pub(super) fn end(&self) -> Option<Instant> {
        self.waiting_since.map(|since| since + self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn who_keeps_to_the_rate_is_waited_for_without_end_and_who_does_not_until_the_grace_is_spent() {
        let rate = NonZeroU32::new(100).unwrap();
        for (bytes, ends) in [(1_000, false), (100, true), (1, true), (0, true)] {
            let (mut now, mut patience) = (Instant::now(), Patience::new(rate, seconds(20)));
            let has_ended = (0..100).any(|_| {
                let end = patience.wait(now);
                now += seconds(10);
                patience.moved(bytes, || now);
                end <= now
            });
            assert_eq!(has_ended, ends, "{bytes} bytes in ten seconds");
        }
    }

    #[test]
    fn what_was_fast_before_buys_no_more_than_the_grace() {
        let now = Instant::now();
        let mut patience = Patience::new(NonZeroU32::MIN, seconds(5));
        patience.moved(usize::MAX, || now);
        assert_eq!(patience.wait(now), now + seconds(5));
        assert_eq!(patience.end(), Some(now + seconds(5)));
    }
}
