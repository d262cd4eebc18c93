//! Capacity: how many seats a pool has.
//!
//! Each rule that learns is one file; each passes the one contract suite in `contract`. A rule learns from successes (how long they
//! took) and from overload answers; failures and cancelled requests say nothing about either. Nothing here waits.

mod adaptive;
mod aimd;
mod average;
#[cfg(all(test, not(loom)))]
mod contract;
mod gradient;
mod gradient2;
#[cfg(all(test, not(loom)))]
mod model;
mod number;
mod percentiles;
mod rule;
mod vegas;
mod window;

pub(crate) use rule::{Capacity, Sample};
