//! Tenantry for Node: what crosses the border between JavaScript and the core, and nothing else.
//!
//! The JavaScript in `lib/` is what users see; it checks every argument. Here, `native` holds the cold calls (napi-rs macros),
//! `operations` the hot ones, and `raw` the only unsafe code: about a hundred lines of plain Node-API under the hot ones, because a
//! macro's method costs 400 ns a call and a plain function 20. No panic crosses the border: every entry catches them.

mod amounts;
pub mod backoff;
pub mod clock;
pub mod config;
pub mod discovery;
pub mod events;
pub mod health_checks;
mod lease;
pub mod ledger;
mod names;
pub mod native;
mod numbers;
mod operations;
pub mod probes;
mod raw;
mod rejections;
mod request;
pub mod server_load;
mod state;
pub mod strategy;
mod tenant;
mod tickets;
pub mod upstream;
mod wakes;
