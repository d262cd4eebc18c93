//! Additive increase, multiplicative decrease.
//!
//! Source: `AIMDLimit` of Netflix's concurrency-limits: one seat more with each answer while half of the seats are in use; times
//! `backoff`, rounded down, when an answer is overdue or says that there is too much to do. *Where we differ*: nothing.

use std::time::Duration;

use super::{
    Sample,
    number::{Number, whole},
};
use crate::config::{AimdSpec, Bounds};

/// The learnt limit of one pool.
#[derive(Debug)]
pub(crate) struct Aimd {
    bounds: Bounds,
    backoff: f64,
    timeout: Duration,
    limit: Number,
}

impl Aimd {
    pub(super) fn new(spec: &AimdSpec) -> Self {
        let bounds = spec.bounds();
        Self { bounds, backoff: spec.backoff(), timeout: spec.timeout(), limit: Number::new(bounds.first()) }
    }

    pub(super) fn seats(&self) -> u32 {
        whole(self.limit.read())
    }

    pub(super) fn learn(&self, overload: bool, sample: &Sample) -> Option<u32> {
        let before = self.seats();
        let next = self.limit.step(|limit| {
            let next = if overload || sample.latency > self.timeout {
                (limit * self.backoff).floor()
            } else if f64::from(sample.taken) * 2.0 >= limit {
                limit + 1.0
            } else {
                limit
            };
            self.bounds.hold(next)
        });
        (whole(next) != before).then_some(whole(next))
    }
}
