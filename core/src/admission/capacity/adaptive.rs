//! The default capacity: no more seats than throughput needs.
//!
//! By Little's law the requests that stand in the backends' queues are `throughput × (latency − floor)`. The limit is what is in flight
//! less that queue, plus a headroom that grows with the limit, and with how much service times vary: backends whose
//! times vary go idle without some queue. A latency near the floor adds at least 6 %. The floor is the mean latency of *probes*: for a moment the limit is lowered by 30 % of
//! what waits for its latency, and the requests that begin and end meanwhile measure it.
//!
//! Where seats are held much longer than the latency lasts (streams, told by their first byte), a probe takes no more seats than that, the floor is
//! first what is first seen, and a step is at least ten seats, so that the next window need not wait for streams to end.
//!
//! Source: the queue estimate of TCP Vegas; probes and the epoch of a measurement as in Envoy's adaptive concurrency. *Where we differ*: means are
//! compared with means, never with a minimum, which would lie below what variable service times can hold; the queue comes from throughput and
//! not from the limit, so that latency may be the time to the first byte of a long stream; a probe costs 30 % of the seats for some
//! service times. Probes come after 1, 2, 4, 8, then every 10 seconds, and within a second when the limit has fallen notably since the last. A limit of which less than half is in use does not grow, overload answers in a window take a tenth away, and the floor
//! follows at once when latency falls well below it.
//!
//! Nothing here waits: the thread that wins the compare-and-swap on a window's end evaluates it.

use std::time::Duration;

use super::{
    Sample,
    number::{Number, as_f64, whole},
    window::{Closed, Window},
};
use crate::{
    config::{AdaptiveSpec, Bounds},
    sync::{AtomicU64, Ordering},
    time::nanos,
};

/// The learnt limit of one pool.
#[derive(Debug)]
pub(crate) struct Adaptive {
    bounds: Bounds,
    limit: Number,
    /// Nanoseconds; 0 before the first probe.
    floor: Number,
    /// Standard deviation by mean of the latencies of the last probe.
    spread: Number,
    window: Window,
    /// Nothing is looked at before it: what then ends began under another limit. The highest bit says that a probe is under way.
    epoch: AtomicU64,
    /// Squares of a probe's latencies in units of 2²⁰ ns².
    squares: AtomicU64,
    next_probe: AtomicU64,
    probe_gap: AtomicU64,
    /// At which limit the floor is to be measured anew.
    probed_at: Number,
    /// How many seats a probe takes away.
    probe_cut: Number,
}

impl Adaptive {
    pub(super) fn new(spec: &AdaptiveSpec) -> Self {
        let bounds = spec.bounds();
        Self {
            bounds,
            limit: Number::new(bounds.first()),
            floor: Number::new(0.0),
            spread: Number::new(0.0),
            window: Window::default(),
            epoch: AtomicU64::new(0),
            squares: AtomicU64::new(0),
            next_probe: AtomicU64::new(0),
            probe_gap: AtomicU64::new(nanos(FIRST_GAP)),
            probed_at: Number::new(0.0),
            probe_cut: Number::new(0.0),
        }
    }

    /// Seats now: the limit, or less while a probe runs.
    pub(super) fn seats(&self) -> u32 {
        let probing = self.epoch.load(Ordering::Relaxed) & PROBING != 0;
        let limit = self.limit.read();
        whole(if probing { self.bounds.hold(limit - self.probe_cut.read()) } else { limit })
    }

    pub(super) fn learn(&self, overload: bool, sample: &Sample) -> Option<u32> {
        let epoch = self.epoch.load(Ordering::Relaxed);
        if !overload && sample.now.as_nanos() < epoch & !PROBING {
            return None;
        }
        if epoch & PROBING != 0 && !overload {
            let latency = (nanos(sample.latency) >> 10).min(LONGEST_SQUARED);
            self.squares.fetch_add(latency * latency, Ordering::Relaxed);
        }
        let length = WINDOW.max(times(self.floor.read(), SERVICE_TIMES));
        let closed = self.window.add(overload, sample, length, FEWEST_SAMPLES)?;
        self.evaluate(&closed, epoch & PROBING != 0, sample.now.as_nanos(), length);
        Some(self.seats())
    }

    /// Ends a window: takes the floor from a probe, or moves the limit.
    fn evaluate(&self, window: &Closed, probing: bool, now: u64, length: Duration) {
        let limit = self.limit.read();
        if probing {
            self.take_floor(window, now);
            return;
        }
        let streams = window.streams();
        if streams && self.floor.read() == 0.0 && window.count > 0.0 {
            // A probe would last until streams end.
            self.floor.write(window.mean);
        }
        let floor = self.floor.read();
        let next = self.bounds.hold(self.next_limit(limit, floor, window));
        self.limit.write(next);
        let due = now >= self.next_probe.load(Ordering::Relaxed);
        let gap = self.gap();
        let last = self.next_probe.load(Ordering::Relaxed).saturating_sub(gap);
        let early = next <= self.probed_at.read() && now >= last.saturating_add(gap.min(nanos(SOONEST)));
        // What streams grow to will tell more than a probe that lasts until they end.
        let growing = streams && next > limit && window.busiest >= limit * NEARLY_ALL;
        if (floor == 0.0 || due || early) && !growing {
            self.squares.store(0, Ordering::Relaxed);
            self.probe_cut.write((window.busy() * PROBE_SHARE).min(limit * PROBE_SHARE).max(1.0));
            self.begin(now, PROBING, window.mean, PROBE.max(times(window.mean, PROBE_SERVICE_TIMES)));
        } else if next < limit * NOTABLE_CUT {
            self.begin(now, 0, window.mean, length);
        }
    }

    /// Begins a window as soon as what began under another limit has ended, which takes about one and a half of its latency.
    fn begin(&self, now: u64, probing: u64, latency: f64, length: Duration) {
        let epoch = now.saturating_add(nanos(times(latency, DRAIN))).min(PROBING - 1);
        self.epoch.store(epoch | probing, Ordering::Relaxed);
        self.window.restart(epoch, length);
    }

    fn next_limit(&self, limit: f64, floor: f64, window: &Closed) -> f64 {
        if window.overloaded {
            return limit * OVERLOAD_FACTOR;
        }
        if floor == 0.0 {
            return limit;
        }
        if window.mean < floor * FASTER {
            self.floor.write(window.mean);
        }
        let spread = self.spread.read();
        let headroom = HEADROOM + limit * SHARE_HEADROOM + limit.sqrt() * SPREAD_HEADROOM * spread;
        let queue = window.count / window.length * (window.mean - floor).max(0.0);
        let change = headroom - queue;
        let idle = window.mean < floor * (NEAR_FLOOR + spread / window.count.max(1.0).sqrt());
        // A step lets a window's worth of requests begin: where seats are held for long, no others would for a while.
        let step = if window.streams() && window.busiest >= limit * NEARLY_ALL { FEWEST_STARTS } else { 0.0 };
        let next = if idle { limit + change.max(limit * GROWTH).max(step) } else { limit + change };
        let unused = window.busiest < limit / 2.0;
        if next > limit && unused { limit } else { next.max(limit * STEEPEST_FALL) }
    }

    fn take_floor(&self, window: &Closed, now: u64) {
        if window.count > 0.0 {
            let mean = window.mean.max(1.0);
            let (before, probed_at) = (self.floor.read(), self.limit.read());
            let square = as_f64(self.squares.load(Ordering::Relaxed)) * 1024.0 * 1024.0 / window.count;
            let spread = (square / (mean * mean) - 1.0).max(0.0).sqrt().min(WIDEST);
            self.spread.write(spread);
            // A like probe: half of the old is kept against noise. What is lower by more than noise was not the floor before.
            let lower = mean < before * (1.0 - NOISE * spread / window.count.sqrt());
            let alike = before > 0.0 && (mean / before - 1.0).abs() < ALIKE && !lower;
            self.floor.write(if alike { f64::midpoint(before, mean) } else { mean });
            self.probed_at.write(probed_at * NOTABLY_LESS);
        }
        let gap = self.gap();
        self.probe_gap.store((gap * 2).min(nanos(LONGEST_GAP)), Ordering::Relaxed);
        self.next_probe.store(now.saturating_add(self.gap()), Ordering::Relaxed);
        self.begin(now, 0, window.mean, WINDOW);
    }

    fn gap(&self) -> u64 {
        self.probe_gap.load(Ordering::Relaxed)
    }
}

/// So many times a latency.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates")]
const fn times(latency: f64, factor: f64) -> Duration {
    Duration::from_nanos((latency * factor) as u64)
}

const HEADROOM: f64 = 0.35;
const SHARE_HEADROOM: f64 = 0.02;
const SPREAD_HEADROOM: f64 = 1.2;
const WIDEST: f64 = 3.0;
const NEAR_FLOOR: f64 = 1.12;
const GROWTH: f64 = 0.06;
const STEEPEST_FALL: f64 = 0.5;
const NOTABLE_CUT: f64 = 0.95;
const OVERLOAD_FACTOR: f64 = 0.9;
const FASTER: f64 = 0.75;
const ALIKE: f64 = 0.3;
/// In standard errors of the mean.
const NOISE: f64 = 2.0;
/// Of what waits for its latency.
const PROBE_SHARE: f64 = 0.3;
/// Seats are in use from this part of the limit on.
const NEARLY_ALL: f64 = 0.75;
/// Streams that a step up lets begin.
const FEWEST_STARTS: f64 = 10.0;
const NOTABLY_LESS: f64 = 0.88;
const PROBE: Duration = Duration::from_millis(60);
const PROBE_SERVICE_TIMES: f64 = 3.0;
const WINDOW: Duration = Duration::from_millis(100);
/// How many service times a window is long at least.
const SERVICE_TIMES: f64 = 4.0;
const DRAIN: f64 = 1.5;
const FIRST_GAP: Duration = Duration::from_millis(500);
const SOONEST: Duration = Duration::from_secs(1);
const LONGEST_GAP: Duration = Duration::from_secs(10);
const FEWEST_SAMPLES: u64 = 10;
const PROBING: u64 = 1 << 63;
/// 17 s in units of 2¹⁰ ns: 65 535 squares of it fit 64 bits.
const LONGEST_SQUARED: u64 = (1 << 24) - 1;

#[cfg(all(test, not(loom)))]
#[path = "adaptive_tests.rs"]
mod tests;
