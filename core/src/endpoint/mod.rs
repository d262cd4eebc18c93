//! One address in a pool, and all that is learnt of it.

mod arrivals;
mod in_flight;
mod labels;
mod learned;
mod member;
mod state;
mod usage;

pub(crate) use arrivals::{Arrival, Arrivals};
pub(crate) use in_flight::InFlight;
pub(crate) use labels::Labels;
pub(crate) use member::Member;
pub use state::Endpoint;
pub(crate) use state::Took;
pub(crate) use usage::Spent;
