//! Rate limits: how much a tenant may ask for, and exactly when it may ask again.

mod carry_over;
mod charge;
mod gcra;
mod quota;
mod reading;

pub(crate) use carry_over::carry_over;
pub(crate) use charge::{Buckets, Charge, Refusal, charge, look, settle, undo};
pub(crate) use quota::{Quota, Unit};
pub(crate) use reading::{Reading, read};

/// The most rate quotas that one tenant may have: what fits beside its other state in two cache lines.
pub(crate) const MAX_QUOTAS: usize = 4;
