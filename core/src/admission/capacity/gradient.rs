//! Envoy's gradient: a percentile of latency against one that was measured with the fewest seats.
//!
//! Source: Envoy's adaptive concurrency filter (`gradient_controller.cc`): `gradient = clamp(floor × (1 + buffer) / latency, ½, 2)`, and the next limit is
//! `limit × gradient`, plus its own square root. The floor is measured with `min` seats over `min_rtt_requests` requests, at the start, every
//! `min_rtt_interval` and after five windows at `min`; requests that began before the measurement do not count in it.
//!
//! *Where we differ*: percentiles come from a histogram that is right within 3 %; the jitter comes from the count of measurements;
//! overload answers in a window count as the gradient ½, where Envoy does not look at them; a limit of which less than half is in use does not grow.

use super::{
    Sample,
    number::{Number, whole},
    percentiles::Percentiles,
    window::Window,
};
use crate::{
    config::{Bounds, GradientSpec},
    rng,
    sync::{AtomicU32, AtomicU64, Ordering},
    time::{Time, nanos},
};

/// The learnt limit of one pool.
#[derive(Debug)]
pub(crate) struct Gradient {
    bounds: Bounds,
    spec: GradientSpec,
    limit: Number,
    /// Nanoseconds.
    floor: Number,
    latencies: Percentiles,
    window: Window,
    /// When the floor's measurement began; `STEADY` while none is under way.
    epoch: AtomicU64,
    /// How many requests it has measured.
    measured: AtomicU32,
    next_measurement: AtomicU64,
    measurements: AtomicU64,
    at_min: AtomicU32,
}

impl Gradient {
    pub(super) fn new(spec: &GradientSpec) -> Self {
        let bounds = spec.bounds();
        Self {
            bounds,
            spec: *spec,
            limit: Number::new(bounds.first()),
            floor: Number::new(0.0),
            latencies: Percentiles::new(),
            window: Window::default(),
            epoch: AtomicU64::new(0),
            measured: AtomicU32::new(0),
            next_measurement: AtomicU64::new(0),
            measurements: AtomicU64::new(0),
            at_min: AtomicU32::new(0),
        }
    }

    /// The limit, or `min` while the floor is measured.
    pub(super) fn seats(&self) -> u32 {
        let measuring = self.epoch.load(Ordering::Relaxed) != STEADY;
        if measuring { self.bounds.min } else { whole(self.limit.read()) }
    }

    pub(super) fn learn(&self, overload: bool, sample: &Sample) -> Option<u32> {
        let epoch = self.epoch.load(Ordering::Acquire);
        if epoch != STEADY {
            return if overload { None } else { self.measure(epoch, sample) };
        }
        if !overload {
            self.latencies.add(sample.latency);
        }
        let closed = self.window.add(overload, sample, self.spec.window(), 1)?;
        let Some(latency) = self.latencies.take(self.spec.percentile()) else {
            return closed.overloaded.then(|| self.move_by(STEEPEST, true, sample.now));
        };
        let gradient = self.floor.read() * (1.0 + self.spec.buffer()) / latency.max(1.0);
        let gradient = if closed.overloaded { STEEPEST } else { gradient.clamp(STEEPEST, 2.0) };
        let busy = closed.busiest * 2.0 >= self.limit.read();
        Some(self.move_by(gradient, busy, sample.now))
    }

    /// One request of the floor's measurement; the last of them ends it.
    fn measure(&self, epoch: u64, sample: &Sample) -> Option<u32> {
        let now = sample.now.as_nanos();
        if now.saturating_sub(nanos(sample.latency)) < epoch {
            return None;
        }
        self.latencies.add(sample.latency);
        if self.measured.fetch_add(1, Ordering::Relaxed) + 1 != self.spec.min_rtt_requests() {
            return None;
        }
        if let Some(floor) = self.latencies.take(self.spec.percentile()) {
            self.floor.write(floor);
        }
        let number = self.measurements.fetch_add(1, Ordering::Relaxed);
        let share = f64::from((rng::draw(0, number) >> 32) as u32) / f64::from(u32::MAX);
        let interval = self.spec.min_rtt_interval().mul_f64(1.0 + self.spec.jitter() * share);
        self.next_measurement.store((sample.now + interval).as_nanos(), Ordering::Relaxed);
        self.at_min.store(0, Ordering::Relaxed);
        // Release: who sees the steady state sees the floor.
        self.epoch.store(STEADY, Ordering::Release);
        Some(self.seats())
    }

    fn move_by(&self, gradient: f64, busy: bool, now: Time) -> u32 {
        let limit = self.limit.read();
        let scaled = limit * gradient;
        let next =
            self.bounds.hold((scaled + scaled.sqrt() * f64::from(u8::from(gradient > STEEPEST))).floor());
        let next = if next > limit && !busy { limit } else { next };
        self.limit.write(next);
        let stuck = if whole(next) == self.bounds.min && self.bounds.min < self.bounds.max {
            self.at_min.fetch_add(1, Ordering::Relaxed) + 1 >= STUCK_AFTER
        } else {
            self.at_min.store(0, Ordering::Relaxed);
            false
        };
        if stuck || now.as_nanos() >= self.next_measurement.load(Ordering::Relaxed) {
            self.measured.store(0, Ordering::Relaxed);
            self.epoch.store(now.as_nanos().min(STEADY - 1), Ordering::Release);
        }
        self.seats()
    }
}

const STEEPEST: f64 = 0.5;
const STUCK_AFTER: u32 = 5;
/// The epoch of no measurement.
const STEADY: u64 = u64::MAX;
