//! How peers tell who is healthy, as slow, plain models of what they document: references to compare with, not to use.
//!
//! Sources: Envoy's outlier detection and gRFC A50, in figures `vectors/envoy-misc.json`; Akka's failure detector, which judges heartbeats and not requests, in figures `vectors/health.json`.

mod a50;
mod envoy;
mod phi;
mod rates;

use std::fmt::Debug;

pub(crate) use a50::A50;
pub(crate) use envoy::{Envoy, EnvoyRules};
pub(crate) use phi::{PhiAccrual, PhiRules};

/// Who of some hosts is left out.
pub(crate) trait Rules: Debug + Send {
    /// A request to a host has ended.
    fn finish(&mut self, host: usize, succeeded: bool, now: u64);

    /// An interval is over.
    fn tick(&mut self, now: u64);

    /// Whether a host is left out.
    fn is_ejected(&self, host: usize) -> bool;

    /// One host more.
    fn join(&mut self);
}

/// How often the rules compare, in nanoseconds: every 10 s.
pub(crate) const INTERVAL: u64 = 10 * SECOND;
const BASE_EJECTION: u64 = 30 * SECOND;
const LONGEST_EJECTION: u64 = 300 * SECOND;
const SECOND: u64 = 1_000_000_000;

/// How long the n-th ejection takes: base × n, up to the longest.
fn ejection_time(times: u64) -> u64 {
    (BASE_EJECTION * times).min(LONGEST_EJECTION)
}
