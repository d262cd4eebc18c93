//! What a balancer owns.

use std::{sync::Arc, time::Duration};

use super::published::Published;
use crate::{
    admission::Attempts,
    affinity::Secret,
    discovery::Discovered,
    event::Events,
    id::IdHasher,
    limit::{Meter, Moment},
    strategy::Bell,
    sync::{AtomicBool, AtomicU64, Mutex, Ordering},
    tenant::{Lineages, QuotaLists, Registry, Segments, Slab},
    time::{Clock, ClockListener, SystemClock, Time, nanos},
};

/// The state behind every handle of one balancer.
#[derive(Debug)]
pub(super) struct State {
    pub(super) clock: ClockSource,
    /// What the clock showed when the balancer was made: quotas count from here, whatever the clock's own start.
    pub(super) started: Time,
    pub(super) published: Published,
    pub(super) slab: Slab,
    /// By the slots of tenants whose limits need one.
    pub(super) meters: Arc<Segments<Meter>>,
    /// Of tenants that ask for retries or hedges.
    pub(super) attempts: Arc<Attempts>,
    pub(super) events: Arc<Events>,
    /// Whether anybody keeps a ledger, so that settlements are counted.
    pub(super) settlements_count: AtomicBool,
    pub(super) settlements: AtomicU64,
    /// Rings where a pool has probes to carry.
    pub(super) bell: Arc<Bell>,
    /// How many updates there were, and what rings for them where somebody does health checks.
    pub(super) updates: AtomicU64,
    pub(super) updated: Bell,
    pub(super) hasher: IdHasher,
    /// Held from before an update of tenants or queues until every queue goes by it, so that what was published last is what all of them go by.
    /// Taken before `registry`.
    pub(super) rules: Mutex<()>,
    /// Held while tenants are made and while updates are built and published.
    pub(super) registry: Mutex<Register>,
}

/// What only updates and new tenants touch.
#[derive(Debug)]
pub(super) struct Register {
    pub(super) tenants: Registry,
    pub(super) next_pool: u32,
    pub(super) seed: u64,
    /// What session tokens are signed with where the configuration has no secrets.
    pub(super) own_secret: Secret,
    pub(super) quota_lists: QuotaLists,
    pub(super) lineages: Lineages,
    pub(super) discovered: Discovered,
}

/// The system's clock without a virtual call, or any other.
#[derive(Debug)]
pub(super) enum ClockSource {
    System(SystemClock),
    Other(Box<dyn Clock>),
}

impl ClockSource {
    #[inline]
    pub(super) fn now(&self) -> Time {
        match self {
            Self::System(clock) => clock.now(),
            Self::Other(clock) => clock.now(),
        }
    }

    pub(super) fn unix(&self) -> Duration {
        match self {
            Self::System(clock) => clock.unix(),
            Self::Other(clock) => clock.unix(),
        }
    }

    pub(super) fn subscribe(&self, state: &Arc<State>) {
        let listener = Arc::downgrade(state);
        match self {
            Self::System(_) => {}
            Self::Other(clock) => clock.subscribe(listener),
        }
    }
}

impl State {
    /// How long the balancer has been there, as quotas count it.
    #[inline]
    pub(super) fn uptime(&self, now: Time) -> Time {
        Time::from_nanos(now.as_nanos().saturating_sub(self.started.as_nanos()))
    }

    /// A moment of the uptime, and what the calendar says to it.
    pub(super) fn moment(&self, uptime: Time) -> Moment {
        Moment { uptime, unix: nanos(self.clock.unix()) }
    }

    /// Whoever carries probes or does checks learns that there may be others.
    pub(super) fn ring(&self) {
        self.bell.ring();
        // SeqCst, as the bell is: who has armed it sees this number, or is rung for.
        self.updates.fetch_add(1, Ordering::SeqCst);
        self.updated.ring();
    }

    /// Turns away everyone whose deadline has come, in every pool.
    pub(super) fn expire_waiters(&self) {
        let now = self.clock.now();
        for service in self.published.load().services.iter() {
            service.admission.expire(now);
        }
    }
}

/// Whoever waits for probes to carry, or checks to do, learns that there will be none.
impl Drop for State {
    fn drop(&mut self) {
        self.bell.ring();
        self.updated.ring();
    }
}

impl ClockListener for State {
    fn time_changed(&self) {
        self.expire_waiters();
    }
}
