//! An endpoint: its identity, and everything about it that changes with traffic.

use std::{sync::OnceLock, time::Duration};

use super::usage::Usage;
use crate::{
    health::{Enough, Health, Outlier, Record, Sample},
    load::{Failing, LoadReport, PeakLatency, ReportedLoad, penalty},
    outcome::{Outcome, OutcomeKind},
    sync::{AtomicU32, AtomicU64, Ordering},
    time::Time,
};

/// One address in a pool. Its identity is the pool and the address: what was learnt of it survives every update that keeps both.
///
/// In this order: what picks compare lies beside the reference count, then comes what each success touches. In a large pool each cache line is a miss.
#[derive(Debug)]
#[repr(C)]
pub struct Endpoint {
    /// How many snapshots list it: what to subtract from the reference count to get the requests in flight.
    pub(super) listed: AtomicU32,
    /// Requests in flight that were let in under a cap.
    pub(super) counted: AtomicU32,
    latency: PeakLatency,
    completed: AtomicU64,
    /// When an update brought it; 0: it is one of the pool's first.
    joined: Time,
    /// What its requests came to since its health was last judged.
    record: Record,
    health: Health,
    failing: Failing,
    /// Where it has limits of its own, or has told of some.
    usage: OnceLock<Box<Usage>>,
    failed: AtomicU64,
    /// The nanosecond until which a failure or an overload still counts against it; only strategies that do not go by its latency ask.
    shunned_until: AtomicU64,
    reported: ReportedLoad,
    address: Box<str>,
}

/// How long a request took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    pub(crate) measured: Duration,
    /// What that is to picks.
    pub(crate) counted: Duration,
}

impl From<Duration> for Took {
    fn from(measured: Duration) -> Self {
        Self { measured, counted: measured }
    }
}

impl Endpoint {
    pub(super) fn new(address: &str, joined: Time) -> Self {
        Self {
            listed: AtomicU32::new(0),
            counted: AtomicU32::new(0),
            latency: PeakLatency::default(),
            completed: AtomicU64::new(0),
            joined,
            record: Record::default(),
            health: Health::default(),
            failing: Failing::default(),
            usage: OnceLock::new(),
            failed: AtomicU64::new(0),
            shunned_until: AtomicU64::new(0),
            reported: ReportedLoad::default(),
            address: address.into(),
        }
    }

    /// The address as the configuration writes it.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    pub(crate) const fn health(&self) -> &Health {
        &self.health
    }

    /// What real requests have shown of its health.
    pub(crate) const fn outlier(&self) -> &Outlier {
        self.health.outlier()
    }

    /// When an update brought it; zero if it is one of the pool's first.
    pub(crate) const fn joined(&self) -> Time {
        self.joined
    }

    /// Since when it serves: it came then, or came back.
    pub(crate) fn serves_since(&self) -> Time {
        self.joined.max(self.health.serves_since())
    }

    /// Recent peak latency in nanoseconds; `None` before the first sample.
    #[inline(always)]
    pub(crate) fn latency(&self, decay: f32, now: Time) -> Option<f32> {
        self.latency.read(decay, now)
    }

    /// Learns load and counts from one finished request; health is the pool's to judge.
    pub(crate) fn learn(&self, outcome: &Outcome, took: Option<Took>, decay: f32, now: Time) {
        if let Some(took) = took {
            self.learn_latency(outcome, took, decay, now);
        }
        // Relaxed: counters publish nothing.
        self.completed.fetch_add(1, Ordering::Relaxed);
        if outcome.kind() != OutcomeKind::Success {
            self.learn_no_success(outcome, decay, now);
        }
    }

    #[cold]
    fn learn_no_success(&self, outcome: &Outcome, decay: f32, now: Time) {
        if outcome.kind() == OutcomeKind::Failure {
            self.record.fail(self.completed());
        } else {
            self.record.pass_over();
        }
        if outcome.kind() != OutcomeKind::Cancelled {
            self.failed.fetch_add(1, Ordering::Relaxed);
            self.failing.learn(outcome, decay, now);
            let until = now + penalty(outcome).unwrap_or_default();
            self.shunned_until.fetch_max(until.as_nanos(), Ordering::Relaxed);
        }
    }

    /// What its requests came to since there was last enough to judge it by.
    pub(crate) fn take_sample(&self, enough: &Enough, now: Time) -> Sample {
        self.record.take(self.completed(), enough, now)
    }

    /// Whatever its requests came to before counts no more.
    pub(crate) fn begin_sample(&self, now: Time) {
        self.record.forget(self.completed(), now);
    }

    /// It is left out, or serves again: what its failures cost it is over. Else the second that a failure counts as would keep it from its trial, and then from its share, for a minute.
    pub(crate) fn begin_anew(&self, now: Time) {
        self.begin_sample(now);
        self.latency.forget();
        self.failing.forget();
        self.shunned_until.store(0, Ordering::Relaxed);
    }

    /// What failing lately multiplies its load by; 1 where it has not.
    #[inline]
    pub(crate) fn penalty(&self, decay: f32, now: Time) -> f32 {
        self.failing.factor(decay, now)
    }

    /// What it has said of its own load.
    pub(crate) const fn reported(&self) -> &ReportedLoad {
        &self.reported
    }

    /// Learns what it says of its own load; after `expiry` without a word its weight starts afresh.
    pub(crate) fn learn_report(&self, report: &LoadReport, expiry: Duration, now: Time) {
        self.reported.learn(report, expiry, now);
    }

    /// Learns a latency alone.
    pub(crate) fn learn_latency(&self, outcome: &Outcome, took: Took, decay: f32, now: Time) {
        self.latency.learn(outcome, took.counted, decay, now);
        if outcome.kind() == OutcomeKind::Success {
            self.record.time(took.measured);
        }
    }

    /// Whether it has failed or been overloaded so shortly ago that others go first.
    pub(crate) fn is_shunned(&self, now: Time) -> bool {
        now.as_nanos() < self.shunned_until.load(Ordering::Relaxed)
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

    /// How much of its own limits is used, if it has any.
    pub(super) fn usage(&self) -> Option<&Usage> {
        self.usage.get().map(|usage| &**usage)
    }

    /// The same, from now on; `uncounted` says how much was let in that nobody counted.
    pub(super) fn usage_from(&self, now: Time, uncounted: impl FnOnce() -> [u64; 2]) -> &Usage {
        self.usage.get_or_init(|| Box::new(Usage::new(now, uncounted())))
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
