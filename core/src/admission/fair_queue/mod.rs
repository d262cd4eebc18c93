//! A weighted fair queue across tenants: start-time fair queueing with depth, SFQ(D), at every level of the tenant tree.
//!
//! Source: Goyal, Vin, Cheng, "Start-time Fair Queueing" (1997), whose §3 makes it hierarchical; Jin, Chase, Kaur, "Interposed Proportional
//! Sharing for a Storage Service Utility" (2004). A request's start tag is `max(V, the finish tag of the tenant's one before)`, its finish
//! tag `start + cost / weight`; the smallest start tag goes next, and V becomes it. For two backlogged tenants the service
//! over weight differs by at most `(D + 1)(cf/wf + cg/wg)`, D being the seats.
//!
//! *Where we differ*: requests that find a free seat are not tagged (with a free seat nobody is held back, and the D in
//! flight are in the bound); only the head of each tenant's line carries a tag, so a cancelled request charges nothing and
//! those behind it move up; what a request really cost is put right when it ends; when the last waiter leaves, all tags
//! start again from zero, and long before they could overflow virtual time is taken off them.

mod codel;
mod door;
mod line;
mod node;
mod pace;
mod queue;
mod shares;
mod tags;
mod tournament;
mod tree;
mod waiters;
mod watch;

#[cfg(all(test, not(loom)))]
mod tests;

pub(crate) use door::Joining;
pub(crate) use node::Level;
pub(crate) use queue::QueueLimits;
pub(super) use queue::{FairQueue, Next};
pub(crate) use waiters::WaiterId;
pub(super) use waiters::{Standing, Wakers};
