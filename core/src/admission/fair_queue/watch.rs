//! Who of those that wait watches the time, where it is time alone that lets the next one in.
//!
//! The core has no timers. One waiter is asked to look again at that moment; whoever's turn it then is, is woken. When
//! it goes, or must look sooner, somebody is woken, to ask anew when to look. Only who has left a waker is asked: a request
//! that nobody polls would keep all others waiting.

use std::task::Waker;

use super::{queue::FairQueue, waiters::WaiterId};
use crate::{endpoint::InFlight, time::Time};

/// The one who looks, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Watch {
    id: u32,
    at: Time,
}

impl FairQueue {
    /// Sees to it that somebody looks at this moment; whom to wake for it.
    pub(in crate::admission) fn watch(&mut self, at: Option<Time>) -> Option<Waker> {
        let Some(at) = at else {
            self.watch = None;
            return None;
        };
        let known = self.watch.filter(|watch| self.waiters.waits(watch.id));
        let id = known.map(|watch| watch.id).or_else(|| self.waiters.any_with_waker());
        self.watch = id.map(|id| Watch { id, at });
        match known {
            // It looks too soon, and is then told anew.
            Some(watch) if watch.at <= at => None,
            _ => self.waiters.take_waker(id?),
        }
    }

    /// When this waiter is to look, if it is the one.
    pub(in crate::admission) fn looks_at(&self, WaiterId(id): WaiterId) -> Option<Time> {
        self.watch.filter(|watch| watch.id == id).map(|watch| watch.at)
    }

    /// The endpoint that was picked for somebody with its seat.
    pub(in crate::admission) fn take_picked(&mut self, WaiterId(id): WaiterId) -> Option<InFlight> {
        self.waiters.take_picked(id)
    }
}
