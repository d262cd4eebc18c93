//! Endpoints that are found while the balancer runs: when to ask again, what an answer changes of a pool, and how it has gone.
//!
//! What asks (DNS, a file, a stream) is the adapter's; this holds what follows from an answer.

mod found;
mod schedule;
mod status;

pub(crate) use found::{Discovered, SourceId};
pub(crate) use schedule::Schedule;
pub use status::{DiscoveryFailure, DiscoveryStatus};
