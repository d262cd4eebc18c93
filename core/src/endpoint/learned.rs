//! What an endpoint has said of its own limits, as far as it still holds.
//!
//! A report tells what was left when its answer was cut. Requests that were let in after the one that brings it are not in that
//! figure, so they are subtracted (whether they have ended or not). That is exact as long as requests reach the endpoint in
//! the order in which they were let in and nobody else uses it up; where they overtake each other, the lower figure of one window wins.
//!
//! A window begins anew when a report names a later reset. Resets in whole seconds are rounded, so up to one second later is the
//! same window, which then lasts until the later of the two. An earlier one by more than a second is a straggler's. Everything
//! ends by itself: at its reset, after a second where no reset was named, after 31 days at the latest.

use std::time::Duration;

use crate::{
    time::Time,
    upstream::{UpstreamLimit, UpstreamReport},
};

/// Of requests and of cost.
pub(super) type Both<T> = [T; 2];

/// What is known, and how much was let in since it is.
#[derive(Debug, Default)]
pub(super) struct Learned {
    /// All that was ever let in; wraps.
    issued: Both<u64>,
    windows: Both<Option<Window>>,
    /// The number of the newest window.
    newest: u64,
    cooled_until: Time,
}

/// So much more until the end.
#[derive(Clone, Copy, Debug)]
struct Window {
    left: u64,
    /// What is used beyond what was left.
    debt: u64,
    limit: Option<u64>,
    /// The end as it was first named.
    first_end: Time,
    end: Time,
    number: u64,
}

/// What stood here when a request was let in.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    issued: Both<u64>,
    /// The windows that it was charged to; 0 for none.
    windows: Both<u64>,
}

/// A report, and when it came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard<'a> {
    pub(super) report: &'a UpstreamReport,
    pub(super) now: Time,
    /// The same since 1970.
    pub(super) unix: Duration,
}

impl Learned {
    /// Counts those whom nobody counted when they were let in.
    pub(super) const fn issued_before(issued: Both<u64>) -> Self {
        Self { issued, windows: [None; 2], newest: 0, cooled_until: Time::ZERO }
    }

    /// When a request of these units may be let in, if not now.
    pub(super) fn blocked_until(&self, units: Both<u64>, now: Time) -> Option<Time> {
        let short = |(window, units): (&Option<Window>, u64)| {
            window.filter(|window| now < window.end && window.left < units).map(|window| window.end)
        };
        let cooling = (self.cooled_until > now).then_some(self.cooled_until);
        self.windows.iter().zip(units).filter_map(short).chain(cooling).max()
    }

    /// Counts a request that is let in.
    pub(super) fn charge(&mut self, units: Both<u64>, now: Time) -> Seen {
        let mut seen = Seen::default();
        for (kind, units) in units.into_iter().enumerate() {
            self.issued[kind] = self.issued[kind].wrapping_add(units);
            seen.issued[kind] = self.issued[kind];
            if let Some(window) = self.live(kind, now) {
                window.left = window.left.saturating_sub(units);
                seen.windows[kind] = window.number;
            }
        }
        seen
    }

    /// A request did not run.
    pub(super) fn give_back(&mut self, units: Both<u64>, seen: &Seen, now: Time) {
        for (kind, units) in units.into_iter().enumerate() {
            if let Some(window) = self.live(kind, now).filter(|window| window.number == seen.windows[kind]) {
                let paid = units.min(window.debt);
                window.debt -= paid;
                window.left = window.left.saturating_add(units - paid);
            }
        }
    }

    /// A request cost more than was said. What it cost less is the endpoint's to tell.
    pub(super) fn owe(&mut self, cost: u64, now: Time) {
        self.issued[COST] = self.issued[COST].wrapping_add(cost);
        if let Some(window) = self.live(COST, now) {
            window.debt = window.debt.saturating_add(cost.saturating_sub(window.left));
            window.left = window.left.saturating_sub(cost);
        }
    }

    /// Learns from the answer to a request that saw `seen` when it was let in.
    pub(super) fn learn(&mut self, heard: &Heard<'_>, seen: &Seen) {
        let limits = [heard.report.requests(), heard.report.cost()];
        for (kind, limit) in limits.into_iter().enumerate() {
            if let Some(limit) = limit {
                self.learn_one(kind, &limit, heard, seen);
            }
        }
        if let Some(wait) = heard.report.retry_after() {
            self.cooled_until = self.cooled_until.max(heard.now + wait.min(LONGEST));
        }
    }

    fn learn_one(&mut self, kind: usize, limit: &UpstreamLimit, heard: &Heard<'_>, seen: &Seen) {
        let end = heard.now + limit.reset_in(heard.unix).unwrap_or(UNKNOWN).min(LONGEST);
        let since = self.issued[kind].wrapping_sub(seen.issued[kind]);
        let left = limit.remaining().saturating_sub(since);
        let rounded = if limit.is_coarse() { ROUNDED } else { Duration::ZERO };
        if let Some(window) = self.live(kind, heard.now).filter(|window| end <= window.first_end + rounded) {
            if end + ROUNDED >= window.end {
                window.left = window.left.min(left);
                window.end = window.end.max(end);
                window.limit = limit.limit().or(window.limit);
            }
            return;
        }
        if end > heard.now {
            self.newest += 1;
            let number = self.newest;
            self.windows[kind] =
                Some(Window { left, limit: limit.limit(), debt: 0, first_end: end, end, number });
        }
    }

    /// What is left, and of how much.
    pub(super) fn left(&self, kind: usize, now: Time) -> Option<(u64, Option<u64>)> {
        self.windows[kind].filter(|window| now < window.end).map(|window| (window.left, window.limit))
    }

    fn live(&mut self, kind: usize, now: Time) -> Option<&mut Window> {
        self.windows[kind].as_mut().filter(|window| now < window.end)
    }
}

pub(super) const REQUESTS: usize = 0;
pub(super) const COST: usize = 1;
const ROUNDED: Duration = Duration::from_secs(1);
const UNKNOWN: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(31 * 86_400);
