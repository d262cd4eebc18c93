//! What happened: for logs and alerts.

use std::collections::VecDeque;

use crate::sync::Mutex;

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
    /// So many older events were dropped, because nobody took them.
    Lost {
        /// How many.
        count: u64,
    },
}

/// The events that nobody has taken yet.
#[derive(Debug, Default)]
pub(crate) struct Events {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    events: VecDeque<Event>,
    lost: u64,
}

impl Events {
    pub(crate) fn add(&self, event: Event) {
        let mut kept = self.kept.lock();
        if kept.events.len() == MOST {
            kept.events.pop_front();
            kept.lost += 1;
        }
        kept.events.push_back(event);
    }

    pub(crate) fn take(&self) -> Vec<Event> {
        let Kept { events, lost } = std::mem::take(&mut *self.kept.lock());
        let lost = (lost > 0).then_some(Event::Lost { count: lost });
        lost.into_iter().chain(events).collect()
    }
}

const MOST: usize = 1_024;

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
}
