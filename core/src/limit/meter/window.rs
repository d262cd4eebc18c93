//! A calendar window: so much per minute, hour, day, week, month or year of somewhere.
//!
//! What was used beyond the amount stays owed in the windows that follow. What was left over is carried into the next window, as far as that
//! is configured, and no further.

use super::rule::Moment;
use crate::limit::Calendar;

/// What has been used of one calendar window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "ledger", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Window {
    /// In seconds since 1970; the window is empty before the first use.
    start: i64,
    end: i64,
    used: u64,
    /// The amount, with what was carried over.
    limit: u64,
}

/// A window's settings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms<'a> {
    pub(super) amount: u64,
    pub(super) carry_over: u64,
    pub(super) calendar: &'a Calendar,
}

impl Window {
    /// On to the window that it is. A clock that is set back stays in the later one.
    pub(super) fn advance(&mut self, terms: Terms<'_>, unix: u64) {
        let now = seconds(unix);
        if self.start == self.end {
            (self.start, self.end) = terms.calendar.window(now);
            self.limit = terms.amount;
        }
        for _ in 0..MOST_STEPS {
            if now < self.end {
                return;
            }
            if self.used <= self.limit {
                self.skip_to(terms, now);
            } else {
                self.step(terms);
            }
        }
        // A debt of very many windows: what has surely drained of it, and not more.
        let windows = u64::try_from((now - self.end) / terms.calendar.longest()).unwrap_or(0);
        let drained = windows.saturating_mul(terms.amount).saturating_add(self.limit);
        (self.start, self.end) = terms.calendar.window(now);
        (self.used, self.limit) = (self.used.saturating_sub(drained), terms.amount);
    }

    /// Whether `units` more fit.
    ///
    /// # Errors
    /// The moment at which they will, if nothing else happens, in nanoseconds since 1970.
    pub(super) fn fits(&self, terms: Terms<'_>, units: u64) -> Result<(), u64> {
        let mut later = *self;
        for _ in 0..MOST_STEPS {
            if units <= later.limit.saturating_sub(later.used) {
                break;
            }
            later.step(terms);
        }
        if later.start == self.start { Ok(()) } else { Err(nanos(later.start)) }
    }

    /// Uses `units`; returns the window that it is.
    pub(super) const fn take(&mut self, units: u64) -> u64 {
        self.used = self.used.saturating_add(units);
        self.start.cast_unsigned()
    }

    /// Gives back what was taken in a window, unless that is over.
    pub(super) const fn give_back(&mut self, units: u64, start: u64) {
        if start == self.start.cast_unsigned() {
            self.used = self.used.saturating_sub(units);
        }
    }

    /// Whether its figures can be a window's.
    #[cfg(feature = "ledger")]
    pub(super) const fn is_sound(&self) -> bool {
        self.start < self.end
    }

    pub(super) const fn used(&self) -> u64 {
        self.used
    }

    pub(super) const fn limit(&self) -> u64 {
        self.limit
    }

    pub(super) const fn bounds(&self) -> (i64, i64) {
        (self.start, self.end)
    }

    /// Another amount for what has been used; what was carried over stays.
    pub(super) const fn resize(&mut self, old: u64, new: u64) {
        self.limit = self.limit.saturating_sub(old).saturating_add(new);
    }

    /// To the window after this one.
    fn step(&mut self, terms: Terms<'_>) {
        let left = self.limit.saturating_sub(self.used);
        (self.start, self.end) = terms.calendar.window(self.end);
        self.used = self.used.saturating_sub(self.limit);
        self.limit = terms.amount.saturating_add(left.min(terms.carry_over));
    }

    /// To the window of `now`, owing nothing: only the window before that one can have left something.
    fn skip_to(&mut self, terms: Terms<'_>, now: i64) {
        let next = terms.calendar.window(now);
        if next.0 != self.end {
            // Not one unit of the window before was used.
            (self.used, self.limit, self.end) = (0, terms.amount, next.0);
        }
        self.step(terms);
    }
}

/// The whole seconds of a moment.
pub(super) fn seconds(unix: u64) -> i64 {
    i64::try_from(unix / NANOS).unwrap_or(i64::MAX)
}

fn nanos(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0).saturating_mul(NANOS)
}

/// How far a moment lies ahead.
pub(super) fn until(at: u64, moment: &Moment) -> std::time::Duration {
    std::time::Duration::from_nanos(at.saturating_sub(moment.unix))
}

const NANOS: u64 = 1_000_000_000;
/// After so many windows, a debt's end is a lower bound.
const MOST_STEPS: usize = 1_024;
