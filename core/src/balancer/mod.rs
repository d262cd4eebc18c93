//! The façade: one decision in five steps, from parts that know nothing of each other.
//!
//! [`decide`] is the way in (identify, limit, admit, pick), [`settle`] the way out; [`update`] swaps the snapshot that both read.

mod acquire;
mod charge;
mod charged;
mod decide;
mod handle;
mod lease;
#[cfg(feature = "ledger")]
mod ledger;
mod limits;
mod published;
mod reading;
mod settle;
mod snapshot;
mod state;
mod statistics;
mod tenants;
mod update;

pub use acquire::Acquire;
pub use handle::Balancer;
pub use lease::Lease;
pub use limits::LimitStatus;
