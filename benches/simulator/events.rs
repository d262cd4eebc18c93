//! What will happen, in order.

use std::{cmp::Ordering, collections::BinaryHeap};

use tenantry::OutcomeKind;

/// Something that happens at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A request of this load comes.
    Arrive { load: usize },
    /// A waiting request's deadline comes: the core turns it away when the clock gets there.
    Deadline,
    /// A client goes away.
    GiveUp { request: usize },
    /// The caller calls its endpoint failed.
    CallTimeout { request: usize },
    /// A request reaches its server.
    AtServer { request: usize },
    /// A worker is done, unless the speed has changed.
    Worked { server: usize, request: usize, turn: u64 },
    /// A body has gone out.
    BodyEnd { server: usize, request: usize },
    /// The first byte of an answer reaches the caller.
    FirstByte { request: usize },
    /// The end of an answer reaches the caller.
    Answer { request: usize, kind: OutcomeKind },
    /// The n-th change of a server's speed.
    Speed { server: usize, change: usize },
    /// The antagonist comes or goes.
    Antagonist { server: usize, comes: bool },
    /// A server goes down.
    Down { server: usize },
    /// The n-th change of the configuration.
    Update { update: usize },
    /// A point of the time series.
    Sample,
}

/// Events by time; those of one moment in the order in which they were foreseen.
#[derive(Debug, Default)]
pub(crate) struct Events {
    heap: BinaryHeap<Foreseen>,
    count: u64,
}

#[derive(Debug)]
struct Foreseen {
    at: u64,
    number: u64,
    event: Event,
}

impl Events {
    pub(crate) fn push(&mut self, at: u64, event: Event) {
        self.heap.push(Foreseen { at, number: self.count, event });
        self.count += 1;
    }

    pub(crate) fn pop(&mut self) -> Option<(u64, Event)> {
        self.heap.pop().map(|foreseen| (foreseen.at, foreseen.event))
    }
}

impl Ord for Foreseen {
    /// The soonest is the greatest: the heap gives the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl PartialOrd for Foreseen {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Foreseen {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Foreseen {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_then_as_they_were_foreseen() {
        let mut events = Events::default();
        events.push(5, Event::Sample);
        events.push(3, Event::Deadline);
        events.push(5, Event::Update { update: 1 });
        events.push(3, Event::Down { server: 0 });
        let order: Vec<_> = std::iter::from_fn(|| events.pop()).collect();
        let expected = [
            (3, Event::Deadline),
            (3, Event::Down { server: 0 }),
            (5, Event::Sample),
            (5, Event::Update { update: 1 }),
        ];
        assert_eq!(order, expected);
    }
}
