//! Limits: how much a tenant may ask for, and exactly when it may ask again.

mod buckets;
mod calendar;
mod carry_over;
mod charge;
mod gcra;
mod meter;
mod quota;
mod reading;
#[cfg(feature = "ledger")]
mod record;

pub(crate) use buckets::{BucketArray, Buckets};
pub(crate) use calendar::{Calendar, MONDAY, Span};
pub(crate) use carry_over::carry_over;
pub(crate) use charge::{
    Cause, Charge, Refusal, Spending, charge, charge_into, look, settle, slow_down, spend, undo,
};
pub(crate) use gcra::Bucket;
pub(crate) use meter::{
    Actual, Demand, Holder, Kind, Measure, Meter, Metered, Mode, Moment, PARTS, Rule, Soft, Warnings,
};
pub(crate) use quota::{Quota, Unit};
pub(crate) use reading::{Reading, read};
#[cfg(feature = "ledger")]
pub(crate) use {
    meter::LimitRecord,
    record::{QuotaRecords, records, restore},
};

/// The most rate quotas that one tenant may have: what fits into two cache lines beside its other state.
pub(crate) const MAX_QUOTAS: usize = 4;
