//! The façade: one decision in five steps, from parts that know nothing of each other.
//!
//! [`decide`] is the way in (identify, limit, admit, pick), [`settle`] the way out; [`update`] swaps the snapshot that both read.

mod acquire;
mod again;
mod charge;
mod charged;
mod check;
mod decide;
mod discovery;
mod handle;
mod health;
mod health_checks;
mod hope;
mod lease;
#[cfg(feature = "ledger")]
mod ledger;
mod limits;
mod probes;
mod published;
mod reading;
mod rejections;
mod session;
mod settle;
mod snapshot;
mod state;
mod statistics;
mod tenants;
mod update;
mod visit;

pub use acquire::Acquire;
pub use discovery::Discovery;
pub use handle::Balancer;
pub use health_checks::{HealthCheck, HealthChecks};
pub use lease::Lease;
pub use limits::LimitStatus;
pub use probes::Probes;
