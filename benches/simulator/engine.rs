//! One run: the real balancer on a clock of ours, driven from event to event.

use std::{
    mem,
    sync::{Arc, Mutex},
    time::Duration,
};

use tenantry::{Balancer, ManualClock};

use super::{
    checks::{Book, Breach, Fairness, Limits, Rates, Reading, Violation},
    client::Call,
    distribution::Distribution,
    edition::Edition,
    events::{Event, Events},
    plan::Plan,
    record::Record,
    rng::Rng,
    server::Server,
    span::Span,
};

/// One run of one plan with one seed.
pub(crate) struct Engine<'a> {
    pub(super) plan: &'a Plan,
    seed: u64,
    clock: ManualClock,
    pub(super) balancer: Balancer,
    pub(super) events: Events,
    pub(super) now: u64,
    pub(super) steps: u64,
    /// Every request, by number.
    pub(super) calls: Vec<Call>,
    pub(super) servers: Vec<Server>,
    /// One stream of random numbers for each load, and one for the network.
    pub(super) load_rngs: Vec<Rng>,
    network_rng: Rng,
    /// Requests whose wakers were called.
    pub(super) rung: Arc<Mutex<Vec<usize>>>,
    pub(super) record: Record,
    pub(super) books: Books,
    /// Whether this step may have changed anything in the core.
    pub(super) touched: bool,
    breaches: Vec<Breach>,
    breach_count: u64,
}

/// What the checks go by.
pub(super) struct Books {
    pub(super) book: Book,
    /// By pool.
    pub(super) fairness: Vec<Fairness>,
    pub(super) rates: Rates,
    pub(super) limits: Limits,
    most_tenants: usize,
    /// What the event under way was found to break.
    pub(super) found: Vec<Violation>,
}

/// All that is known of a run when it is over.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) record: Record,
    pub(crate) requests: u64,
    pub(crate) steps: u64,
    /// The first ones.
    pub(crate) breaches: Vec<Breach>,
    pub(crate) breach_count: u64,
    /// The greatest share of the fair-share bound that any pair of tenants reached.
    pub(crate) worst_drift: f64,
}

impl<'a> Engine<'a> {
    pub(crate) fn new(plan: &'a Plan, seed: u64) -> Self {
        let clock = ManualClock::new();
        let edition = &plan.editions[0];
        let balancer = Balancer::with_clock(edition.config.clone().with_seed(seed), clock.clone())
            .expect("the plan has checked the configuration");
        let server =
            |(at, spec): (u64, _)| Server::new(Clone::clone(spec), Rng::new(seed, SERVER_STREAMS + at));
        Self {
            seed,
            clock,
            balancer,
            events: Events::default(),
            now: 0,
            steps: 0,
            calls: vec![],
            servers: (0..).zip(&plan.servers).map(server).collect(),
            load_rngs: plan.loads.iter().map(|load| Rng::new(seed, stream_of(&load.name))).collect(),
            network_rng: Rng::new(seed, NETWORK_STREAM),
            rung: Arc::default(),
            record: Record::new(&plan.scenario, plan.tenants.len()),
            books: Books::new(plan, edition),
            touched: false,
            breaches: vec![],
            breach_count: 0,
            plan,
        }
    }

    /// Runs to the end: no more arrivals, and all that was under way is over.
    pub(crate) fn run(mut self) -> Run {
        self.foresee();
        while let Some((at, event)) = self.events.pop() {
            self.step(at, event);
        }
        let reading = self.reading_of_all();
        let found = self.books.book.check_rest(&reading);
        self.note(found, "the end");
        Run {
            seed: self.seed,
            record: self.record,
            requests: u64::try_from(self.calls.len()).unwrap_or(u64::MAX),
            steps: self.steps,
            breaches: self.breaches,
            breach_count: self.breach_count,
            worst_drift: self.books.fairness.iter().map(|pool| pool.worst).fold(0.0, f64::max),
        }
    }

    /// What is known from the start.
    fn foresee(&mut self) {
        let plan = self.plan;
        for (load, planned) in plan.loads.iter().enumerate() {
            self.begin_load(load, planned);
        }
        for (update, planned) in plan.scenario.update.iter().enumerate() {
            self.events.push(planned.at.0, Event::Update { update });
        }
        for (server, spec) in plan.servers.iter().enumerate() {
            for (change, phase) in spec.speed.iter().enumerate() {
                self.events.push(phase.at.0, Event::Speed { server, change });
            }
            if let Some(antagonist) = &spec.antagonist {
                self.events.push(antagonist.every.0, Event::Antagonist { server, comes: true });
            }
            for fault in spec.faults.iter().filter(|fault| fault.kind == crate::scenario::FaultKind::Down) {
                self.events.push(fault.from.0, Event::Down { server });
            }
        }
        self.events.push(plan.scenario.sample.0, Event::Sample);
    }

    fn step(&mut self, at: u64, event: Event) {
        self.steps += 1;
        if at > self.now {
            self.clock.advance(Duration::from_nanos(at - self.now));
            self.now = at;
        }
        self.happen(event);
        self.answer_the_rung();
        let mut found = mem::take(&mut self.books.found);
        if mem::take(&mut self.touched) {
            let reading = self.reading();
            found.extend(self.books.book.check(&reading));
            found.extend(self.books.limits.check(&reading.pools));
            found.extend(self.books.too_many_tenants(&reading));
        }
        if !found.is_empty() {
            self.note(found, &format!("{event:?}"));
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive { load } => self.arrive(load),
            Event::Deadline => self.touched = true,
            Event::GiveUp { request } => self.give_up(request),
            Event::CallTimeout { request } => self.call_timeout(request),
            Event::FirstByte { request } => self.first_byte(request),
            Event::Answer { request, kind } => self.answer(request, kind),
            Event::AtServer { request } => self.at_server(request),
            Event::Worked { server, request, turn } => self.worked(server, request, turn),
            Event::BodyEnd { server, request } => self.body_end(server, request),
            Event::Speed { server, change } => self.change_speed(server, change),
            Event::Antagonist { server, comes } => self.antagonist(server, comes),
            Event::Down { server } => self.go_down(server),
            Event::Update { update } => self.update(update),
            Event::Sample => self.sample(),
        }
    }

    fn update(&mut self, update: usize) {
        let edition = &self.plan.editions[update + 1];
        self.balancer
            .reconfigure(edition.config.clone().with_seed(self.seed))
            .expect("the plan has checked the configuration");
        self.books.set_edition(edition);
        self.touched = true;
    }

    fn sample(&mut self) {
        let pools = self.pools();
        self.record.sampled(pools);
        let next = self.now + self.plan.scenario.sample.0;
        if next <= self.plan.scenario.end() {
            self.events.push(next, Event::Sample);
        }
    }

    fn note(&mut self, found: Vec<Violation>, event: &str) {
        for violation in found {
            self.breach_count += 1;
            if self.breaches.len() < MOST_BREACHES {
                let (seed, at, step, event) = (self.seed, self.now, self.steps, event.to_owned());
                self.breaches.push(Breach { seed, at, step, event, violation });
            }
        }
    }

    /// When what is sent now arrives.
    pub(super) fn across(&mut self) -> u64 {
        let delay = self.plan.scenario.network.delay.as_ref();
        let draw = |delay: &Distribution| Span::from_nanos(delay.draw(&mut self.network_rng)).0;
        self.now + delay.map_or(0, draw)
    }
}

impl Books {
    fn new(plan: &Plan, edition: &Edition) -> Self {
        Self {
            book: Book::new(edition.pools.clone(), plan.tenants.len()),
            fairness: plan.pools.iter().map(|_| Fairness::new(edition.tree.clone())).collect(),
            rates: Rates::new(&edition.tree),
            limits: Limits::new(edition.tree.clone(), edition.tenants.clone(), edition.pools.clone()),
            most_tenants: edition.most_tenants,
            found: vec![],
        }
    }

    fn set_edition(&mut self, edition: &Edition) {
        self.book.set_terms(edition.pools.clone());
        self.fairness.iter_mut().for_each(|pool| pool.set_terms(edition.tree.clone()));
        self.limits.set_terms(edition.tree.clone(), edition.tenants.clone(), edition.pools.clone());
        self.rates = Rates::new(&edition.tree).inexact();
        // Those that were made before stay until they are idle.
        self.most_tenants = self.most_tenants.max(edition.most_tenants);
    }

    fn too_many_tenants(&self, reading: &Reading) -> Option<Violation> {
        let known = reading.known_tenants.filter(|&known| known > self.most_tenants)?;
        let detail = format!("the balancer knows {known} tenants, and {} are the most", self.most_tenants);
        Some(Violation::new("bounds", detail))
    }
}

/// A load draws the same numbers whatever other loads there are.
fn stream_of(name: &str) -> u64 {
    name.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

const NETWORK_STREAM: u64 = 1;
const SERVER_STREAMS: u64 = 1_000;
const MOST_BREACHES: usize = 5;

#[cfg(test)]
#[path = "planted_tests.rs"]
mod planted_tests;
