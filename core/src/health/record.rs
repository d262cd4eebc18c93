//! What an endpoint's requests came to since it was last judged: how many ended, how many failed, and how long the successes took.
//!
//! Requests only add; whoever judges keeps what had been counted when it last looked and takes the difference, so nothing is ever set back and a
//! request pays one addition for its latency and nothing at all for its success, which the endpoint counts anyway.
//!
//! Trouble that is over is not judged. If nothing had changed within a sample, its failures would lie anywhere in it: that all `f` of them lie before the last `r` of `n` requests has a chance of
//! no more than ((n − r) / n)^f, whatever share fails. Where that is below one in a thousand, and those `r` are more than had gone well before any failure in the sample since the one before it
//! (failures may come in bursts, and the next burst is then still to come), only those `r` are judged.
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
    /// Elsewhere, because no success asks for it.
    seen: Box<SeenBefore>,
}

#[derive(Debug, Default)]
struct SeenBefore {
    /// How many requests had succeeded or failed when one last failed.
    failed_at: AtomicU64,
    /// The most of them from one failure to the next, since a sample was last taken away.
    longest_run: AtomicU64,
    rates: Seen,
    latencies: Seen,
}

/// What stood there when the endpoint was last judged. Written by whoever judges, one at a time, or when an ejection ends.
#[derive(Debug, Default)]
struct Seen {
    since: AtomicU64,
    counts: [AtomicU64; 2],
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
    /// Counts a failure of an endpoint that has finished `completed` requests in its life, this one included.
    pub(crate) fn fail(&self, completed: u64) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        let judged = self.judged(completed);
        let before = self.seen.failed_at.fetch_max(judged, Ordering::Relaxed);
        self.seen.longest_run.fetch_max(judged.saturating_sub(before), Ordering::Relaxed);
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
        let is_fresh = rates.is_within(enough.horizon, now);
        if is_fresh {
            let [requests, failed] = rates.since_then(counts);
            (sample.requests, sample.failed) = (requests, failed.min(requests));
        }
        let run = counts[0].saturating_sub(self.seen.failed_at.load(Ordering::Relaxed)).min(sample.requests);
        let is_over = self.is_over(&sample, run);
        if is_over {
            (sample.requests, sample.failed) = (run, 0);
        }
        if is_over || sample.requests >= enough.requests || !is_fresh {
            self.begin_rates(counts, now);
        }
        let (latencies, word) = (&self.seen.latencies, self.latencies.load(Ordering::Relaxed));
        if latencies.is_within(enough.horizon, now) {
            let [difference, _] = latencies.since_then([word, 0]);
            (sample.timed, sample.log_latency) = mean(difference);
        }
        if sample.timed >= enough.timed || !latencies.is_within(enough.horizon, now) {
            latencies.set([word, 0], now);
        }
        sample
    }

    /// Begins afresh: what was before an ejection must not count after it.
    pub(crate) fn forget(&self, completed: u64, now: Time) {
        self.begin_rates(self.counts(completed), now);
        self.seen.latencies.set([self.latencies.load(Ordering::Relaxed), 0], now);
    }

    fn begin_rates(&self, counts: [u64; 2], now: Time) {
        self.seen.rates.set(counts, now);
        self.seen.longest_run.store(0, Ordering::Relaxed);
    }

    /// Whether what failed is explained neither by chance nor by bursts, because the last `run` requests have succeeded.
    #[expect(clippy::cast_precision_loss, reason = "a chance needs no more")]
    fn is_over(&self, sample: &Sample, run: u64) -> bool {
        let before = sample.requests.saturating_sub(run) as f64 / sample.requests.max(1) as f64;
        sample.failed > 0
            && run > self.seen.longest_run.load(Ordering::Relaxed)
            && before.powf(sample.failed as f64) < CHANCE
    }

    /// Requests that succeeded or failed in its life, and those that failed.
    fn counts(&self, completed: u64) -> [u64; 2] {
        [self.judged(completed), self.failed.load(Ordering::Relaxed)]
    }

    fn judged(&self, completed: u64) -> u64 {
        completed.saturating_sub(self.silent.load(Ordering::Relaxed))
    }
}

impl Seen {
    fn is_within(&self, horizon: Duration, now: Time) -> bool {
        now.since(Time::from_nanos(self.since.load(Ordering::Relaxed))) <= horizon
    }

    /// Wraps where what is seen has been set by another thread just now; what follows bounds it.
    fn since_then(&self, counts: [u64; 2]) -> [u64; 2] {
        let mut differences = counts;
        for (difference, seen) in differences.iter_mut().zip(&self.counts) {
            let passed = difference.wrapping_sub(seen.load(Ordering::Relaxed));
            *difference = if passed > u64::MAX / 2 { 0 } else { passed };
        }
        differences
    }

    fn set(&self, counts: [u64; 2], now: Time) {
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

/// Below this, chance explains nothing.
const CHANCE: f64 = 1e-3;
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

    /// Two requests do this while a comparison looks; what that finds, and what the next one does.
    fn looked_at(finish: fn(&Record)) -> [Sample; 2] {
        let record = Arc::new(Record::default());
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let record = Arc::clone(&record);
                thread::spawn(move || finish(&record))
            })
            .collect();
        let first = record.take(2, &ENOUGH, Time::ZERO);
        threads.into_iter().for_each(|thread| assert!(thread.join().is_ok(), "the thread does not panic"));
        [first, record.take(2, &ENOUGH, Time::ZERO)]
    }

    /// However they interleave: a sample is of what there was, or of less.
    #[test]
    fn a_sample_is_never_of_more_than_there_was() {
        loom::model(|| {
            for sample in looked_at(|record| record.fail(2)) {
                assert!(sample.requests <= 2 && sample.failed <= sample.requests, "{sample:?}");
            }
        });
        loom::model(|| {
            let [first, second] = looked_at(|record| record.time(Duration::from_nanos(1 << 20)));
            assert!(first.timed + second.timed <= 2, "{first:?}, {second:?}");
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
        (1..=5).for_each(|turn| record.fail(10 * turn));
        (0..10).for_each(|_| record.pass_over());
        assert_eq!(taken(70, 10), (60, 5));
        assert_eq!(taken(110, 20), (100, 5), "too few were kept");
        record.fail(111);
        assert_eq!(taken(111, 30), (1, 1), "enough were taken away");
        assert_eq!(taken(120, 81), (0, 0), "they are from more than a horizon ago");
        assert_eq!(taken(121, 90), (1, 0));
        record.forget(121, at(95));
        assert_eq!(taken(122, 96), (1, 0));
    }

    /// A second of this takes ten requests. What was taken after each of so many seconds: requests, and failures among them.
    fn judged(seconds: &[&str]) -> Vec<(u64, u64)> {
        let (record, mut completed) = (Record::default(), 0);
        let each = seconds.iter().enumerate().map(|(second, outcomes)| {
            for outcome in outcomes.chars() {
                completed += 1;
                if outcome == 'x' {
                    record.fail(completed);
                }
            }
            let Sample { requests, failed, .. } = record.take(completed, &ENOUGH, at(second as u64));
            (requests, failed)
        });
        each.collect()
    }

    #[test]
    fn trouble_that_is_over_is_not_judged() {
        let half = "x.x..xx.x.";
        let then_none = [half, half, half, "..........", "..........", "....x.x..x"];
        let expected = [(10, 5), (20, 10), (30, 15), (40, 15), (21, 0), (10, 3)];
        assert_eq!(judged(&then_none), expected, "what comes then is judged by itself");
        assert_eq!(judged(&["xxxxxxxxxx", ".........."])[1], (10, 0));
    }

    #[test]
    fn what_chance_or_bursts_explain_is_judged() {
        let tenth = "....x.....";
        assert_eq!(judged(&[tenth, tenth, tenth, ".........."])[3], (40, 3), "by chance");
        let burst = "xxxxx.....";
        assert_eq!(judged(&[burst, burst, burst])[2], (30, 15), "the next burst is to come");
        assert_eq!(judged(&[burst, burst, burst, ".........."])[3], (15, 0));
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
        /// Failures anywhere in a sample, as of an endpoint that nothing has changed: no more than one such sample of a thousand is taken for trouble that is over.
        #[test]
        fn chance_is_hardly_ever_taken_for_recovery(seed: u64, percent in 1_u32..100) {
            let fails = |sample: u64, request: u64| {
                let half = (crate::rng::draw(seed ^ sample << 32, request) >> 32) as u32;
                crate::rng::below(half, 100) < percent
            };
            let is_judged = |sample: &u64| {
                let record = Record::default();
                (1..=200).filter(|&request| fails(*sample, request)).for_each(|request| record.fail(request));
                record.take(200, &ENOUGH, at(1)).failed == record.failed.load(Ordering::Relaxed)
            };
            let over = (0..300).filter(|sample| !is_judged(sample)).count();
            prop_assert!(over <= 5, "{over} of 300");
        }

        /// Who fails in bursts, however long they and the quiet between them are: its failures are not taken for trouble that is over for long.
        #[test]
        fn who_flaps_is_judged(seed: u64, period in 2_u64..400, phase in 0_u64..400) {
            let (record, mut completed) = (Record::default(), 0);
            let judged = (0..8).any(|interval| {
                let requests = 80 + crate::rng::below((crate::rng::draw(seed, interval) >> 32) as u32, 41);
                for _ in 0..requests {
                    completed += 1;
                    if (completed + phase) % period < period / 2 {
                        record.fail(completed);
                    }
                }
                let sample = record.take(completed, &ENOUGH, at(10 * interval));
                sample.failed * 10 > sample.requests
            });
            prop_assert!(judged);
        }

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
