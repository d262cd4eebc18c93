//! One run: a case under one seed, from request to request through virtual time.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    time::Duration,
};

use crate::{
    cases::{Course, Draws, nanos},
    choosing::{Chooser, End, Sent},
    rng::Rng,
    watch::{Stretch, Watch},
};

/// What a run showed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Showing {
    /// The share of the bad ones that starved while they were bad.
    pub(crate) found: f64,
    /// The share of them that their rules left out then.
    pub(crate) left_out: f64,
    /// Seconds until each of them did, on average; of one that never did, how long it was bad.
    pub(crate) detection: f64,
    /// How often somebody was left out who was no worse than the others.
    pub(crate) wrong: f64,
    /// Requests that failed, or were turned away.
    pub(crate) lost: f64,
    /// Successes that took over 100 ms.
    pub(crate) late: f64,
    /// Seconds from the fault's end, or a joiner's coming, until everybody had its share again.
    pub(crate) recovery: f64,
    pub(crate) requests: f64,
    /// The share of the time before the fault in which an endpoint starved.
    pub(crate) hunger: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrive,
    Back(usize),
    Look,
    Join,
}

struct Job {
    sent: Sent,
    end: End,
}

pub(crate) struct Engine {
    course: Course,
    chooser: Box<dyn Chooser>,
    watch: Watch,
    traffic: Rng,
    now: u64,
    foreseen: usize,
    events: BinaryHeap<Reverse<(u64, usize, Event)>>,
    jobs: BTreeMap<usize, Job>,
    showing: Showing,
}

impl Engine {
    /// The chooser begins with all endpoints but one that joins.
    pub(crate) fn new(course: Course, chooser: Box<dyn Chooser>, seed: u64) -> Self {
        let case = course.case;
        Self {
            watch: Watch::new(case.even_rate(), case.endpoints),
            // The same requests whoever balances.
            traffic: Rng::new(seed, TRAFFIC),
            now: 0,
            foreseen: 0,
            events: BinaryHeap::new(),
            jobs: BTreeMap::new(),
            showing: Showing::default(),
            course,
            chooser,
        }
    }

    pub(crate) fn run(mut self) -> Showing {
        self.foresee_arrival();
        self.push(0, Event::Look);
        if self.course.case.joins() {
            self.push(self.course.from, Event::Join);
        }
        while let Some(Reverse((at, _, event))) = self.events.pop() {
            self.now = at;
            match event {
                Event::Arrive => self.arrive(),
                Event::Back(job) => self.back(job),
                Event::Look => self.look(),
                Event::Join => self.chooser.join(at),
            }
        }
        assert!(self.jobs.is_empty(), "every request came back");
        self.watch.end(self.now);
        judge(&self.course, &self.watch, self.showing)
    }

    fn arrive(&mut self) {
        let draws = Draws { work: self.traffic.exponential(), luck: self.traffic.uniform() };
        self.foresee_arrival();
        self.showing.requests += 1.0;
        let Some(sent) = self.chooser.send(self.now) else {
            self.showing.lost += 1.0;
            return;
        };
        let endpoint = sent.endpoint;
        self.watch.sent_to(endpoint, self.now);
        let answer = self.course.answer(endpoint, draws, self.now);
        let job = self.foreseen;
        self.jobs.insert(job, Job { sent, end: End { succeeded: answer.succeeds, latency: answer.takes } });
        let took = u64::try_from(answer.takes.as_nanos()).unwrap_or(u64::MAX);
        self.push(self.now + took, Event::Back(job));
    }

    fn back(&mut self, job: usize) {
        let Some(Job { sent, end }) = self.jobs.remove(&job) else { return };
        self.showing.lost += f64::from(u8::from(!end.succeeded));
        self.showing.late += f64::from(u8::from(end.succeeded && end.latency > LATE));
        self.chooser.receive(sent, end, self.now);
    }

    fn look(&mut self) {
        let left_out = self.chooser.left_out(self.now);
        self.watch.look(&left_out, self.now);
        if self.now + LOOK < self.course.end() {
            self.push(self.now + LOOK, Event::Look);
        }
    }

    fn foresee_arrival(&mut self) {
        let at = self.now + nanos(self.traffic.exponential() / self.course.case.total_rate());
        if at < self.course.end() {
            self.push(at, Event::Arrive);
        }
    }

    fn push(&mut self, at: u64, event: Event) {
        self.foreseen += 1;
        self.events.push(Reverse((at, self.foreseen, event)));
    }
}

/// Right or wrong, and how soon.
#[expect(clippy::cast_precision_loss, reason = "minutes and counts are below 2⁵³")]
fn judge(course: &Course, watch: &Watch, mut showing: Showing) -> Showing {
    let (case, (from, until)) = (course.case, (course.from, course.until));
    let seconds = |nanos: u64| nanos as f64 / 1e9;
    let outliers = || (0..case.endpoints).filter(|&endpoint| case.has_outliers() && case.is_bad(endpoint));
    let left_out = watch.left_out();
    if case.has_outliers() {
        let first = |endpoint| watch.starved(endpoint, from, until).first().map(|first| first.from - from);
        let firsts: Vec<_> = outliers().map(first).collect();
        showing.found = firsts.iter().flatten().count() as f64 / case.bad as f64;
        let then = |bad: &usize| {
            left_out.iter().any(|out| out.endpoint == *bad && out.until > from && out.from < until)
        };
        showing.left_out = outliers().filter(then).count() as f64 / case.bad as f64;
        let waits = firsts.iter().map(|first| seconds(first.unwrap_or(until - from)));
        showing.detection = waits.sum::<f64>() / case.bad as f64;
    }
    let is_right =
        |out: &Stretch| outliers().any(|bad| bad == out.endpoint) && (from..until).contains(&out.from);
    showing.wrong = left_out.iter().filter(|out| !is_right(out)).count() as f64;
    let healed = if case.joins() { from } else { until };
    let settled = (0..case.endpoints).map(|endpoint| watch.settled(endpoint, healed, course.end()));
    showing.recovery = seconds(settled.max().unwrap_or(healed) - healed);
    let there = case.endpoints - usize::from(case.joins());
    let starved = (0..there).flat_map(|endpoint| watch.starved(endpoint, 0, from));
    let hunger: u64 = starved.map(|stretch| stretch.until - stretch.from).sum();
    showing.hunger = seconds(hunger) / (seconds(from) * there as f64);
    showing
}

const TRAFFIC: u64 = 3;
/// How often it is looked who is left out: every 10 ms.
const LOOK: u64 = 10_000_000;
const LATE: Duration = Duration::from_millis(100);
