//! Limits that need more than a bucket in one word: declared dimensions, windows, budgets, soft limits and shadow ones.
//!
//! A tenant with such limits has a [`Meter`] beside its slot, behind a lock of its own; all others pay nothing for it. A [`Rule`] is a
//! limit as it is configured, a [`Gauge`](gauge::Gauge) is what has been used of it.

mod gauge;
mod kept;
mod readings;
#[cfg(feature = "ledger")]
mod record;
mod rule;
mod sliding;
mod window;

pub(crate) use readings::{Holder, Meter, Metered, Warnings};
#[cfg(feature = "ledger")]
pub(crate) use record::{LimitRecord, lacking};
pub(crate) use rule::{Actual, Demand, Kind, Measure, Mode, Moment, Rule, Soft};
pub(crate) use sliding::PARTS;
