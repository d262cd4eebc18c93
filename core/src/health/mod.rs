//! Health: who may serve, who is left out and why, and how it comes back.

mod check_schedule;
mod outlier;
mod outliers;
mod overridden;
mod recent;
mod record;
mod repeats;
mod rhythm;
mod rise_fall;
mod slow_start;
mod state;

pub(crate) use check_schedule::{CheckRules, CheckSchedule, DueCheck, Turned};
#[cfg(all(test, not(loom)))]
pub(crate) use outlier::tests::RULES as TEST_RULES;
pub(crate) use outlier::{Manner, Outlier, OutlierRules};
pub(crate) use outliers::{FailureRule, Finding, Found, LatencyRule, SuccessRateRule};
pub(crate) use record::{Enough, Record, Sample};
pub(crate) use rise_fall::Standing;
pub(crate) use slow_start::SlowStart;
pub(crate) use state::{Health, Scrutiny};
