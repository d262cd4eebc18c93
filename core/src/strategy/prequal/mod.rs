//! Prequal: endpoints are asked how they are before they are asked to work, and the answers are kept for the next requests.
//!
//! Source: Wydrowski, Kleinberg, Rumble, Archer: "Load is not what you should balance: Introducing Prequal" (NSDI 2024). [`Answers`] is the paper's probe
//! pool with its hot-cold lexicographic rule, [`Rules`] its numbers, [`RecentLoads`] its estimate of the distribution of requests in
//! flight, [`Demand`] says which endpoints to probe next; [`Prequal`] puts them together. It does no I/O: whoever carries the probes takes them
//! from [`Balancer::probes`](crate::Balancer::probes).
//!
//! *Where we differ*:
//! - with fewer than two answers the paper picks at random; here power of two choices over the requests in flight and the latencies of one's own
//!   does, which is no worse;
//! - loads and latencies count over the weight, and where one is equal the other decides;
//! - an endpoint that has just failed a request is left to the fallback for a while: one that fails fast answers probes with the best of figures;
//! - in pools of about the size of `pool` or smaller the paper's formula for reuse has no positive denominator: there an
//!   answer serves at most `pool` requests;
//! - the paper's probing before each request (its synchronous mode) is not here.

mod answers;
mod bell;
mod carry;
mod demand;
mod picking;
mod probe;
mod recent_loads;
mod rules;

use answers::{Answer, Answers};
pub(crate) use bell::Bell;
use carry::Carry;
use demand::Demand;
pub(crate) use picking::Prequal;
pub use probe::Probe;
use recent_loads::RecentLoads;
pub(crate) use rules::Rules;
