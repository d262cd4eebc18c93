//! The queue of one pool: the tree of shares, and who waits in it.
//!
//! This is plain data: the lock around it, the seats and the wake-ups are [`Admission`](super::super::Admission)'s.

use std::{mem, sync::Arc, task::Waker, time::Duration};

use super::{
    line::Discipline,
    node::{Head, Level},
    tree::{ROOT, Tree},
    waiters::{Standing, WaiterId, Waiters, Wakers},
    watch::Watch,
};
use crate::{
    admission::{seat::Seat, seats::Taken},
    config::{CodelSpec, QueueOrder},
    endpoint::InFlight,
    pool::Wants,
    rejection::Rejection,
    time::Time,
};

/// How many may wait, how long, and in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueueLimits {
    pub(crate) per_tenant: u32,
    pub(crate) total: u32,
    pub(crate) timeout: Duration,
    pub(crate) order: QueueOrder,
    pub(crate) aging: Duration,
    pub(crate) codel: Option<CodelSpec>,
    /// Whether tenants have shares of the seats: then every request is counted in the tree, whether it waits or not.
    pub(crate) guarded: bool,
}

/// Whose turn it is.
#[derive(Clone, Copy, Debug)]
pub(in crate::admission) struct Next {
    line: u32,
    id: u32,
    /// The seats that it wants.
    pub(in crate::admission) width: u32,
    /// The seats that must stay free beside them.
    pub(in crate::admission) reserve: u32,
}

/// The queue.
#[derive(Debug)]
pub(in crate::admission) struct FairQueue {
    pub(super) tree: Tree,
    pub(super) waiters: Waiters,
    /// Lines that are passed over until everybody else has been asked.
    aside: Vec<u32>,
    /// Nodes whose reserved seats are kept.
    pinned: Vec<u32>,
    /// Set when the pool is gone: what everyone who still comes is told.
    pub(super) closed: Option<Rejection>,
    /// Who watches the time.
    pub(super) watch: Option<Watch>,
}

impl FairQueue {
    pub(in crate::admission) fn new() -> Self {
        Self {
            tree: Tree::new(),
            waiters: Waiters::default(),
            aside: vec![],
            pinned: vec![],
            closed: None,
            watch: None,
        }
    }

    /// How many wait.
    pub(in crate::admission) const fn waiting(&self) -> u32 {
        self.waiters.waiting()
    }

    /// Whose turn it is: those whose time is over, and those whom CoDel drops, are turned away on the way. Asked when a seat is
    /// free.
    pub(in crate::admission) fn next(
        &mut self,
        limits: &QueueLimits,
        now: Time,
        wakers: &mut Wakers,
    ) -> Option<Next> {
        loop {
            let line = self.tree.next()?;
            let discipline = Discipline { order: limits.order, aging: limits.aging, now };
            let standing = self.tree.node(line).line();
            let id = standing.next(&self.waiters, &discipline)?;
            let waiter = self.waiters.get(id);
            if waiter.deadline <= now {
                wakers.extend(self.reject(id, Rejection::TimedOut));
                continue;
            }
            let (arrival, width) = (waiter.arrival, waiter.width);
            if self.tree.node(line).head.width != width {
                // What its shares allow goes by whom it really is the turn of.
                self.tree.set_head(line, Head { arrival, width, claims: false });
                self.tree.refresh(line);
                continue;
            }
            if let Some(spec) = &limits.codel
                && let Some(oldest) = standing.oldest(&self.waiters)
            {
                let waited = now.since(self.waiters.get(oldest).joined);
                if self.tree.node_mut(line).line_mut().codel().drops(waited, spec, now) {
                    wakers.extend(self.reject(oldest, Rejection::QueueFull));
                    continue;
                }
            }
            let reserve = if self.tree.claims(line) { 0 } else { self.tree.held_back_for_others(line) };
            return Some(Next { line, id, width, reserve });
        }
    }

    /// Gives the next one its seats.
    pub(in crate::admission) fn seat(&mut self, next: Next, taken: Taken, now: Time) -> Option<Waker> {
        let Next { line, id, .. } = next;
        let (class, cost) = (self.waiters.get(id).class, self.waiters.get(id).cost);
        let (turn, width) = (taken.turn(), taken.width());
        let seat = Seat { turn, width, line: line + 1 };
        let list = self.tree.node_mut(line).line_mut();
        let waker = self.waiters.conclude(list.class_mut(class), id, Standing::Seated(seat));
        list.note(class);
        self.note_head(line);
        self.tree.dispatch(line, cost, width, now);
        waker
    }

    /// Passes the next one's line over, until [`take_back`](Self::take_back): it waits for endpoints that the others do not need.
    pub(in crate::admission) fn set_aside(&mut self, next: Next) {
        self.tree.node_mut(next.line).aside = true;
        self.tree.refresh(next.line);
        self.aside.push(next.line);
    }

    /// Nobody is passed over any more.
    pub(in crate::admission) fn take_back(&mut self) {
        while let Some(line) = self.aside.pop() {
            // It is there: somebody waits in it.
            self.tree.node_mut(line).aside = false;
            self.tree.refresh(line);
        }
    }

    /// What the next one wants of an endpoint.
    pub(in crate::admission) fn wants(&self, next: &Next) -> Wants<'_> {
        self.waiters.get(next.id).wants.shown()
    }

    /// The endpoint that was picked for the one who has just got its seats.
    pub(in crate::admission) fn keep(&mut self, next: Next, picked: Option<InFlight>) {
        self.waiters.keep(next.id, picked);
    }

    /// Turns the next one away.
    pub(in crate::admission) fn turn_away(&mut self, next: Next, rejection: Rejection) -> Option<Waker> {
        self.reject(next.id, rejection)
    }

    /// Seats come back that were given here, with what the request was charged and what it really cost.
    pub(in crate::admission) fn release(&mut self, seat: Seat, charged: u64, actual: u64) {
        let Some(line) = seat.line.checked_sub(1) else { return };
        let width = u64::from(seat.width);
        let (charged, actual) = (charged.max(1).saturating_mul(width), actual.max(1).saturating_mul(width));
        if charged != actual {
            self.tree.correct(line, charged, actual);
        }
        self.tree.give_seats(line, seat.width);
    }

    /// Turns away everyone whose deadline has passed by a tick (about a millisecond); those in between are turned away when it is
    /// their turn, or when they ask.
    pub(in crate::admission) fn expire(&mut self, now: Time, wakers: &mut Wakers) {
        while let Some(id) = self.waiters.overdue(now) {
            wakers.extend(self.reject(id, Rejection::TimedOut));
        }
    }

    /// Turns away everyone whose deadline has come.
    pub(in crate::admission) fn expire_exactly(&mut self, now: Time, wakers: &mut Wakers) {
        self.expire(now, wakers);
        while let Some(id) = self.waiters.due(now) {
            wakers.extend(self.reject(id, Rejection::TimedOut));
        }
    }

    /// Turns away everyone, and whoever still comes: the pool is gone.
    pub(in crate::admission) fn close(&mut self, rejection: Rejection, wakers: &mut Wakers) {
        self.closed = Some(rejection);
        while let Some(id) = self.waiters.any() {
            wakers.extend(self.reject(id, rejection));
        }
    }

    /// What became of a waiter. One who waits on will be woken through `waker`, for which the one before is handed back; one
    /// who does not is forgotten.
    pub(in crate::admission) fn poll(
        &mut self,
        id: WaiterId,
        waker: &mut Option<Waker>,
        now: Time,
    ) -> Standing {
        let WaiterId(id) = id;
        let waiter = self.waiters.get(id);
        if waiter.standing == Standing::Waiting && waiter.deadline > now {
            self.waiters.swap_waker(id, waker);
            return Standing::Waiting;
        }
        if waiter.standing == Standing::Waiting {
            *waker = self.reject(id, Rejection::TimedOut);
        }
        let standing = self.waiters.get(id).standing;
        self.waiters.remove(id);
        standing
    }

    /// A waiter goes away without asking what became of it: that is told here, and its waker handed back unused.
    pub(in crate::admission) fn forget(&mut self, id: WaiterId) -> (Standing, Option<Waker>) {
        let WaiterId(id) = id;
        let standing = self.waiters.get(id).standing;
        let waker = (standing == Standing::Waiting).then(|| self.reject(id, Rejection::TimedOut)).flatten();
        self.waiters.remove(id);
        (standing, waker)
    }

    /// Forgets some of those who have gone.
    pub(in crate::admission) fn tidy(&mut self) {
        self.tree.tidy();
    }

    /// Another capacity: shares of it change.
    pub(in crate::admission) fn set_capacity(&mut self, capacity: u32) {
        self.tree.set_capacity(capacity);
    }

    /// Puts new weights and shares of those who are here in force; keeps the seats that are reserved for those who are not.
    pub(in crate::admission) fn reconfigure(
        &mut self,
        reserved: &[(Arc<[Level]>, Level)],
        level_of: &dyn Fn(u64) -> Option<Level>,
    ) {
        let pinned = mem::take(&mut self.pinned);
        for &node in &pinned {
            self.tree.node_mut(node).share.pinned = false;
        }
        // Each may take others with it.
        for node in pinned {
            self.tree.refresh_if_there(node);
        }
        for (key, node) in self.tree.all() {
            if let Some(level) = level_of(key).filter(|_| self.tree.find(key) == Some(node)) {
                self.tree.adapt(node, &level);
            }
        }
        for (above, tenant) in reserved {
            let mut node = self.tree.line(above, tenant);
            while node != ROOT {
                self.tree.node_mut(node).share.pinned = true;
                self.pinned.push(node);
                node = self.tree.node(node).parent;
            }
        }
    }

    /// Another weight of one tenant or parent, where it is here.
    pub(in crate::admission) fn adapt(&mut self, level: &Level) {
        if let Some(node) = self.tree.find(level.key) {
            self.tree.adapt(node, level);
        }
    }

    /// Takes a waiter out of its line.
    pub(super) fn reject(&mut self, id: u32, rejection: Rejection) -> Option<Waker> {
        let waiter = self.waiters.get(id);
        let (line, class, cost) = (waiter.node, waiter.class, waiter.cost);
        let list = self.tree.node_mut(line).line_mut();
        let waker = self.waiters.conclude(list.class_mut(class), id, Standing::Rejected(rejection));
        list.note(class);
        self.note_head(line);
        self.tree.depart(line, cost);
        waker
    }

    pub(super) fn note_head(&mut self, line: u32) {
        if let Some(id) = self.tree.node(line).line().oldest(&self.waiters) {
            let waiter = self.waiters.get(id);
            self.tree.set_head(line, Head { arrival: waiter.arrival, width: waiter.width, claims: false });
        }
    }
}
