//! A small deterministic model of backends, for the tests: endpoints with workers and a queue each, and a loop that always has
//! `demand` requests to send.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
    time::Duration,
};

use super::{Capacity, Sample};
use crate::{outcome::OutcomeKind, rng, time::Time};

/// How long a request is worked on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Service {
    Constant,
    Exponential,
}

#[derive(Debug)]
struct Backend {
    busy: u32,
    waiting: VecDeque<u64>,
    in_flight: u32,
    /// How many times slower than the others.
    slowness: f64,
}

/// Backends, and what was measured of them.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) service: Duration,
    pub(super) kind: Service,
    pub(super) workers: u32,
    pub(super) demand: u32,
    backends: Vec<Backend>,
    now: u64,
    /// When, where, since when.
    done: BinaryHeap<Reverse<(u64, usize, u64)>>,
    draws: u64,
    pub(super) latencies: Vec<Duration>,
    pub(super) limits: Vec<u32>,
}

impl Model {
    pub(super) fn new(backends: usize, workers: u32, kind: Service) -> Self {
        let backend = || Backend { busy: 0, waiting: VecDeque::new(), in_flight: 0, slowness: 1.0 };
        Self {
            service: Duration::from_millis(20),
            kind,
            workers,
            demand: u32::MAX,
            backends: (0..backends).map(|_| backend()).collect(),
            now: 0,
            done: BinaryHeap::new(),
            draws: 0,
            latencies: vec![],
            limits: vec![],
        }
    }

    pub(super) fn slow(&mut self, backend: usize, slowness: f64) {
        self.backends[backend].slowness = slowness;
    }

    /// Lets `seconds` go by; what was measured before is forgotten.
    pub(super) fn run(&mut self, capacity: &Capacity, seconds: f64) {
        self.latencies.clear();
        self.limits.clear();
        let until = self.now + u64::try_from(Duration::from_secs_f64(seconds).as_nanos()).expect("short");
        loop {
            while self.in_flight() < capacity.seats().min(self.demand) {
                self.send();
            }
            match self.done.pop() {
                Some(Reverse((at, backend, since))) if at <= until => {
                    self.answer(at, backend, since, capacity);
                }
                unfinished => {
                    self.done.extend(unfinished);
                    self.now = until;
                    return;
                }
            }
        }
    }

    /// Answers per second in the last run, which took `seconds`.
    pub(super) fn goodput(&self, seconds: f64) -> f64 {
        f64::from(u32::try_from(self.latencies.len()).expect("few")) / seconds
    }

    pub(super) fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        sorted[(sorted.len() - 1) * percent / 100]
    }

    /// The limit that is in force for half of the answers.
    pub(super) fn usual_limit(&self) -> u32 {
        let mut sorted = self.limits.clone();
        sorted.sort_unstable();
        sorted[sorted.len() / 2]
    }

    pub(super) fn in_flight(&self) -> u32 {
        self.backends.iter().map(|backend| backend.in_flight).sum()
    }

    fn draw(&mut self) -> usize {
        self.draws += 1;
        (rng::draw(7, self.draws) >> 32) as u32 as usize
    }

    /// To the least busy of the next eight, as P2C sends requests that have waited for their seats.
    fn send(&mut self) {
        let count = self.backends.len();
        let first = self.draw() % count;
        let around = (0..count.min(8)).map(|step| (first + step) % count);
        let chosen = around.min_by_key(|&index| self.backends[index].in_flight).expect("there are some");
        self.backends[chosen].in_flight += 1;
        self.backends[chosen].waiting.push_back(self.now);
        self.work(chosen);
    }

    fn work(&mut self, index: usize) {
        if self.backends[index].busy >= self.workers {
            return;
        }
        let Some(since) = self.backends[index].waiting.pop_front() else { return };
        self.backends[index].busy += 1;
        let unit = f64::from(u32::try_from(self.draw()).expect("32 bits")) / f64::from(u32::MAX);
        let factor = match self.kind {
            Service::Constant => 1.0,
            Service::Exponential => -(1.0 - unit).max(1e-9).ln(),
        };
        let service = self.service.mul_f64(factor * self.backends[index].slowness);
        let done = self.now + u64::try_from(service.as_nanos()).expect("short");
        self.done.push(Reverse((done, index, since)));
    }

    fn answer(&mut self, at: u64, index: usize, since: u64, capacity: &Capacity) {
        self.now = at;
        let taken = self.in_flight();
        self.backends[index].in_flight -= 1;
        self.backends[index].busy -= 1;
        self.work(index);
        let latency = Duration::from_nanos(at - since);
        let sample = Sample { latency, taken, now: Time::from_nanos(at) };
        capacity.learn(OutcomeKind::Success, &sample);
        self.latencies.push(latency);
        self.limits.push(capacity.seats());
    }
}
