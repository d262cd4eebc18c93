//! A histogram of latencies that several threads fill.
//!
//! Sixteen buckets per doubling, from 1 µs to 4 hours: a percentile is right within 3 %.

use std::time::Duration;

use super::number::as_f64;
use crate::{
    sync::{AtomicU32, Ordering},
    time::nanos,
};

/// Latencies by bucket.
#[derive(Debug)]
pub(super) struct Percentiles {
    buckets: Box<[AtomicU32]>,
}

impl Percentiles {
    pub(super) fn new() -> Self {
        Self { buckets: (0..BUCKETS).map(|_| AtomicU32::new(0)).collect() }
    }

    pub(super) fn add(&self, latency: Duration) {
        self.buckets[bucket(nanos(latency) >> 10)].fetch_add(1, Ordering::Relaxed);
    }

    /// Empties it and returns the percentile in nanoseconds; `None` where it was empty.
    pub(super) fn take(&self, percent: u32) -> Option<f64> {
        let counts: Vec<u64> =
            self.buckets.iter().map(|bucket| u64::from(bucket.swap(0, Ordering::Relaxed))).collect();
        let total: u64 = counts.iter().sum();
        let rank = (total * u64::from(percent)).div_ceil(100).max(1);
        let mut seen = 0;
        let found = counts.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(middle(found) * 1024.0)
    }
}

/// Values below 16 have a bucket each; above, the four bits after the highest choose.
fn bucket(value: u64) -> usize {
    let value = value.min(LARGEST);
    if value < 16 {
        return value as usize;
    }
    let doublings = value.ilog2() - 3;
    doublings as usize * 16 + (value >> (doublings - 1)) as usize % 16
}

fn middle(bucket: usize) -> f64 {
    let bucket = bucket as u64;
    if bucket < 16 {
        return as_f64(bucket) + 0.5;
    }
    let width = 1_u64 << (bucket / 16 - 1);
    as_f64((16 + bucket % 16) * width) + as_f64(width) / 2.0
}

const LARGEST: u64 = (1 << 34) - 1;
const BUCKETS: usize = 16 * 32;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_right_within_three_percent() {
        for micros in [1_u64, 7, 16, 999, 20_000, 3_000_000, 9_999_999_999] {
            let latencies = Percentiles::new();
            (0..9).for_each(|_| latencies.add(Duration::from_micros(micros)));
            let found = latencies.take(50).expect("there are nine") / 1e3;
            let wrong = (found - as_f64(micros)).abs();
            assert!(wrong <= (as_f64(micros) * 0.032).max(1.1), "{micros}: {found}");
            assert!(latencies.take(50).is_none());
        }
    }

    #[test]
    fn the_longest_time_has_a_bucket() {
        let latencies = Percentiles::new();
        latencies.add(Duration::MAX);
        latencies.add(Duration::ZERO);
        assert!(latencies.take(100) > Some(1e12));
    }
}
