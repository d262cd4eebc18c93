//! CoDel: keeps a line from standing.
//!
//! Source: Nichols, Jacobson, "Controlling Queue Delay" (2012); RFC 8289. When whoever has waited longest has waited above `target`
//! for a whole `interval`, one is turned away, the next after interval/√2, interval/√3 and so on, until the wait is under the target again.
//! *Where we differ*: it looks at each tenant's line by itself, so only the tenant that lets its line stand pays.

use std::time::Duration;

use crate::{
    config::CodelSpec,
    time::{Time, nanos},
};

/// The state of one line.
#[derive(Debug, Default)]
pub(super) struct Codel {
    /// When the wait will have been above the target for an interval; `None` while it is under it.
    above_at: Option<Time>,
    /// While it drops: when next.
    next_at: Option<Time>,
    dropped: u32,
}

impl Codel {
    /// Whether the one who has waited longest, for `waited`, is to be turned away now.
    pub(super) fn drops(&mut self, waited: Duration, spec: &CodelSpec, now: Time) -> bool {
        if waited < spec.target() {
            (self.above_at, self.next_at) = (None, None);
            return false;
        }
        let Some(above_at) = self.above_at else {
            self.above_at = Some(now + spec.interval());
            return false;
        };
        match self.next_at {
            None if now >= above_at => {
                // Coming back soon after, it starts near the rate that controlled the line before.
                self.dropped = if self.dropped > 2 && now.since(above_at) < spec.interval() {
                    self.dropped - 2
                } else {
                    1
                };
                self.next_at = Some(now + spacing(spec.interval(), self.dropped));
                true
            }
            Some(next_at) if now >= next_at => {
                self.dropped = self.dropped.saturating_add(1);
                self.next_at = Some(next_at + spacing(spec.interval(), self.dropped));
                true
            }
            _ => false,
        }
    }
}

/// interval / √count.
fn spacing(interval: Duration, count: u32) -> Duration {
    let root = u64::from(count).saturating_mul(1 << 30).isqrt().max(1);
    Duration::from_nanos(nanos(interval).saturating_mul(1 << 15) / root)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn drops_begin_after_an_interval_above_the_target_and_come_faster() {
        let spec = CodelSpec::new();
        let mut codel = Codel::default();
        let slow = Duration::from_millis(50);
        let dropped: Vec<u64> = (0..500).filter(|&now| codel.drops(slow, &spec, at(now))).collect();
        // 100 ms, then 100/√1, 100/√2, 100/√3, … after it.
        assert_eq!(dropped, [100, 200, 271, 329, 379, 424, 464]);
        assert!(!codel.drops(Duration::from_millis(4), &spec, at(500)));
        assert!(!codel.drops(slow, &spec, at(501)), "the wait was under the target in between");
    }

    #[test]
    fn a_burst_shorter_than_the_interval_loses_nothing() {
        let spec = CodelSpec::new();
        let mut codel = Codel::default();
        assert!((0..99).all(|now| !codel.drops(Duration::from_millis(now), &spec, at(now))));
    }
}
