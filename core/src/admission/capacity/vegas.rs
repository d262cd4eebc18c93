//! Vegas: the queue at the backends, as latency betrays it, held between two bounds.
//!
//! Source: `VegasLimit` of Netflix's concurrency-limits, after TCP Vegas (Brakmo, O'Malley, Peterson, 1994). The shortest latency seen is the floor;
//! `queue = ⌈limit × (1 − floor / latency)⌉`. With `lg` the whole part of log₁₀ of the limit (at least 1): a queue of at most `lg` adds
//! `beta·lg` seats, below `alpha·lg` adds `lg`, above `beta·lg` takes `lg` away. The floor is taken anew now and then, because
//! backends change.
//!
//! *Where we differ*: alpha and beta are factors of `lg` and not functions; there is a lower bound other than 1; the jitter of the probe
//! comes from the count of probes and not from a random number.

use super::{
    Sample,
    number::{Number, as_f64, whole},
};
use crate::{
    config::{Bounds, VegasSpec},
    rng,
    sync::{AtomicU64, Ordering},
    time::nanos,
};

/// The learnt limit of one pool.
#[derive(Debug)]
pub(crate) struct Vegas {
    bounds: Bounds,
    spec: VegasSpec,
    limit: Number,
    /// Nanoseconds; `u64::MAX` before the first sample.
    floor: AtomicU64,
    since_probe: AtomicU64,
    probes: AtomicU64,
}

impl Vegas {
    pub(super) fn new(spec: &VegasSpec) -> Self {
        let bounds = spec.bounds();
        Self {
            bounds,
            spec: *spec,
            limit: Number::new(bounds.first()),
            floor: AtomicU64::new(u64::MAX),
            since_probe: AtomicU64::new(0),
            probes: AtomicU64::new(0),
        }
    }

    pub(super) fn seats(&self) -> u32 {
        whole(self.limit.read())
    }

    pub(super) fn learn(&self, overload: bool, sample: &Sample) -> Option<u32> {
        let latency = nanos(sample.latency).max(1);
        if !overload && self.is_floor(latency) {
            return None;
        }
        let before = self.seats();
        let floor = self.floor.load(Ordering::Relaxed);
        let next = self.limit.step(|limit| {
            let wanted =
                if overload { limit - lg(limit) } else { self.wanted(limit, floor, latency, sample.taken) };
            self.bounds.hold(limit + (wanted - limit) * self.spec.smoothing())
        });
        (whole(next) != before).then_some(whole(next))
    }

    /// Takes the latency as the floor, where it is the shortest or a probe is due.
    fn is_floor(&self, latency: u64) -> bool {
        let since = self.since_probe.fetch_add(1, Ordering::Relaxed) + 1;
        let jitter = 0.5 + as_f64(rng::draw(0, self.probes.load(Ordering::Relaxed)) >> 11) / as_f64(1 << 54);
        if as_f64(since) >= jitter * f64::from(self.spec.probe()) * self.limit.read() {
            self.since_probe.store(0, Ordering::Relaxed);
            self.probes.fetch_add(1, Ordering::Relaxed);
            self.floor.store(latency, Ordering::Relaxed);
            return true;
        }
        self.floor.fetch_min(latency, Ordering::Relaxed) > latency
    }

    fn wanted(&self, limit: f64, floor: u64, latency: u64, taken: u32) -> f64 {
        if f64::from(taken) * 2.0 < limit {
            return limit;
        }
        let lg = lg(limit);
        let queue = (limit * (1.0 - as_f64(floor) / as_f64(latency))).ceil();
        if queue <= lg {
            limit + lg * f64::from(self.spec.beta())
        } else if queue < lg * f64::from(self.spec.alpha()) {
            limit + lg
        } else if queue > lg * f64::from(self.spec.beta()) {
            limit - lg
        } else {
            limit
        }
    }
}

fn lg(limit: f64) -> f64 {
    limit.log10().floor().max(1.0)
}
