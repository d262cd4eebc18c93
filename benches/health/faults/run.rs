//! One schedule of faults: from event to event through virtual time, and then all is well.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    pin::Pin,
    task::{Context, Poll, Waker},
};

use tenantry::{
    Acquire, Balancer, CheckFailure, Event, HealthCheck, HealthChecks, Lease, ManualClock, Outcome,
    PoolStats, Rejection, Request, Time,
};

use super::{
    dice::Dice,
    oracle::{Broken, Oracle},
    server::Server,
    settings::{Settings, name},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Arrive,
    Back(usize),
    Change,
    Look,
}

struct Job {
    lease: Lease,
    outcome: Outcome,
    trial: bool,
}

/// What there was in a run.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) requests: u64,
    pub(super) refused: u64,
    pub(super) checks: u64,
    pub(super) ejections: u64,
    pub(super) changes: u64,
}

impl Seen {
    pub(super) const fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.refused += other.refused;
        self.checks += other.checks;
        self.ejections += other.ejections;
        self.changes += other.changes;
    }
}

pub(super) struct Run {
    pub(super) dice: Dice,
    seed: u64,
    pub(super) settings: Settings,
    pub(super) balancer: Balancer,
    clock: ManualClock,
    checks: HealthChecks,
    /// Checks under way, and when they are answered.
    asked: Vec<(u64, HealthCheck)>,
    pub(super) servers: BTreeMap<usize, Server>,
    pub(super) oracle: Oracle,
    pub(super) now: u64,
    pub(super) steps: BinaryHeap<Reverse<(u64, usize, Step)>>,
    foreseen: usize,
    jobs: BTreeMap<usize, Job>,
    pub(super) waiting: Vec<Pin<Box<Acquire>>>,
    pub(super) seen: Seen,
    /// Whether every step is told.
    pub(super) tells: bool,
}

impl Run {
    pub(super) fn new(seed: u64, tells: bool) -> Self {
        let mut dice = Dice::new(seed);
        let settings = Settings::draw(&mut dice);
        let clock = ManualClock::new();
        let balancer = Balancer::with_clock(settings.config(seed), clock.clone()).expect("a configuration");
        let mut oracle = Oracle::default();
        oracle.configured(&settings);
        Self {
            checks: balancer.health_checks(),
            dice,
            seed,
            settings,
            balancer,
            clock,
            asked: vec![],
            servers: BTreeMap::new(),
            oracle,
            now: 0,
            steps: BinaryHeap::new(),
            foreseen: 0,
            jobs: BTreeMap::new(),
            waiting: vec![],
            seen: Seen::default(),
            tells,
        }
    }

    /// Faults, then peace.
    pub(super) fn run(mut self) -> Result<Seen, Broken> {
        self.foresee(0, Step::Arrive);
        self.foresee(0, Step::Change);
        self.foresee(0, Step::Look);
        while let Some(Reverse((at, _, step))) = self.steps.pop() {
            self.come_to(at);
            match step {
                Step::Arrive => self.arrive()?,
                Step::Back(job) => self.back(job),
                Step::Change => self.change(),
                Step::Look => self.look()?,
            }
            self.settle()?;
        }
        self.make_peace()?;
        Ok(self.seen)
    }

    pub(super) fn pool(&self) -> PoolStats {
        self.balancer.pool_stats("api").expect("the pool")
    }

    pub(super) fn come_to(&mut self, at: u64) {
        self.clock.advance(Time::from_nanos(at).since(Time::from_nanos(self.now)));
        self.now = at;
    }

    fn arrive(&mut self) -> Result<(), Broken> {
        if self.now < FAULTS_END {
            // Now and then nobody asks for a while.
            let mean = if self.dice.one_in(200) { 8_000.0 } else { 15.0 };
            let wait = self.dice.wait(mean);
            self.foresee(wait, Step::Arrive);
        }
        self.ask()
    }

    /// One request, which waits where it must, perhaps.
    pub(super) fn ask(&mut self) -> Result<(), Broken> {
        self.seen.requests += 1;
        let key = self.dice.below(1_000).to_le_bytes();
        let request = Request::new("t").key(&key);
        // In a panic anybody may be asked.
        let before = (self.settings.panic_percent == 0).then(|| self.pool());
        match self.balancer.try_acquire_owned(&request) {
            Ok(lease) => {
                let to = name(lease.endpoint().address());
                let trial = self.oracle.sends(to, &self.settings, before.as_ref(), self.now)?;
                self.go(lease, trial);
            }
            Err(_) if self.dice.one_in(2) => {
                self.waiting.push(Box::pin(self.balancer.acquire_owned(request)));
            }
            Err(_) => self.seen.refused += 1,
        }
        Ok(())
    }

    fn go(&mut self, lease: Lease, trial: bool) {
        let to = name(lease.endpoint().address());
        let server = self.servers.get(&to).copied().unwrap_or_default();
        let (takes, outcome) = server.answer(&mut self.dice);
        self.tell(|| {
            format!(
                "e{to}, {server:?}: {:?} after {takes:?}{}",
                outcome.kind(),
                if trial { ", on trial" } else { "" }
            )
        });
        let job = self.foreseen;
        self.jobs.insert(job, Job { lease, outcome, trial });
        self.foresee(u64::try_from(takes.as_nanos()).unwrap_or(u64::MAX), Step::Back(job));
    }

    pub(super) fn back(&mut self, job: usize) {
        let Some(Job { lease, outcome, trial }) = self.jobs.remove(&job) else { return };
        let from = name(lease.endpoint().address());
        let there = self.settings.place(from).is_some();
        lease.finish(outcome);
        if trial {
            self.oracle.ends_trial(from);
        }
        if there {
            self.oracle.ends(from, &outcome, &self.settings, self.now);
        }
    }

    /// Whoever waited may have its seat now; and what has happened is looked at.
    pub(super) fn settle(&mut self) -> Result<(), Broken> {
        self.hear()?;
        self.run_checks()?;
        if !self.waiting.is_empty() {
            let mut context = Context::from_waker(Waker::noop());
            let mut ready: Vec<Result<Lease, Rejection>> = vec![];
            self.waiting.retain_mut(|one| match one.as_mut().poll(&mut context) {
                Poll::Ready(result) => {
                    ready.push(result);
                    false
                }
                Poll::Pending => true,
            });
            // Some give up.
            if !self.waiting.is_empty() && self.dice.one_in(20) {
                let place = self.dice.place(self.waiting.len());
                drop(self.waiting.swap_remove(place));
            }
            for result in ready {
                match result {
                    Ok(lease) => self.go(lease, false),
                    Err(_) => self.seen.refused += 1,
                }
            }
        }
        self.hear()
    }

    /// What has happened is looked at, while it is as it was when it happened.
    fn hear(&mut self) -> Result<(), Broken> {
        let events = self.balancer.take_events();
        if events.is_empty() {
            return Ok(());
        }
        self.seen.ejections +=
            events.iter().filter(|event| matches!(event, Event::EndpointEjected { .. })).count() as u64;
        self.tell(|| format!("{events:?}"));
        let pool = self.pool();
        Oracle::happened(&self.settings, &events, &pool)
    }

    fn run_checks(&mut self) -> Result<(), Broken> {
        let mut left = vec![];
        for (at, check) in std::mem::take(&mut self.asked) {
            if at > self.now {
                left.push((at, check));
            } else if self.servers.get(&name(check.address())).copied().unwrap_or_default().passes() {
                self.checks.handle_passed(check);
            } else {
                self.checks.handle_failed(check, CheckFailure::Connect, "nobody there");
            }
            self.hear()?;
        }
        self.asked = left;
        while let Some(check) = self.checks.next_check() {
            self.seen.checks += 1;
            self.oracle.checks(name(check.address()), self.now)?;
            // Some answers never come, some come late.
            if !self.dice.one_in(20) {
                self.asked.push((self.now + self.dice.below(200_000_000), check));
            }
        }
        Ok(())
    }

    fn look(&mut self) -> Result<(), Broken> {
        if self.now < FAULTS_END {
            self.foresee(LOOK, Step::Look);
        }
        let pool = self.pool();
        self.oracle.looks(&self.settings, &pool, self.now)
    }

    fn change(&mut self) {
        self.seen.changes += 1;
        let wait = self.dice.wait(400.0);
        if self.now + wait < FAULTS_END {
            self.foresee(wait, Step::Change);
        }
        self.change_something();
    }

    pub(super) fn reconfigure(&mut self) {
        self.balancer.reconfigure(self.settings.config(self.seed)).expect("a configuration");
        self.oracle.configured(&self.settings);
    }

    fn foresee(&mut self, wait: u64, step: Step) {
        self.foreseen += 1;
        self.steps.push(Reverse((self.now + wait, self.foreseen, step)));
    }

    pub(super) fn tell(&self, what: impl Fn() -> String) {
        if self.tells {
            super::tell(self.now, &what());
        }
    }
}

/// How long things go wrong: 40 s.
pub(super) const FAULTS_END: u64 = 40_000_000_000;
/// How often all is looked at: every 100 ms.
const LOOK: u64 = 100_000_000;
