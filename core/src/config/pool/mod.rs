//! Pools as they are configured: what is said of one, and what it must be like.

mod rules;
mod spec;

pub use spec::PoolSpec;
