//! A window of samples: what was measured between two evaluations.
//!
//! Samples are added to one word; the thread that wins the compare-and-swap on the window's end closes it.

use std::time::Duration;

use super::{Sample, number::as_f64};
use crate::{
    sync::{AtomicU32, AtomicU64, Ordering},
    time::nanos,
};

/// The open window.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// Sum of latencies in units of 2¹⁰ ns << 16 | count (which saturates the window).
    samples: AtomicU64,
    began: AtomicU64,
    ends: AtomicU64,
    most_taken: AtomicU32,
    overloads: AtomicU32,
}

/// What a closed window says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closed {
    /// Mean latency in nanoseconds; 0 where nothing succeeded.
    pub(super) mean: f64,
    pub(super) count: f64,
    /// Nanoseconds, at least 1.
    pub(super) length: f64,
    /// The most seats that were seen taken.
    pub(super) busiest: f64,
    pub(super) overloaded: bool,
}

impl Closed {
    /// How many requests there were on average whose latency was not over, by Little's law.
    pub(super) fn busy(&self) -> f64 {
        self.count * self.mean / self.length
    }

    /// Whether seats are held much longer than the latency lasts.
    pub(super) fn streams(&self) -> bool {
        self.busy() * MUCH_LONGER < self.busiest
    }
}

impl Window {
    /// Adds a sample; the window when it is over: after `length`, and with `fewest` samples.
    #[inline]
    pub(super) fn add(
        &self,
        overload: bool,
        sample: &Sample,
        length: Duration,
        fewest: u64,
    ) -> Option<Closed> {
        if overload {
            self.overloads.fetch_add(1, Ordering::Relaxed);
        } else if self.samples.load(Ordering::Relaxed) & COUNT < FULL {
            let latency = (nanos(sample.latency) >> 10).min(LONGEST_SAMPLE);
            self.samples.fetch_add((latency << 16) + 1, Ordering::Relaxed);
        }
        if sample.taken > self.most_taken.load(Ordering::Relaxed) {
            self.most_taken.fetch_max(sample.taken, Ordering::Relaxed);
        }
        let (now, ends) = (sample.now.as_nanos(), self.ends.load(Ordering::Relaxed));
        if now < ends { None } else { self.close(ends, now, length, fewest) }
    }

    /// Forgets what it has and begins anew at `began`.
    pub(super) fn restart(&self, began: u64, length: Duration) {
        self.ends.store(began.saturating_add(nanos(length)).max(1), Ordering::Relaxed);
        self.samples.store(0, Ordering::Relaxed);
        self.began.store(began, Ordering::Relaxed);
    }

    #[cold]
    fn close(&self, ends: u64, now: u64, length: Duration, fewest: u64) -> Option<Closed> {
        let count = self.samples.load(Ordering::Relaxed) & COUNT;
        if count + u64::from(self.overloads.load(Ordering::Relaxed)) < fewest {
            return None;
        }
        let next = now.saturating_add(nanos(length)).max(1);
        // One thread per window goes on; what it stores is ordered before the next winner's loads by this word.
        self.ends.compare_exchange(ends, next, Ordering::AcqRel, Ordering::Relaxed).ok()?;
        let samples = self.samples.swap(0, Ordering::Relaxed);
        let began = self.began.swap(now, Ordering::Relaxed);
        let overloads = self.overloads.swap(0, Ordering::Relaxed);
        let busiest = self.most_taken.swap(0, Ordering::Relaxed);
        // The first window has no beginning: it only starts the next.
        (ends > 0).then(|| Closed {
            mean: as_f64(samples >> 16) * 1024.0 / as_f64((samples & COUNT).max(1)),
            count: as_f64(samples & COUNT),
            length: as_f64(now.saturating_sub(began).max(1)),
            busiest: f64::from(busiest),
            overloaded: overloads > 0,
        })
    }
}

const MUCH_LONGER: f64 = 8.0;
const COUNT: u64 = 0xffff;
/// Threads that add at the same time do not carry the count over.
const FULL: u64 = 0xf000;
/// 73 minutes in units of 2¹⁰ ns: the sum of 65 535 such samples fits 48 bits.
const LONGEST_SAMPLE: u64 = (1 << 32) - 1;
