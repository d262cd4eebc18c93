//! Admission: who may be in flight in a pool, and in which order those who may not yet get their turn.
//!
//! The fast path (a free seat, nobody waiting) is one compare-and-swap; the queue is behind a lock that only waiting touches.

mod capacity;
mod fair_queue;
mod gate;
mod seats;

pub(crate) use capacity::{Capacity, Sample};
pub(crate) use fair_queue::{Joining, QueueLimits, WaiterId};
pub(crate) use gate::{Admission, Place, Seat};
