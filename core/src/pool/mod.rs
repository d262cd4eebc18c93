//! Pools: endpoints that serve the same thing, as one immutable list, one strategy and one health policy.

mod build;
mod health;
mod pick;

pub(crate) use build::{Pool, PoolId};
