//! A server: workers, a queue of its own, a speed that changes, and faults.
//!
//! It knows nothing of the event queue: each call says what begins and ends, and when.

use std::collections::VecDeque;

use super::{
    rng::Rng,
    scenario::{FaultKind, ServerSpec},
    span::Span,
};

/// One server.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) spec: ServerSpec,
    rng: Rng,
    running: Vec<Work>,
    /// Those that wait for a worker: request and cost.
    queue: VecDeque<(usize, u64)>,
    speed: f64,
    /// What the antagonist leaves of it.
    left_over: f64,
    /// Workers that bodies keep busy.
    streaming: usize,
    /// Counts changes of speed: what was due before one is due at another time after it.
    turn: u64,
}

/// A request that a worker is at.
#[derive(Debug)]
struct Work {
    request: usize,
    /// In nanoseconds at speed 1.
    left: f64,
    since: u64,
}

/// When a worker will be done with a request, if the speed stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) request: usize,
    pub(crate) at: u64,
    pub(crate) turn: u64,
}

/// What becomes of a request that reaches a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reception {
    Started(Due),
    Queued,
    /// Its queue is full: it says so.
    Overloaded,
    /// Answers that it failed, after this long.
    Fails(Span),
    /// Nothing will ever come back.
    Swallowed,
}

impl Server {
    pub(crate) fn new(spec: ServerSpec, rng: Rng) -> Self {
        Self {
            spec,
            rng,
            running: vec![],
            queue: VecDeque::new(),
            speed: 1.0,
            left_over: 1.0,
            streaming: 0,
            turn: 0,
        }
    }

    /// A request comes in.
    pub(crate) fn receive(&mut self, request: usize, cost: u64, now: u64) -> Reception {
        if let Some(reception) = self.fault(now) {
            return reception;
        }
        if self.running.len() + self.streaming < self.spec.workers {
            return Reception::Started(self.start(request, cost, now));
        }
        if self.spec.queue.is_some_and(|bound| self.queue.len() >= bound) {
            return Reception::Overloaded;
        }
        self.queue.push_back((request, cost));
        Reception::Queued
    }

    fn fault(&mut self, now: u64) -> Option<Reception> {
        let on = self.spec.faults.iter().filter(|fault| fault.is_on(now));
        for fault in on {
            if fault.share < 1.0 && self.rng.uniform() >= fault.share {
                continue;
            }
            return Some(match fault.kind {
                FaultKind::FailFast => Reception::Fails(fault.after),
                FaultKind::Down => Reception::Fails(Span(0)),
                FaultKind::BlackHole => Reception::Swallowed,
            });
        }
        None
    }

    #[expect(clippy::cast_precision_loss, reason = "costs are far below 2⁵³")]
    fn start(&mut self, request: usize, cost: u64, now: u64) -> Due {
        let by_cost = if self.spec.service_by_cost { cost as f64 } else { 1.0 };
        let left = self.spec.service.draw(&mut self.rng) * by_cost;
        let work = Work { request, left, since: now };
        let due = self.due(&work);
        self.running.push(work);
        due
    }

    /// A worker is done with a request: `false` when the speed has changed since that was foreseen.
    pub(crate) fn finish(&mut self, request: usize, turn: u64) -> bool {
        let Some(at) = self.running.iter().position(|work| work.request == request) else { return false };
        if turn != self.turn {
            return false;
        }
        self.running.swap_remove(at);
        true
    }

    /// How long the body of an answer takes, if answers have one; the worker may stay busy meanwhile.
    pub(crate) fn begin_body(&mut self) -> Option<u64> {
        let body = Span::from_nanos(self.spec.body.as_ref()?.draw(&mut self.rng)).0;
        self.streaming += usize::from(self.spec.body_holds_worker);
        Some(body)
    }

    pub(crate) fn end_body(&mut self) {
        self.streaming -= usize::from(self.spec.body_holds_worker);
    }

    /// A free worker takes the next request, if there are both.
    pub(crate) fn next(&mut self, now: u64) -> Option<Due> {
        if self.running.len() + self.streaming >= self.spec.workers {
            return None;
        }
        let (request, cost) = self.queue.pop_front()?;
        Some(self.start(request, cost, now))
    }

    /// The speed changes: what runs is due at other times.
    pub(crate) fn set_speed(&mut self, speed: f64, now: u64) -> Vec<Due> {
        self.change(now, |server| server.speed = speed)
    }

    /// The antagonist comes or goes.
    pub(crate) fn set_left_over(&mut self, share: f64, now: u64) -> Vec<Due> {
        self.change(now, |server| server.left_over = share)
    }

    #[expect(clippy::cast_precision_loss, reason = "durations of service are below 2⁵³ ns")]
    fn change(&mut self, now: u64, change: impl FnOnce(&mut Self)) -> Vec<Due> {
        let before = self.speed * self.left_over;
        for work in &mut self.running {
            work.left = (work.left - (now - work.since) as f64 * before).max(0.0);
            work.since = now;
        }
        change(self);
        self.turn += 1;
        self.running.iter().map(|work| self.due(work)).collect()
    }

    fn due(&self, work: &Work) -> Due {
        let takes = Span::from_nanos(work.left / (self.speed * self.left_over)).0;
        Due { request: work.request, at: work.since.saturating_add(takes), turn: self.turn }
    }

    /// It goes down: all that it was at, and all that waited, fails.
    pub(crate) fn lose_all(&mut self) -> Vec<usize> {
        self.turn += 1;
        let running = self.running.drain(..).map(|work| work.request);
        running.chain(self.queue.drain(..).map(|(request, _)| request)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::Distribution;

    fn server(workers: usize, queue: Option<usize>) -> Server {
        let spec = ServerSpec {
            endpoints: None,
            workers,
            service: Distribution::Fixed(Span(100)),
            service_by_cost: true,
            queue,
            body: None,
            body_holds_worker: false,
            speed: vec![],
            antagonist: None,
            faults: vec![],
        };
        Server::new(spec, Rng::new(1, 1))
    }

    #[test]
    fn a_server_works_at_as_many_as_it_has_workers_and_queues_the_rest() {
        let mut server = server(1, Some(1));
        let due = Due { request: 0, at: 100, turn: 0 };
        assert_eq!(server.receive(0, 1, 0), Reception::Started(due));
        assert_eq!(server.receive(1, 3, 10), Reception::Queued);
        assert_eq!(server.receive(2, 1, 20), Reception::Overloaded);
        assert!(server.finish(0, 0));
        assert_eq!(server.next(100), Some(Due { request: 1, at: 400, turn: 0 }));
    }

    #[test]
    fn half_the_speed_takes_twice_as_long_from_then_on() {
        let mut server = server(2, None);
        assert!(matches!(server.receive(0, 1, 0), Reception::Started(Due { at: 100, .. })));
        assert_eq!(server.set_speed(0.5, 60), [Due { request: 0, at: 140, turn: 1 }]);
        assert!(!server.finish(0, 0), "what was foreseen before no longer holds");
        assert_eq!(server.set_left_over(0.5, 100), [Due { request: 0, at: 180, turn: 2 }]);
        assert!(server.finish(0, 2));
    }
}
