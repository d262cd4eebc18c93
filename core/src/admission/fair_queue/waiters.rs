//! Those who wait: one slot each, on two lists at once, their tenant's line and their moment's.

use std::{collections::BTreeMap, mem, task::Waker};

use slab::Slab;
use smallvec::SmallVec;

use crate::{admission::seat::Seat, endpoint::InFlight, pool::KeptWants, rejection::Rejection, time::Time};

/// Names a waiter to the queue that it waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WaiterId(pub(super) u32);

/// Whom to wake once the queue's lock is free: mostly nobody or one, so mostly no allocation.
pub(in crate::admission) type Wakers = SmallVec<[Waker; 4]>;

/// What became of a waiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::admission) enum Standing {
    Waiting,
    /// It holds these seats.
    Seated(Seat),
    Rejected(Rejection),
}

#[derive(Debug)]
pub(super) struct Waiter {
    /// The node whose line it stands in.
    pub(super) node: u32,
    /// How many seats it wants.
    pub(super) width: u32,
    /// What it is charged: its cost times its width.
    pub(super) cost: u64,
    /// Counts all who ever came: decides ties.
    pub(super) arrival: u64,
    pub(super) joined: Time,
    pub(super) deadline: Time,
    /// Its priority class: 0 is the most urgent.
    pub(super) class: u8,
    pub(super) standing: Standing,
    /// What it wants of an endpoint, for those that have limits of their own.
    pub(super) wants: KeptWants,
    /// The endpoint that was picked with its seat, where endpoints have such limits, until it asks.
    pub(super) picked: Option<InFlight>,
    pub(super) waker: Option<Waker>,
    pub(super) in_line: Links,
    in_tick: Links,
}

/// Neighbours on a list; [`NOBODY`] at its ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Links {
    previous: u32,
    next: u32,
}

/// A doubly linked list through the waiters.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    pub(super) first: u32,
    pub(super) last: u32,
}

/// Which of a waiter's two lists.
#[derive(Clone, Copy, Debug)]
enum Of {
    Line,
    Tick,
}

/// What a new waiter brings.
#[derive(Debug)]
pub(super) struct Newcomer {
    pub(super) node: u32,
    pub(super) width: u32,
    pub(super) cost: u64,
    pub(super) joined: Time,
    pub(super) deadline: Time,
    pub(super) class: u8,
    pub(super) wants: KeptWants,
}

/// All waiters of one queue.
#[derive(Debug, Default)]
pub(super) struct Waiters {
    slots: Slab<Waiter>,
    /// Who waits, by the tick of their deadline. Ticks are about a millisecond, so there are few of them, and joining and leaving
    /// one costs no more than its links.
    ticks: BTreeMap<u64, List>,
    arrivals: u64,
    waiting: u32,
}

impl Waiters {
    /// How many wait.
    pub(super) const fn waiting(&self) -> u32 {
        self.waiting
    }

    pub(super) fn get(&self, id: u32) -> &Waiter {
        &self.slots[id as usize]
    }

    /// A new waiter at the end of a line.
    pub(super) fn append(&mut self, line: &mut List, newcomer: Newcomer) -> u32 {
        let Newcomer { node, width, cost, joined, deadline, class, wants } = newcomer;
        self.arrivals += 1;
        let waiter = Waiter {
            node,
            width,
            cost,
            arrival: self.arrivals,
            joined,
            deadline,
            class,
            standing: Standing::Waiting,
            wants,
            picked: None,
            waker: None,
            in_line: Links::ALONE,
            in_tick: Links::ALONE,
        };
        let id = u32::try_from(self.slots.insert(waiter)).expect("queues are bounded by u32");
        self.push(line, id, Of::Line);
        let mut ticks = mem::take(&mut self.ticks);
        self.push(ticks.entry(tick_of(deadline)).or_insert(List::EMPTY), id, Of::Tick);
        self.ticks = ticks;
        self.waiting += 1;
        id
    }

    /// Takes a waiter off both lists and says what became of it; its waker, if it left one.
    pub(super) fn conclude(&mut self, line: &mut List, id: u32, standing: Standing) -> Option<Waker> {
        self.unlink(line, id, Of::Line);
        let tick = tick_of(self.get(id).deadline);
        let mut ticks = mem::take(&mut self.ticks);
        let list = ticks.get_mut(&tick).expect("who waits is on a tick");
        self.unlink(list, id, Of::Tick);
        if list.is_empty() {
            ticks.remove(&tick);
        }
        self.ticks = ticks;
        self.waiting -= 1;
        let waiter = &mut self.slots[id as usize];
        waiter.standing = standing;
        waiter.waker.take()
    }

    /// Forgets one who no longer waits.
    pub(super) fn remove(&mut self, id: u32) {
        self.slots.remove(id as usize);
    }

    /// Keeps the endpoint that was picked for one who has just got its seat.
    pub(super) fn keep(&mut self, id: u32, picked: Option<InFlight>) {
        self.slots[id as usize].picked = picked;
    }

    /// The endpoint that was picked for somebody.
    pub(super) fn take_picked(&mut self, id: u32) -> Option<InFlight> {
        self.slots[id as usize].picked.take()
    }

    /// Anybody who has left a waker.
    pub(super) fn any_with_waker(&self) -> Option<u32> {
        let mut slots = self.slots.iter();
        let (id, _) =
            slots.find(|(_, waiter)| waiter.standing == Standing::Waiting && waiter.waker.is_some())?;
        u32::try_from(id).ok()
    }

    /// Whether one of this number waits.
    pub(super) fn waits(&self, id: u32) -> bool {
        self.slots.get(id as usize).is_some_and(|waiter| waiter.standing == Standing::Waiting)
    }

    /// The waker that somebody has left: it must ask again.
    pub(super) fn take_waker(&mut self, id: u32) -> Option<Waker> {
        self.slots[id as usize].waker.take()
    }

    /// Leaves another waker; the one before comes back in its place.
    pub(super) fn swap_waker(&mut self, id: u32, waker: &mut Option<Waker>) {
        mem::swap(&mut self.slots[id as usize].waker, waker);
    }

    /// Somebody whose deadline's tick is over, if there is one.
    pub(super) fn overdue(&self, now: Time) -> Option<u32> {
        let (&tick, list) = self.ticks.first_key_value()?;
        (tick < tick_of(now)).then_some(list.first)
    }

    /// Somebody whose deadline has come, to the nanosecond. Looks through everyone whose deadline is in this millisecond.
    pub(super) fn due(&self, now: Time) -> Option<u32> {
        let list = self.ticks.get(&tick_of(now))?;
        let mut id = list.first;
        while id != NOBODY && self.get(id).deadline > now {
            id = self.get(id).in_tick.next;
        }
        (id != NOBODY).then_some(id)
    }

    /// Anybody.
    pub(super) fn any(&self) -> Option<u32> {
        self.ticks.first_key_value().map(|(_, list)| list.first)
    }

    fn push(&mut self, list: &mut List, id: u32, of: Of) {
        *self.links(id, of) = Links { previous: list.last, next: NOBODY };
        match list.last {
            NOBODY => list.first = id,
            last => self.links(last, of).next = id,
        }
        list.last = id;
    }

    fn unlink(&mut self, list: &mut List, id: u32, of: Of) {
        let Links { previous, next } = *self.links(id, of);
        match previous {
            NOBODY => list.first = next,
            previous => self.links(previous, of).next = next,
        }
        match next {
            NOBODY => list.last = previous,
            next => self.links(next, of).previous = previous,
        }
    }

    fn links(&mut self, id: u32, of: Of) -> &mut Links {
        let waiter = &mut self.slots[id as usize];
        match of {
            Of::Line => &mut waiter.in_line,
            Of::Tick => &mut waiter.in_tick,
        }
    }

    #[cfg(all(test, not(loom)))]
    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty() && self.ticks.is_empty()
    }
}

impl List {
    pub(super) const EMPTY: Self = Self { first: NOBODY, last: NOBODY };

    pub(super) const fn is_empty(&self) -> bool {
        self.first == NOBODY
    }
}

impl Links {
    const ALONE: Self = Self { previous: NOBODY, next: NOBODY };
}

const fn tick_of(moment: Time) -> u64 {
    moment.as_nanos() >> 20
}

const NOBODY: u32 = u32::MAX;
