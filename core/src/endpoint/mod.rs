//! One address in a pool, and all that is learnt of it.

mod member;
mod state;

pub(crate) use member::Member;
pub use state::Endpoint;
