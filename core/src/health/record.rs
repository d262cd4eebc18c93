//! What an endpoint's requests came to since it was last judged: how many ended, how many failed, and how long the successes took.
//!
//! Requests only add; whoever judges keeps what had been counted when it last looked and takes the difference, so nothing is ever set back and a
//! request pays one addition for its latency and nothing at all for its success, which the endpoint counts anyway.
//!
//! Latencies are averaged as logarithms (the geometric mean): one answer of a hundred that took a thousand times as long moves the mean by 7 %.

use std::time::Duration;

use crate::{
    sync::{AtomicU64, Ordering},
    time::{Time, nanos},
};

/// The counters of one endpoint.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// Successes << 40, plus the sum of the logarithms of their latencies. Sums wrap; differences of them do not mind.
    latencies: AtomicU64,
    /// Requests that failed.
    failed: AtomicU64,
    /// Requests that say nothing: overload answers and cancelled ones.
    silent: AtomicU64,
    /// Elsewhere, because no request asks for it.
    seen: Box<SeenBefore>,
}

#[derive(Debug, Default)]
struct SeenBefore {
    rates: Seen,
    latencies: Seen,
}

/// What stood there when the endpoint was last judged. Written by whoever judges, one at a time, or when an ejection ends.
#[derive(Debug, Default)]
struct Seen {
    since: AtomicU64,
    counts: [AtomicU64; 3],
}

/// What requests of late came to, as far as there were any.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    /// Requests that succeeded or failed.
    pub(crate) requests: u64,
    /// Of those, how many failed.
    pub(crate) failed: u64,
    /// Successes whose latency is known.
    pub(crate) timed: u32,
    /// The base-2 logarithm of their mean latency in nanoseconds.
    pub(crate) log_latency: f32,
}

/// When what was counted is judged, and forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Enough {
    /// So many requests are a full sample: the next begins afresh.
    pub(crate) requests: u64,
    /// The same of latencies.
    pub(crate) timed: u32,
    /// What began longer ago says nothing any more.
    pub(crate) horizon: Duration,
}

impl Record {
    /// Counts a failure.
    pub(crate) fn fail(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request that says nothing of the endpoint's health.
    pub(crate) fn pass_over(&self) {
        self.silent.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts the latency of a success.
    #[inline]
    pub(crate) fn time(&self, latency: Duration) {
        let word = self.latencies.load(Ordering::Relaxed);
        // Not exchanged: two writers may lose one of two samples, its count and its latency together, and nobody waits.
        self.latencies.store(word.wrapping_add(ONE_TIMED + logarithm(latency)), Ordering::Relaxed);
    }

    /// What there was since the last full sample, of an endpoint that has finished `completed` requests in its life. A full sample is taken away.
    pub(crate) fn take(&self, completed: u64, enough: &Enough, now: Time) -> Sample {
        let mut sample = Sample::default();
        let (rates, counts) = (&self.seen.rates, self.counts(completed));
        if rates.is_within(enough.horizon, now) {
            let [completed, failed, silent] = rates.since_then(counts);
            sample.requests = completed.saturating_sub(silent);
            sample.failed = failed.min(sample.requests);
        }
        if sample.requests >= enough.requests || !rates.is_within(enough.horizon, now) {
            rates.set(counts, now);
        }
        let (latencies, word) = (&self.seen.latencies, self.latencies.load(Ordering::Relaxed));
        if latencies.is_within(enough.horizon, now) {
            let [difference, ..] = latencies.since_then([word, 0, 0]);
            (sample.timed, sample.log_latency) = mean(difference);
        }
        if sample.timed >= enough.timed || !latencies.is_within(enough.horizon, now) {
            latencies.set([word, 0, 0], now);
        }
        sample
    }

    /// Begins afresh: what was before an ejection must not count after it.
    pub(crate) fn forget(&self, completed: u64, now: Time) {
        self.seen.rates.set(self.counts(completed), now);
        self.seen.latencies.set([self.latencies.load(Ordering::Relaxed), 0, 0], now);
    }

    fn counts(&self, completed: u64) -> [u64; 3] {
        [completed, self.failed.load(Ordering::Relaxed), self.silent.load(Ordering::Relaxed)]
    }
}

impl Seen {
    fn is_within(&self, horizon: Duration, now: Time) -> bool {
        now.since(Time::from_nanos(self.since.load(Ordering::Relaxed))) <= horizon
    }

    /// Wraps where what is seen has been set by another thread just now; what follows bounds it.
    fn since_then(&self, counts: [u64; 3]) -> [u64; 3] {
        let mut differences = counts;
        for (difference, seen) in differences.iter_mut().zip(&self.counts) {
            let passed = difference.wrapping_sub(seen.load(Ordering::Relaxed));
            *difference = if passed > u64::MAX / 2 { 0 } else { passed };
        }
        differences
    }

    fn set(&self, counts: [u64; 3], now: Time) {
        for (seen, count) in self.counts.iter().zip(counts) {
            seen.store(count, Ordering::Relaxed);
        }
        self.since.store(now.as_nanos(), Ordering::Relaxed);
    }
}

/// The base-2 logarithm in 1/256, within 0.09: an `f32`'s bits are one, but for the rounding of its fraction to a straight line.
#[inline]
fn logarithm(latency: Duration) -> u64 {
    #[expect(clippy::cast_precision_loss, reason = "a logarithm needs no more")]
    let bits = (nanos(latency).max(1) as f32).to_bits();
    u64::from(bits >> FRACTION_DROPPED) - BIAS
}

/// How many, and the mean of their logarithms.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a mean needs no more")]
fn mean(difference: u64) -> (u32, f32) {
    let count = u32::try_from(difference >> TIMED_SHIFT).unwrap_or(u32::MAX);
    let sum = difference & (ONE_TIMED - 1);
    if count == 0 { (0, 0.0) } else { (count, (sum as f64 / f64::from(count)) as f32 / STEPS) }
}

const TIMED_SHIFT: u32 = 40;
const ONE_TIMED: u64 = 1 << TIMED_SHIFT;
/// Eight bits of an `f32`'s fraction stay.
const FRACTION_DROPPED: u32 = 23 - 8;
const BIAS: u64 = 127 << 8;
const STEPS: f32 = 256.0;

#[cfg(all(test, loom))]
mod models {
    use std::sync::Arc;

    use loom::thread;

    use super::*;

    const ENOUGH: Enough = Enough { requests: 1, timed: 1, horizon: Duration::from_secs(60) };

    /// However two requests and a comparison interleave: a sample is of what there was, or of less.
    #[test]
    fn a_sample_is_never_of_more_than_there_was() {
        loom::model(|| {
            let record = Arc::new(Record::default());
            let threads: Vec<_> = (0..2)
                .map(|_| {
                    let record = Arc::clone(&record);
                    thread::spawn(move || {
                        record.fail();
                        record.time(Duration::from_nanos(1 << 20));
                    })
                })
                .collect();
            let first = record.take(2, &ENOUGH, Time::ZERO);
            threads
                .into_iter()
                .for_each(|thread| assert!(thread.join().is_ok(), "the thread does not panic"));
            let second = record.take(2, &ENOUGH, Time::ZERO);
            assert!(first.failed <= 2 && first.timed + second.timed <= 2, "{first:?}, {second:?}");
            for sample in [first, second] {
                assert!(sample.timed == 0 || (sample.log_latency - 20.0).abs() < 0.01, "{sample:?}");
            }
        });
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ENOUGH: Enough = Enough { requests: 100, timed: 20, horizon: Duration::from_secs(60) };

    fn at(secs: u64) -> Time {
        Time::ZERO + Duration::from_secs(secs)
    }

    #[test]
    fn counts_until_there_is_enough_and_then_begins_afresh() {
        let record = Record::default();
        let taken = |completed, secs| {
            let Sample { requests, failed, .. } = record.take(completed, &ENOUGH, at(secs));
            (requests, failed)
        };
        (0..5).for_each(|_| record.fail());
        (0..10).for_each(|_| record.pass_over());
        assert_eq!(taken(70, 10), (60, 5));
        assert_eq!(taken(110, 20), (100, 5), "too few were kept");
        record.fail();
        assert_eq!(taken(111, 30), (1, 1), "enough were taken away");
        assert_eq!(taken(120, 81), (0, 0), "they are from more than a horizon ago");
        assert_eq!(taken(121, 90), (1, 0));
        record.forget(121, at(95));
        assert_eq!(taken(122, 96), (1, 0));
    }

    #[test]
    fn the_mean_is_geometric_and_hardly_minds_a_straggler() {
        let record = Record::default();
        (0..99).for_each(|_| record.time(Duration::from_millis(10)));
        record.time(Duration::from_secs(10));
        let sample = record.take(0, &ENOUGH, at(1));
        let mean = sample.log_latency.exp2();
        assert_eq!(sample.timed, 100);
        assert!((mean / 10e6 - 1.07).abs() < 0.08, "{mean}");
        assert_eq!(record.take(0, &ENOUGH, at(2)).timed, 0);
    }

    #[test]
    fn a_sum_that_wraps_and_a_writer_that_comes_late_do_no_harm() {
        let record = Record::default();
        record.latencies.store(u64::MAX - 5, Ordering::Relaxed);
        record.forget(0, at(0));
        record.time(Duration::from_millis(1));
        let sample = record.take(0, &ENOUGH, at(1));
        assert_eq!(sample.timed, 1);
        assert!((sample.log_latency - 1e6_f32.log2()).abs() < 0.1);
        record.seen.latencies.counts[0].store(u64::MAX / 4, Ordering::Relaxed);
        record.latencies.store(u64::MAX / 4 - ONE_TIMED, Ordering::Relaxed);
        assert_eq!(record.take(0, &ENOUGH, at(1)).timed, 0, "as if it had gone backwards");
    }

    proptest! {
        #[test]
        fn the_logarithm_is_one(nanos in 1_u64..u64::MAX / 2) {
            #[expect(clippy::cast_precision_loss, reason = "compared with a tolerance")]
            let (ours, exact) = (logarithm(Duration::from_nanos(nanos)) as f64 / 256.0, (nanos as f64).log2());
            prop_assert!((ours - exact).abs() < 0.1, "{nanos}: {ours}, not {exact}");
        }

        /// Against the plain sum of logarithms.
        #[test]
        fn the_mean_is_that_of_a_plain_sum(latencies in prop::collection::vec(1_u64..100_000_000_000, 1..300)) {
            let record = Record::default();
            latencies.iter().for_each(|&nanos| record.time(Duration::from_nanos(nanos)));
            let sample = record.take(0, &ENOUGH, at(1));
            #[expect(clippy::cast_precision_loss, reason = "compared with a tolerance")]
            let exact = latencies.iter().map(|&nanos| (nanos as f64).log2()).sum::<f64>() / latencies.len() as f64;
            prop_assert_eq!(sample.timed as usize, latencies.len());
            prop_assert!((f64::from(sample.log_latency) - exact).abs() < 0.1);
        }
    }
}
