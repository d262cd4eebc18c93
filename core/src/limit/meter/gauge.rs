//! What has been used of one limit, whatever kind it is of.

use std::time::Duration;

use super::{
    rule::{Kind, Moment, Rule},
    sliding::{PARTS, Shape, Sliding},
    window::{self, Terms, Window},
};
use crate::limit::{
    gcra::{Bucket, Reach},
    quota::{duration_of, ticks_at},
    reading::{Reading, read_bucket},
};

/// One limit's state.
#[derive(Debug)]
pub(super) enum Gauge {
    Bucket(Bucket),
    Sliding(Sliding),
    Window(Window),
}

/// Where in time something was taken: what it takes to give it back.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mark {
    Reach(Reach),
    Part(u64),
}

impl Gauge {
    pub(super) fn new(kind: &Kind) -> Self {
        match kind {
            Kind::Bucket(_) => Self::Bucket(Bucket::default()),
            Kind::Sliding { .. } => Self::Sliding(Sliding::new()),
            Kind::Window { .. } => Self::Window(Window::default()),
        }
    }

    /// On to the moment that it is.
    pub(super) fn advance(&mut self, kind: &Kind, moment: &Moment) {
        match (self, kind) {
            (Self::Sliding(sliding), Kind::Sliding { amount, part }) => {
                sliding.advance(Shape { amount: *amount, part: *part }, moment.uptime.as_nanos());
            }
            (Self::Window(window), Kind::Window { .. }) => window.advance(terms(kind), moment.unix),
            _ => {}
        }
    }

    /// Whether `units` more fit now. Whoever declares nothing passes while anything is left.
    ///
    /// # Errors
    /// How long until they do, if nothing else happens.
    pub(super) fn fits(&self, rule: &Rule, units: u64, moment: &Moment) -> Result<(), Duration> {
        let units = units.max(1);
        match (self, &rule.kind) {
            (Self::Bucket(bucket), Kind::Bucket(quota)) => bucket
                .peek(quota.ticks(units), quota.tolerance(), ticks_at(moment.uptime))
                .map(drop)
                .map_err(duration_of),
            (Self::Sliding(sliding), Kind::Sliding { amount, part }) => {
                let wait = |at: u64| Duration::from_nanos(at.saturating_sub(moment.uptime.as_nanos()));
                sliding.fits(Shape { amount: *amount, part: *part }, units).map_err(wait)
            }
            (Self::Window(window), kind @ Kind::Window { .. }) => {
                window.fits(terms(kind), units).map_err(|at| window::until(at, moment))
            }
            _ => Ok(()),
        }
    }

    /// Uses `units`, which fit.
    pub(super) fn take(&mut self, rule: &Rule, units: u64, moment: &Moment) -> Mark {
        match (self, &rule.kind) {
            (Self::Bucket(bucket), Kind::Bucket(quota)) => {
                let now = ticks_at(moment.uptime);
                let taken = bucket.take(quota.ticks(units), quota.tolerance(), now);
                Mark::Reach(taken.unwrap_or_default())
            }
            (Self::Sliding(sliding), _) => Mark::Part(sliding.take(units)),
            (Self::Window(window), _) => Mark::Part(window.take(units)),
            (Self::Bucket(_), _) => Mark::Part(0),
        }
    }

    /// Gives back what was taken, as far as it has not come back by itself.
    pub(super) fn give_back(&mut self, rule: &Rule, units: u64, mark: Mark, moment: &Moment) {
        match (self, &rule.kind, mark) {
            (Self::Bucket(bucket), Kind::Bucket(quota), Mark::Reach(reach)) => {
                bucket.give_back(quota.ticks(units), reach, ticks_at(moment.uptime));
            }
            (Self::Sliding(sliding), Kind::Sliding { amount, part }, Mark::Part(number)) => {
                sliding.give_back(Shape { amount: *amount, part: *part }, units, number);
            }
            (Self::Window(window), _, Mark::Part(start)) => window.give_back(units, start),
            _ => {}
        }
    }

    /// Uses `units`, whether they fit or not.
    pub(super) fn owe(&mut self, rule: &Rule, units: u64, moment: &Moment) {
        match (self, &rule.kind) {
            (Self::Bucket(bucket), Kind::Bucket(quota)) => {
                bucket.owe(quota.ticks(units), ticks_at(moment.uptime));
            }
            (Self::Sliding(sliding), Kind::Sliding { amount, part }) => {
                sliding.owe(Shape { amount: *amount, part: *part }, units);
            }
            (Self::Window(window), _) => {
                window.take(units);
            }
            (Self::Bucket(_) | Self::Sliding(_), _) => {}
        }
    }

    /// All that there is to say of it now.
    pub(super) fn read(&self, rule: &Rule, moment: &Moment) -> Reading {
        if let (Self::Bucket(bucket), Kind::Bucket(quota)) = (self, &rule.kind) {
            return read_bucket(quota, bucket, ticks_at(moment.uptime));
        }
        let (used, amount) = self.used(rule, moment);
        let remaining = amount.saturating_sub(used);
        let next = (used > 0).then(|| self.fits(rule, remaining + 1, moment).err()).flatten();
        let (full_in, window) = match (self, &rule.kind) {
            (Self::Window(window), _) => {
                let (start, end) = window.bounds();
                let length = Duration::from_secs(end.saturating_sub(start).unsigned_abs());
                (self.fits(rule, amount, moment).err(), length)
            }
            (_, Kind::Sliding { part, .. }) => {
                (self.fits(rule, amount, moment).err(), Duration::from_nanos(part.saturating_mul(PARTS)))
            }
            _ => (None, Duration::ZERO),
        };
        Reading { amount, used, remaining, next_in: next, full_in: full_in.unwrap_or_default(), window }
    }

    /// How much is used, and of how much.
    pub(super) fn used(&self, rule: &Rule, moment: &Moment) -> (u64, u64) {
        match (self, &rule.kind) {
            (Self::Bucket(bucket), Kind::Bucket(quota)) => {
                (read_bucket(quota, bucket, ticks_at(moment.uptime)).used, quota.burst())
            }
            (Self::Sliding(sliding), _) => (sliding.used(), rule.amount()),
            (Self::Window(window), _) => (window.used(), window.limit()),
            (Self::Bucket(_), _) => (0, rule.amount()),
        }
    }

    /// The calendar window that it is in, in seconds since 1970.
    pub(super) const fn bounds(&self) -> Option<(i64, i64)> {
        match self {
            Self::Window(window) => Some(window.bounds()),
            _ => None,
        }
    }

    /// From the terms of `old` to those of `new`, which continues it.
    pub(super) fn resize(&mut self, old: &Rule, new: &Rule) {
        match self {
            // The same rate: a burst is read where it counts.
            Self::Bucket(_) => {}
            Self::Sliding(sliding) => sliding.resize(new.amount()),
            Self::Window(window) => window.resize(old.amount(), new.amount()),
        }
    }
}

fn terms(kind: &Kind) -> Terms<'_> {
    match kind {
        Kind::Window { amount, carry_over, calendar } => {
            Terms { amount: *amount, carry_over: *carry_over, calendar }
        }
        _ => unreachable!("asked for calendar windows only"),
    }
}
