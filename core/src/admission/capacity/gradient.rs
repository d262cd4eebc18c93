//! Adaptive capacity from the latency gradient.
//!
//! Source: Envoy's adaptive concurrency (`gradient = floor × (1 + tolerance) / latency`, `limit × gradient + √limit`) and Netflix's
//! Gradient2. *Where we differ*: the latency compared is the mean of a window, and the floor is the mean of a *probe window* in
//! which the limit is halved: the backends' own queues drain, and the floor cannot drift upwards under permanent
//! overload. Probes come after 1, 2, 4, 8, then every 10 seconds. The headroom is ½·√limit. The limit grows only while at least
//! half of it is in use, and falls by a tenth in a window with overload answers.
//!
//! Nothing here waits: samples are added by load and store (a lost one is harmless), and the thread that wins the
//! compare-and-swap on a window's end evaluates it.

use std::time::Duration;

use crate::{
    sync::{AtomicU32, AtomicU64, Ordering},
    time::{Time, nanos},
};

/// The learnt limit of one pool.
#[derive(Debug)]
pub(crate) struct Gradient {
    min: f64,
    max: f64,
    /// `f64` bits.
    limit: AtomicU64,
    /// `f64` bits of nanoseconds; 0 before the first probe.
    floor: AtomicU64,
    /// Sum of latencies in units of 2¹⁰ ns << 16 | count (which saturates the window).
    window: AtomicU64,
    window_ends: AtomicU64,
    most_taken: AtomicU32,
    overloads: AtomicU32,
    probe_at: AtomicU64,
    probe_gap: AtomicU64,
    probing: AtomicU32,
}

impl Gradient {
    pub(super) fn new(min: u32, max: u32) -> Self {
        let initial = INITIAL.clamp(f64::from(min), f64::from(max));
        Self {
            min: f64::from(min),
            max: f64::from(max),
            limit: AtomicU64::new(initial.to_bits()),
            floor: AtomicU64::new(0),
            window: AtomicU64::new(0),
            window_ends: AtomicU64::new(0),
            most_taken: AtomicU32::new(0),
            overloads: AtomicU32::new(0),
            probe_at: AtomicU64::new(0),
            probe_gap: AtomicU64::new(nanos(FIRST_PROBE_GAP)),
            probing: AtomicU32::new(0),
        }
    }

    /// Seats now: the limit, or half of it while a probe runs.
    pub(super) fn limit(&self) -> u32 {
        let limit = read(&self.limit);
        let probing = self.probing.load(Ordering::Relaxed) == 1;
        seats(if probing { (limit * PROBE_SHARE).max(self.min) } else { limit })
    }

    /// Counts one overload answer; evaluates the window when it is over.
    pub(super) fn overloaded(&self, taken: u32, now: Time) -> Option<u32> {
        self.overloads.fetch_add(1, Ordering::Relaxed);
        self.turn_window(taken, now)
    }

    /// Adds one latency; evaluates the window when it is over.
    pub(super) fn observe(&self, latency: Duration, taken: u32, now: Time) -> Option<u32> {
        let window = self.window.load(Ordering::Relaxed);
        if window & COUNT < COUNT {
            let sample = (nanos(latency) >> 10).min(LONGEST_SAMPLE);
            self.window.store(window + (sample << 16) + 1, Ordering::Relaxed);
        }
        self.turn_window(taken, now)
    }

    fn turn_window(&self, taken: u32, now: Time) -> Option<u32> {
        if taken > self.most_taken.load(Ordering::Relaxed) {
            self.most_taken.store(taken, Ordering::Relaxed);
        }
        let ends = self.window_ends.load(Ordering::Relaxed);
        if now.as_nanos() < ends {
            return None;
        }
        let samples = self.window.load(Ordering::Relaxed) & COUNT;
        if samples + u64::from(self.overloads.load(Ordering::Relaxed)) < FEWEST_SAMPLES {
            return None;
        }
        let next = (now + WINDOW).as_nanos();
        // One thread per window goes on; its stores below are ordered before the next winner's loads by this word.
        self.window_ends.compare_exchange(ends, next, Ordering::AcqRel, Ordering::Relaxed).ok()?;
        if ends == 0 {
            // The first window starts with the first request.
            self.probe_at.store(next, Ordering::Relaxed);
            return None;
        }
        self.evaluate(now);
        Some(self.limit())
    }

    /// Ends a window: moves the limit, or takes the floor from a probe.
    fn evaluate(&self, now: Time) {
        let window = self.window.swap(0, Ordering::Relaxed);
        let mean = as_f64(window >> 16) * 1024.0 / as_f64((window & COUNT).max(1));
        let busiest = f64::from(self.most_taken.swap(0, Ordering::Relaxed));
        let overloads = self.overloads.swap(0, Ordering::Relaxed);
        if self.probing.load(Ordering::Relaxed) == 1 {
            self.floor.store(mean.to_bits(), Ordering::Relaxed);
            self.probing.store(0, Ordering::Relaxed);
            let gap = self.probe_gap.load(Ordering::Relaxed);
            self.probe_gap.store((gap * 2).min(nanos(PROBE_GAP)), Ordering::Relaxed);
            self.probe_at.store(now.as_nanos().saturating_add(gap), Ordering::Relaxed);
            return;
        }
        let floor = read(&self.floor);
        let limit = read(&self.limit);
        let next = next_limit(limit, floor, mean, busiest, overloads > 0);
        self.limit.store(next.clamp(self.min, self.max).to_bits(), Ordering::Relaxed);
        if now.as_nanos() >= self.probe_at.load(Ordering::Relaxed) {
            self.probing.store(1, Ordering::Relaxed);
        }
    }
}

/// The rule itself.
fn next_limit(limit: f64, floor: f64, mean: f64, busiest: f64, overloaded: bool) -> f64 {
    if overloaded {
        return limit * OVERLOAD_FACTOR;
    }
    if floor == 0.0 {
        return limit;
    }
    let gradient = (floor * (1.0 + TOLERANCE) / mean.max(1.0)).clamp(STEEPEST_FALL, 1.0 + TOLERANCE);
    let next = limit * gradient + limit.sqrt() * HEADROOM;
    if next > limit && busiest < limit / 2.0 { limit } else { next }
}

fn read(bits: &AtomicU64) -> f64 {
    f64::from_bits(bits.load(Ordering::Relaxed))
}

#[expect(clippy::cast_precision_loss, reason = "a mean needs no more than 53 bits")]
const fn as_f64(value: u64) -> f64 {
    value as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped between min and max, both u32"
)]
const fn seats(limit: f64) -> u32 {
    limit as u32
}

const INITIAL: f64 = 20.0;
const TOLERANCE: f64 = 0.1;
const HEADROOM: f64 = 0.5;
const STEEPEST_FALL: f64 = 0.5;
const OVERLOAD_FACTOR: f64 = 0.9;
const PROBE_SHARE: f64 = 0.5;
const WINDOW: Duration = Duration::from_millis(100);
const FIRST_PROBE_GAP: Duration = Duration::from_secs(1);
const PROBE_GAP: Duration = Duration::from_secs(10);
const COUNT: u64 = 0xffff;
const FEWEST_SAMPLES: u64 = 10;
/// 73 minutes in units of 2¹⁰ ns: the sum of 65 535 such samples fits 48 bits.
const LONGEST_SAMPLE: u64 = (1 << 32) - 1;

#[cfg(all(test, not(loom)))]
#[path = "gradient_tests.rs"]
mod tests;
