//! What happened: for logs and alerts.

use std::{collections::VecDeque, time::Duration};

use crate::{
    condition::{CheckFailure, EjectionReason, HealthOverride},
    sync::Mutex,
};

/// Something that whoever runs this should know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "config", derive(serde::Serialize))]
#[cfg_attr(feature = "config", serde(tag = "event", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum Event {
    /// A tenant has used so much of a budget that a [warning](crate::Budget::with_warnings) is due: once per calendar window and mark.
    BudgetWarning {
        /// The tenant whose budget it is, perhaps a parent of who used it.
        tenant: String,
        /// What it counts: `requests`, `cost`, or a dimension's name.
        unit: String,
        /// The mark that was passed, in percent of the budget.
        percent: u32,
        /// What has been used, reservations included.
        used: u64,
        /// The budget, with what was carried over.
        amount: u64,
        /// When the window ends, in seconds since 1970; `None` where it rolls.
        ends_unix_s: Option<i64>,
    },
    /// An endpoint has told that its own limits are spent.
    UpstreamSpent {
        /// The pool.
        pool: String,
        /// The endpoint's address.
        endpoint: String,
        /// When it takes requests again, in seconds since 1970, rounded up.
        until_unix_s: u64,
    },
    /// Real requests have shown that an endpoint does not serve: it is left out for a while.
    EndpointEjected {
        /// The pool.
        pool: String,
        /// The endpoint's address.
        endpoint: String,
        /// By which rule.
        reason: EjectionReason,
        /// What was seen.
        evidence: String,
        /// The how manieth ejection in a row it is.
        ejections: u32,
        /// For how long, in milliseconds.
        for_ms: u64,
    },
    /// An endpoint serves worse than the others, or should be ejected where too many are: for a while it serves only where the others do not suffice.
    EndpointDegraded {
        /// The pool.
        pool: String,
        /// The endpoint's address.
        endpoint: String,
        /// By which rule.
        reason: EjectionReason,
        /// What was seen.
        evidence: String,
        /// For how long, in milliseconds.
        for_ms: u64,
    },
    /// A rule in [shadow mode](crate::OutlierSpec::in_shadow) has found an endpoint, and nothing follows from it.
    OutlierShadowed {
        /// The pool.
        pool: String,
        /// The endpoint's address.
        endpoint: String,
        /// By which rule.
        reason: EjectionReason,
        /// What was seen.
        evidence: String,
    },
    /// A request on probation has succeeded: the endpoint serves again.
    EndpointReturned {
        /// The pool.
        pool: String,
        /// The endpoint's address.
        endpoint: String,
    },
    /// An endpoint has asked to be left alone for a while.
    EndpointCoolingDown {
        /// The pool.
        pool: String,
        /// The endpoint's address.
        endpoint: String,
        /// For how long from now on, in milliseconds.
        for_ms: u64,
    },
    /// So many health checks in a row have failed that the endpoint is left out, until as many as that takes succeed.
    EndpointFailing {
        /// The pool.
        pool: String,
        /// The endpoint's address.
        endpoint: String,
        /// Why the last of them failed.
        reason: CheckFailure,
        /// What was seen then; at most 256 characters.
        evidence: String,
        /// How many in a row.
        failures: u32,
    },
    /// So many health checks in a row have succeeded that the endpoint serves, as far as they are concerned.
    EndpointPassing {
        /// The pool.
        pool: String,
        /// The endpoint's address.
        endpoint: String,
        /// How many in a row.
        successes: u32,
    },
    /// An operator has [decided](crate::Balancer::override_health) on an endpoint's health, or taken it back.
    HealthOverridden {
        /// The pool.
        pool: String,
        /// The endpoint's address.
        endpoint: String,
        /// What was decided; `None`: its own health counts again.
        to: Option<HealthOverride>,
        /// For how long, in milliseconds; `None`: until it is taken back.
        for_ms: Option<u64>,
    },
    /// A discovery has changed a pool's endpoints.
    EndpointsDiscovered {
        /// The pool.
        pool: String,
        /// What was asked.
        source: String,
        /// How many came.
        added: usize,
        /// How many went.
        removed: usize,
        /// How many the pool has now, its configured ones included.
        endpoints: usize,
    },
    /// A discovery has failed, for the first time in a row: the pool stays as it is.
    DiscoveryFailed {
        /// The pool.
        pool: String,
        /// What was asked.
        source: String,
        /// What went wrong.
        problem: String,
    },
    /// A discovery that had failed has a good answer again.
    DiscoveryRecovered {
        /// The pool.
        pool: String,
        /// What was asked.
        source: String,
        /// How often in a row it had failed.
        failures: u32,
    },
    /// So many older events were dropped, because nobody took them.
    Lost {
        /// How many.
        count: u64,
    },
}

/// How far somebody has read the [events](crate::Balancer::events_since): each reader has a place of its own. A new one begins with the oldest that is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventCursor {
    /// The next one's number.
    next: u64,
}

/// The last events, for any number of readers.
#[derive(Debug, Default)]
pub(crate) struct Events {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    events: VecDeque<Event>,
    /// How many made room.
    gone: u64,
    /// How far they are taken.
    taken: EventCursor,
}

impl Events {
    pub(crate) fn add(&self, event: Event) {
        let mut kept = self.kept.lock();
        if kept.events.len() == MOST {
            kept.events.pop_front();
            kept.gone += 1;
        }
        kept.events.push_back(event);
    }

    pub(crate) fn take(&self) -> Vec<Event> {
        let mut kept = self.kept.lock();
        let mut cursor = kept.taken.clone();
        let events = kept.since(&mut cursor);
        kept.taken = cursor;
        events
    }

    pub(crate) fn since(&self, cursor: &mut EventCursor) -> Vec<Event> {
        self.kept.lock().since(cursor)
    }
}

impl Kept {
    fn since(&self, cursor: &mut EventCursor) -> Vec<Event> {
        let lost = self.gone.saturating_sub(cursor.next);
        let read = usize::try_from(cursor.next.saturating_sub(self.gone)).unwrap_or(usize::MAX);
        let lost = (lost > 0).then_some(Event::Lost { count: lost });
        let events = lost.into_iter().chain(self.events.iter().skip(read).cloned()).collect();
        cursor.next = self.gone + u64::try_from(self.events.len()).unwrap_or(u64::MAX);
        events
    }
}

/// A duration in whole milliseconds, rounded up, as events tell it.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// What was seen, as it is kept: it may come from outside, and be of any length.
pub(crate) fn evidence(seen: &str) -> String {
    seen.chars().take(LONGEST_EVIDENCE).collect()
}

const MOST: usize = 1_024;
/// In characters.
const LONGEST_EVIDENCE: usize = 256;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_make_room_and_their_number_is_told() {
        let events = Events::default();
        for count in 0..1_030 {
            events.add(Event::Lost { count });
        }
        let taken = events.take();
        assert_eq!(taken.len(), 1_025);
        assert_eq!(taken[..2], [Event::Lost { count: 6 }, Event::Lost { count: 6 }]);
        assert!(events.take().is_empty());
    }

    #[test]
    fn every_reader_has_a_place_of_its_own() {
        let (events, mut one, mut other) =
            (Events::default(), EventCursor::default(), EventCursor::default());
        events.add(Event::Lost { count: 1 });
        assert_eq!(events.since(&mut one), [Event::Lost { count: 1 }]);
        assert_eq!(events.take(), [Event::Lost { count: 1 }]);
        events.add(Event::Lost { count: 2 });
        assert_eq!(events.since(&mut one), [Event::Lost { count: 2 }]);
        assert_eq!(events.since(&mut one), []);
        assert_eq!(events.since(&mut other).len(), 2);
        for count in 0..1_030 {
            events.add(Event::Lost { count });
        }
        assert_eq!(events.since(&mut other)[..2], [Event::Lost { count: 6 }, Event::Lost { count: 6 }]);
    }
}
