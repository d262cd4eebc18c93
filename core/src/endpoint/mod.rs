//! One address in a pool, and all that is learnt of it.

mod member;
mod state;

pub(crate) use member::{InFlight, Member};
pub use state::Endpoint;
