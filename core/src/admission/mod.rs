//! Admission: who may be in flight in a pool, and in which order those who may not yet get their turn.
//!
//! The fast path (a free seat, nobody waiting) is one compare-and-swap, of a large pool far from
//! full on a line of the core's own; the queue is behind a lock that only waiting touches.

mod attempts;
mod capacity;
mod fair_queue;
mod gate;
mod queue;
mod retry_budget;
mod seat;
mod seats;
mod stripe;
mod word;

pub(crate) use attempts::{Allowances, AttemptCounts, Attempts, Paid, Payer};
pub(crate) use capacity::{Capacity, Sample};
pub(crate) use fair_queue::{Joining, Level, QueueLimits, WaiterId};
pub(crate) use gate::{Admission, Place, Spent, Terms as QueueTerms};
pub(crate) use queue::Seated;
pub(crate) use seat::Seat;
