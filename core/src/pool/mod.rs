//! Pools: endpoints that serve the same thing, as one immutable list, one strategy and one health policy.

mod ask;
mod at_once;
mod bounded;
mod build;
mod census;
mod checks;
mod comparing;
mod cooldown;
mod enter;
mod health;
mod judge;
mod newcomer;
mod outlook;
mod pick;
mod probes;
mod session;
mod shard;
mod subset;
mod tier;
mod tier_parts;
mod verdict;

pub(crate) use ask::{Ask, KeptWants, Purpose, Wants};
pub(crate) use build::{Pool, PoolId};
pub(crate) use checks::CheckVerdict;
pub(crate) use outlook::Outlook;
pub(crate) use pick::Instead;
pub(crate) use shard::ShardKey;
