//! An endpoint: its identity, and everything about it that changes with traffic.

use std::time::Duration;

use crate::{
    health::{Outlier, OutlierRules},
    load::PeakLatency,
    outcome::{Outcome, OutcomeKind},
    sync::{AtomicU32, AtomicU64, Ordering},
    time::Time,
};

/// One address in a pool. Its identity is the pool and the address: what was learnt of it survives every update that keeps both.
#[derive(Debug)]
pub struct Endpoint {
    latency: PeakLatency,
    outlier: Outlier,
    completed: AtomicU64,
    failed: AtomicU64,
    /// How many snapshots list it: what to subtract from the reference count to get the requests in flight.
    pub(super) listed: AtomicU32,
    /// Requests in flight that were let in under a cap.
    pub(super) counted: AtomicU32,
    address: Box<str>,
}

impl Endpoint {
    pub(super) fn new(address: &str) -> Self {
        Self {
            latency: PeakLatency::default(),
            outlier: Outlier::default(),
            completed: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            listed: AtomicU32::new(0),
            counted: AtomicU32::new(0),
            address: address.into(),
        }
    }

    /// The address as the configuration writes it.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    pub(crate) const fn outlier(&self) -> &Outlier {
        &self.outlier
    }

    /// Recent peak latency in nanoseconds; `None` before the first sample.
    pub(crate) fn latency(&self, decay: f32, now: Time) -> Option<f32> {
        self.latency.read(decay, now)
    }

    /// Learns load and counts from one finished request; health is the pool's to judge.
    pub(crate) fn learn(&self, outcome: &Outcome, measured: Option<Duration>, decay: f32, now: Time) {
        if let Some(measured) = measured {
            self.learn_latency(outcome, measured, decay, now);
        }
        // Relaxed: counters publish nothing.
        self.completed.fetch_add(1, Ordering::Relaxed);
        if matches!(outcome.kind(), OutcomeKind::Failure | OutcomeKind::Overload) {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Learns a latency alone.
    pub(crate) fn learn_latency(&self, outcome: &Outcome, measured: Duration, decay: f32, now: Time) {
        self.latency.learn(outcome, measured, decay, now);
    }

    /// Whether one more failure ejects it.
    pub(crate) fn fails(&self, trial: bool, rules: &OutlierRules) -> bool {
        self.outlier.fail(trial, rules)
    }

    /// Requests in flight that were let in under a cap.
    pub(crate) fn counted(&self) -> u32 {
        self.counted.load(Ordering::Relaxed)
    }

    /// A request that was let in under a cap has ended.
    pub(crate) fn leave_counted(&self) {
        // Release: what the request did comes before whoever takes its place.
        self.counted.fetch_sub(1, Ordering::Release);
    }

    /// Requests finished, of any outcome.
    pub(crate) fn completed(&self) -> u64 {
        self.completed.load(Ordering::Relaxed)
    }

    /// Requests finished with failure or overload.
    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
}
