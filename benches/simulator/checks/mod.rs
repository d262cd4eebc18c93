//! The invariants of DESIGN.md §6, checked at every step against books that the simulator keeps by itself.
//!
//! 1. *Conservation*: leases and waiters that were counted here are what `stats()` says, at every step; none at the end. Every
//!    request that arrived ends exactly once.
//! 2. *Seats*: a step that admits ends with no more in flight than seats.
//! 3. *Fair share*: any two tenants of one parent that both wait without a pause.
//! 4. *Work conservation*: nobody waits while a seat is free and an endpoint can serve.
//! 5. *Rate*: no more than a rate's burst, and its amount by time.
//! 6. *Limits*: no tenant or group is over its `max_in_flight` or its `seats.max`; a *refusal* leaves every counter as it was.
//! 7. *Retry after*: whoever is refused by a rate is told when there is room again.
//! 9. *Isolation*: nobody is sent where it may not go, and a full queue turns away whoever has most waiting for its weight.
//! 10. *Bounds*: lines, queues and the number of tenants are no longer than configured.
//!
//! Number 8 is about consistent hashing, which is not built yet.

mod book;
mod fairness;
mod limits;
mod rates;

use std::fmt;

pub(crate) use book::{Book, Party, PoolTerms, Reading, Stated};
pub(crate) use fairness::Fairness;
pub(crate) use limits::{Limits, TenantTerms};
pub(crate) use rates::Rates;

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) rule: &'static str,
    pub(crate) detail: String,
}

/// Where and when an invariant did not hold.
#[derive(Clone, Debug)]
pub(crate) struct Breach {
    pub(crate) seed: u64,
    /// Nanoseconds since the run's start.
    pub(crate) at: u64,
    pub(crate) step: u64,
    pub(crate) event: String,
    pub(crate) violation: Violation,
}

impl Violation {
    pub(crate) fn new(rule: &'static str, detail: impl Into<String>) -> Self {
        Self { rule, detail: detail.into() }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, at, step, event, violation } = self;
        let Violation { rule, detail } = violation;
        write!(f, "{rule}: {detail} (seed {seed}, {at} ns, step {step}, {event})")
    }
}
