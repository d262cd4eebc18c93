//! Gradient2: the latency of now against its own long average.
//!
//! Source: `Gradient2Limit` of Netflix's concurrency-limits: `gradient = clamp(tolerance × long / short, ½, 1)`, and the limit goes `smoothing` of
//! the way to `limit × gradient + queue`, unless less than half of it is in use. A long average above twice the short one shrinks by a
//! twentieth.
//!
//! *Where we differ*: the short latency is the mean of 100 ms or ten requests, whichever is later (there, wrapping the rule in a
//! `WindowedLimit` does it); overload answers in a window count as the gradient ½, where the original does not look at them. Under
//! permanent overload the long average drifts up to the latency of overload, as in the original: `adaptive` does not.

use std::time::Duration;

use super::{
    Sample,
    average::Average,
    number::{Number, whole},
    window::{Closed, Window},
};
use crate::{
    config::{Bounds, Gradient2Spec},
    sync::Mutex,
};

/// The learnt limit of one pool.
#[derive(Debug)]
pub(crate) struct Gradient2 {
    bounds: Bounds,
    spec: Gradient2Spec,
    limit: Number,
    window: Window,
    /// Only who closes a window touches it, so nobody waits for it.
    long: Mutex<Average>,
}

impl Gradient2 {
    pub(super) fn new(spec: &Gradient2Spec) -> Self {
        let bounds = spec.bounds();
        Self {
            bounds,
            spec: *spec,
            limit: Number::new(bounds.first()),
            window: Window::default(),
            long: Mutex::new(Average::new(spec.long_window())),
        }
    }

    pub(super) fn seats(&self) -> u32 {
        whole(self.limit.read())
    }

    pub(super) fn learn(&self, overload: bool, sample: &Sample) -> Option<u32> {
        let closed = self.window.add(overload, sample, WINDOW, FEWEST_SAMPLES)?;
        self.evaluate(&closed);
        Some(self.seats())
    }

    fn evaluate(&self, window: &Closed) {
        let limit = self.limit.read();
        let gradient = if window.overloaded { STEEPEST } else { self.gradient(window.mean.max(1.0)) };
        if !window.overloaded && window.busiest * 2.0 < limit {
            return;
        }
        let wanted =
            limit * gradient + f64::from(self.spec.queue()) * f64::from(u8::from(!window.overloaded));
        self.limit.write(self.bounds.hold(limit + (wanted - limit) * self.spec.smoothing()));
    }

    fn gradient(&self, short: f64) -> f64 {
        let mut average = self.long.lock();
        let long = average.add(short);
        if long / short > 2.0 {
            average.scale(0.95);
        }
        (self.spec.tolerance() * long / short).clamp(STEEPEST, 1.0)
    }
}

const STEEPEST: f64 = 0.5;
const WINDOW: Duration = Duration::from_millis(100);
const FEWEST_SAMPLES: u64 = 10;
