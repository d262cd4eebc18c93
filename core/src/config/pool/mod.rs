//! Pools as they are configured: what is said of one, and what it must be like.

mod rules;
mod spec;
#[cfg(feature = "config")]
mod tables;

pub use spec::PoolSpec;
#[cfg(feature = "config")]
pub(super) use tables::{SubsetTable, TiersTable};
