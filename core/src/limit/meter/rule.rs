//! A limit as it is configured, and what a request asks of it.

use std::sync::Arc;

use crate::{
    limit::{Calendar, Cause, Quota},
    time::Time,
};

/// One limit of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "ledger", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Rule {
    pub(crate) measure: Measure,
    pub(crate) kind: Kind,
    pub(crate) cause: Cause,
    pub(crate) mode: Mode,
    pub(crate) soft: Option<Soft>,
    /// Percent of the amount at which to warn, ascending.
    pub(crate) warn: Box<[u32]>,
}

/// What a limit counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "ledger", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Measure {
    /// Every request counts 1.
    Requests,
    /// Every request counts its cost.
    Cost,
    /// Every request counts its amount of a declared dimension.
    Dimension(Arc<str>),
}

/// How a limit counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "ledger", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Kind {
    /// A rate with a burst.
    Bucket(Quota),
    /// So much in any stretch of time that is [`PARTS`](super::PARTS) parts of so many nanoseconds long.
    Sliding { amount: u64, part: u64 },
    /// So much per calendar window, and at most `carry_over` more where the window before left it.
    Window { amount: u64, carry_over: u64, calendar: Calendar },
}

/// Whether a limit refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "ledger", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Mode {
    Enforced,
    /// It is counted what would be refused, and nothing is.
    Shadow,
}

/// From `at` percent of the amount on, the tenant's rates run at `slow_to` percent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "ledger", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Soft {
    pub(crate) at: u32,
    pub(crate) slow_to: u32,
}

/// Now, on both clocks: buckets and sliding windows go by uptime, calendars by the date.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) uptime: Time,
    /// Nanoseconds since 1970.
    pub(crate) unix: u64,
}

/// What a request declares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Demand<'a> {
    pub(crate) cost: u64,
    pub(crate) amounts: &'a [(&'a str, u64)],
}

/// What a request really used, as far as that is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Actual<'a> {
    pub(crate) cost: Option<u64>,
    pub(crate) amounts: &'a [(Box<str>, u64)],
}

impl Measure {
    /// Its key in the document.
    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Requests => "requests",
            Self::Cost => "cost",
            Self::Dimension(name) => name,
        }
    }
}

impl Rule {
    /// The most of it that one request, or one window, may have.
    pub(crate) const fn amount(&self) -> u64 {
        match &self.kind {
            Kind::Bucket(quota) => quota.burst(),
            Kind::Sliding { amount, .. } | Kind::Window { amount, .. } => *amount,
        }
    }

    /// Whether what was used of `other` has been used of it.
    pub(super) fn continues(&self, other: &Self) -> bool {
        self.measure == other.measure
            && match (&self.kind, &other.kind) {
                (Kind::Bucket(one), Kind::Bucket(other)) => one.same_rate(other),
                (Kind::Sliding { part: one, .. }, Kind::Sliding { part: other, .. }) => one == other,
                (Kind::Window { calendar: one, .. }, Kind::Window { calendar: other, .. }) => one == other,
                _ => false,
            }
    }
}

impl Demand<'_> {
    pub(super) fn of(&self, measure: &Measure) -> u64 {
        match measure {
            Measure::Requests => 1,
            Measure::Cost => self.cost,
            Measure::Dimension(name) => {
                let amounts = self.amounts.iter().filter(|(named, _)| *named == &**name);
                amounts.fold(0, |sum, (_, amount)| sum.saturating_add(*amount))
            }
        }
    }
}

impl Actual<'_> {
    pub(super) fn of(&self, measure: &Measure) -> Option<u64> {
        match measure {
            Measure::Requests => None,
            Measure::Cost => self.cost,
            Measure::Dimension(name) => {
                let amounts = self.amounts.iter().filter(|(named, _)| **named == **name);
                amounts.map(|(_, amount)| *amount).reduce(u64::saturating_add)
            }
        }
    }
}
