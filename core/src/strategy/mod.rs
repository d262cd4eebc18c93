//! Strategies: which of the candidates serves a request.
//!
//! Each strategy is one file; each passes the one contract suite in [`contract`].

mod alias;
mod avoided;
mod bound;
mod build;
mod candidates;
mod circle;
#[cfg(all(test, not(loom)))]
mod contract;
mod custom;
mod few;
#[cfg(all(test, not(loom)))]
mod hashing_tests;
mod ketama;
mod kinds;
mod least_loaded;
mod maglev;
mod name;
mod p2c;
mod prequal;
mod random;
mod rendezvous;
mod ring;
mod roll;
mod round_robin;
mod stride;
#[cfg(all(test, not(loom)))]
mod supermarket;
mod weighted;

pub(crate) use alias::Alias;
pub(crate) use avoided::{Avoided, KeptAvoided, Otherwise};
pub(crate) use bound::LoadBound;
pub(crate) use build::{Base, Built};
pub(crate) use candidates::{Candidates, REPORT_COUNTS_FOR, Turn};
pub(crate) use custom::Custom;
pub(crate) use ketama::Ketama;
pub(crate) use kinds::{Strategy, Warming};
pub(crate) use least_loaded::LeastLoaded;
pub(crate) use maglev::Maglev;
pub(crate) use p2c::P2c;
pub use prequal::Probe;
pub(crate) use prequal::{Bell, Prequal};
pub(crate) use random::Random;
pub(crate) use rendezvous::Rendezvous;
pub(crate) use ring::Ring;
pub(crate) use roll::Roll;
pub(crate) use round_robin::RoundRobin;
pub(crate) use weighted::Weighted;
