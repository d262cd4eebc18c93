//! How fast an error budget burns.

use std::time::Duration;

use tenantry::Time;

use super::{AlertKind, Objective, track::Measure, window::Window};

/// Two windows of a rate at which an objective's error budget burns: 1 uses it up in exactly the 30 days that it is for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Burn {
    pub(super) factor: f64,
    pub(super) long: Duration,
    pub(super) short: Duration,
    pub(super) kind: AlertKind,
}

/// 2 % of the budget in an hour are worth waking somebody, 5 % in six hours a ticket; the short window ends the alert soon after the fault.
///
/// Source: *The Site Reliability Workbook*, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts", table 5-8 (without its third row, three days, which is beyond what a
/// process remembers).
pub(super) const BURNS: [Burn; 2] = [
    Burn {
        factor: 14.4,
        long: Duration::from_secs(3_600),
        short: Duration::from_secs(300),
        kind: AlertKind::FastBurn,
    },
    Burn {
        factor: 6.0,
        long: Duration::from_secs(6 * 3_600),
        short: Duration::from_secs(1_800),
        kind: AlertKind::SlowBurn,
    },
];

/// The requests of one tenant in one pool, over the windows of one [`Burn`]: bad ones, and all.
#[derive(Clone, Debug)]
pub(super) struct Burning {
    burn: Burn,
    long: Window<2>,
    short: Window<2>,
}

impl Burning {
    pub(super) fn all() -> [Self; 2] {
        BURNS.map(|burn| Self { burn, long: Window::new(burn.long), short: Window::new(burn.short) })
    }

    pub(super) const fn kind(&self) -> AlertKind {
        self.burn.kind
    }

    pub(super) fn add(&mut self, counts: [u64; 2], now: Time) {
        self.long.add(counts, now);
        self.short.add(counts, now);
    }

    /// As fast as the slower of both windows: both must burn.
    pub(super) fn measure(&mut self, objective: &Objective, now: Time) -> Measure {
        let (long, short) = (self.long.sum(now), self.short.sum(now));
        let rate = |counts: [u64; 2]| share(counts) / (1.0 - objective.share);
        let is_enough = long[1] >= objective.min_requests;
        let burns = if is_enough { rate(long).min(rate(short)) } else { 0.0 };
        Measure::new(burns, self.burn.factor, objective.hold)
    }
}

/// The part of the second number that the first is; 0 of nothing.
#[expect(clippy::cast_precision_loss, reason = "a share")]
pub(super) fn share([part, all]: [u64; 2]) -> f64 {
    if all == 0 { 0.0 } else { part as f64 / all as f64 }
}
