//! What one endpoint has reported of its load, and the weight that follows from it.
//!
//! Source: gRFC A58 (client-side weighted round robin): `weight = rps / (utilization + eps / rps × penalty)`; a report without rps or
//! utilization is ignored; a weight counts after a blackout and until it expires. *Where we differ*: the words of a report are written
//! one by one, so a reader may see two reports mixed, for one update.

use std::time::Duration;

use super::LoadReport;
use crate::{
    sync::{AtomicU32, AtomicU64, Ordering},
    time::{Time, nanos},
};

/// When a reported weight counts, and what errors cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WeightRules {
    /// How long reports must have come before they count.
    pub(crate) blackout: Duration,
    /// How long the last one counts.
    pub(crate) expiry: Duration,
    /// What the share of errors is multiplied by.
    pub(crate) error_penalty: f64,
}

/// The last report. All is Relaxed: each word is an estimate of its own.
#[derive(Debug, Default)]
pub(crate) struct ReportedLoad {
    /// Utilization and requests per second of the last report that has both, as two `f32`.
    rates: AtomicU64,
    /// Errors per second, an `f32`.
    eps: AtomicU32,
    /// The last utilization, an `f32`.
    level: AtomicU32,
    /// When the level came: nanoseconds, and 1. 0: never.
    level_at: AtomicU64,
    /// When the rates came, likewise.
    rates_at: AtomicU64,
    /// Since when rates have come without a gap.
    since: AtomicU64,
}

impl ReportedLoad {
    /// Takes a report down. Rates that come later than `expiry` after the last begin a new blackout.
    pub(crate) fn learn(&self, report: &LoadReport, expiry: Duration, now: Time) {
        let (level, rps, eps) = (single(report.utilization()), single(report.rps()), single(report.eps()));
        if level <= 0.0 {
            return;
        }
        let stamp = now.as_nanos().saturating_add(1);
        self.level.store(level.to_bits(), Ordering::Relaxed);
        self.level_at.store(stamp, Ordering::Relaxed);
        if rps <= 0.0 {
            return;
        }
        if age(&self.rates_at, now).is_none_or(|age| age >= nanos(expiry)) {
            self.since.store(stamp, Ordering::Relaxed);
        }
        self.rates.store(u64::from(level.to_bits()) << 32 | u64::from(rps.to_bits()), Ordering::Relaxed);
        self.eps.store(eps.max(0.0).to_bits(), Ordering::Relaxed);
        self.rates_at.store(stamp, Ordering::Relaxed);
    }

    /// The utilization, where one was reported within `expiry`.
    #[inline]
    pub(crate) fn utilization(&self, expiry: Duration, now: Time) -> Option<f32> {
        let fresh = age(&self.level_at, now)? < nanos(expiry);
        fresh.then(|| f32::from_bits(self.level.load(Ordering::Relaxed)))
    }

    /// The weight, where it counts.
    pub(crate) fn weight(&self, rules: &WeightRules, now: Time) -> Option<f64> {
        if age(&self.rates_at, now)? >= nanos(rules.expiry) {
            return None;
        }
        if age(&self.since, now)? < nanos(rules.blackout) {
            return None;
        }
        let rates = self.rates.load(Ordering::Relaxed);
        let level = f64::from(f32::from_bits((rates >> 32) as u32));
        let rps = f64::from(f32::from_bits((rates & 0xffff_ffff) as u32));
        let eps = f64::from(f32::from_bits(self.eps.load(Ordering::Relaxed)));
        let weight = rps / (level + eps / rps * rules.error_penalty);
        (weight.is_finite() && weight > 0.0).then_some(weight)
    }
}

/// Nanoseconds since a stamp; `None` where nothing ever came.
fn age(stamp: &AtomicU64, now: Time) -> Option<u64> {
    match stamp.load(Ordering::Relaxed) {
        0 => None,
        stamp => Some(now.as_nanos().saturating_sub(stamp - 1)),
    }
}

/// An `f64` as an `f32`, which an estimate does with; 0 for what is no number, the largest for what is too large.
fn single(value: f64) -> f32 {
    #[expect(clippy::cast_possible_truncation, reason = "bounded just before")]
    let single = value.clamp(0.0, f64::from(f32::MAX)) as f32;
    if single.is_nan() { 0.0 } else { single }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const RULES: WeightRules = WeightRules {
        blackout: Duration::from_secs(10),
        expiry: Duration::from_secs(180),
        error_penalty: 1.0,
    };

    fn at(secs: u64) -> Time {
        Time::ZERO + Duration::from_secs(secs)
    }

    fn report(cpu: f64, rps: f64) -> LoadReport {
        LoadReport::new().with_cpu_utilization(cpu).with_rps(rps)
    }

    #[test]
    fn a_weight_counts_after_the_blackout_and_until_it_expires() {
        let load = ReportedLoad::default();
        let weight = |secs| load.weight(&RULES, at(secs)).map(f64::round);
        assert_eq!(weight(0), None);
        load.learn(&report(0.5, 50.0), RULES.expiry, at(5));
        assert_eq!(weight(14), None);
        assert_eq!(weight(15), Some(100.0));
        assert_eq!(weight(184), Some(100.0));
        assert_eq!(weight(185), None);
        load.learn(&report(0.5, 60.0), RULES.expiry, at(200));
        assert_eq!(weight(209), None, "after a gap there is another blackout");
        assert_eq!(weight(210), Some(120.0));
    }

    #[test]
    fn a_report_without_rates_or_utilization_changes_nothing() {
        let load = ReportedLoad::default();
        load.learn(&report(0.5, 50.0), RULES.expiry, at(0));
        for empty in [report(0.0, 70.0), report(0.9, 0.0), report(-1.0, -1.0), report(f64::NAN, f64::NAN)] {
            load.learn(&empty, RULES.expiry, at(20));
        }
        assert_eq!(load.weight(&RULES, at(20)), Some(100.0));
    }

    #[test]
    fn the_weights_are_those_of_the_grpc_tests() {
        let rules = WeightRules { blackout: Duration::ZERO, ..RULES };
        let weight = |cpu, application, rps, eps, error_penalty| {
            let load = ReportedLoad::default();
            let report = report(cpu, rps).with_application_utilization(application).with_eps(eps);
            load.learn(&report, RULES.expiry, at(0));
            load.weight(&WeightRules { error_penalty, ..rules }, at(0)).unwrap()
        };
        let close = |one: f64, other: f64| (one / other - 1.0).abs() < 1e-6;
        assert!(close(weight(0.12, 0.0, 22.0, 0.0, 1.0), 22.0 / 0.12));
        assert!(close(weight(0.12, 0.0, 22.0, 19.7, 1.75), 22.0 / (0.12 + 19.7 / 22.0 * 1.75)));
        assert!(close(weight(0.86, 0.0, 100.0, 0.998, 1.75), 100.0 / (0.86 + 0.009_98 * 1.75)));
        assert!(close(weight(0.1, 0.9, 10.0, 0.0, 1.0), 10.0 / 0.9), "the application's measure goes before");
        // grpc-go: an error a request at penalty 0.9 costs as much as ten times the utilization.
        assert!(close(weight(1.0, 0.0, 10.0, 0.0, 0.9), weight(0.1, 0.0, 10.0, 10.0, 0.9)));
    }
}
