//! One run: from event to event through virtual time.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    time::Duration,
};

use hdrhistogram::Histogram;
use tenantry::{Begun, Probe, ProbeReport, Time};

use super::{
    client::{Choice, Client, Sent, SharedClock},
    rng::Rng,
    server::Server,
    world::{SECOND, World},
};

/// What a run showed.
pub(crate) struct Showing {
    pub(crate) choice: Choice,
    /// Microseconds.
    pub(crate) latencies: Histogram<u64>,
    pub(crate) timeouts: u64,
    pub(crate) probes: u64,
    pub(crate) requests: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrive { client: usize },
    AtServer { job: usize },
    Done { server: usize, turn: u64 },
    Back { job: usize },
    GiveUp { job: usize },
    Contend { server: usize },
}

/// A request or a probe, on its way.
struct Job {
    client: usize,
    server: usize,
    work: f64,
    began: u64,
    /// By what to take it away from its server.
    done_at: Option<u64>,
    kind: Kind,
}

enum Kind {
    Request { sent: Sent, begun: Option<Begun> },
    Probe { probe: Probe, report: Option<ProbeReport> },
}

pub(crate) struct Engine<'a> {
    world: &'a World,
    clock: SharedClock,
    now: u64,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    foreseen: u64,
    clients: Vec<Client>,
    servers: Vec<Server>,
    /// Those that are not over.
    jobs: BTreeMap<usize, Job>,
    next_job: usize,
    rng: Rng,
    antagonists: Rng,
    showing: Showing,
}

impl<'a> Engine<'a> {
    pub(crate) fn new(world: &'a World, choice: Choice, seed: u64) -> Self {
        let clock = SharedClock::default();
        let client = |number| Client::new(choice, number, world.servers, seed, clock.clone());
        Self {
            now: 0,
            events: BinaryHeap::new(),
            foreseen: 0,
            clients: (0..world.clients).map(client).collect(),
            servers: (0..world.servers).map(|server| Server::new(world.cores, world.speed(server))).collect(),
            jobs: BTreeMap::new(),
            next_job: 0,
            // The same work and the same antagonists whatever the choice.
            rng: Rng::new(seed, 1),
            antagonists: Rng::new(seed, 2),
            showing: Showing {
                choice,
                latencies: Histogram::new_with_bounds(1, 60_000_000, 3).expect("the bounds are right"),
                timeouts: 0,
                probes: 0,
                requests: 0,
            },
            clock,
            world,
        }
    }

    /// Runs until all that came within the time is over. `None` where something was lost.
    pub(crate) fn run(mut self) -> Option<Showing> {
        for client in 0..self.clients.len() {
            self.foresee_arrival(client);
        }
        for server in (0..self.servers.len()).filter(|_| self.world.contended) {
            self.push(0, Event::Contend { server });
        }
        while let Some(Reverse((at, _, event))) = self.events.pop() {
            self.now = at;
            self.clock.set(at);
            self.happen(event);
        }
        let at_rest = self.jobs.is_empty() && self.clients.iter().all(Client::is_at_rest);
        at_rest.then_some(self.showing)
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrive { client } => self.arrive(client),
            Event::AtServer { job } => self.at_server(job),
            Event::Done { server, turn } => self.done(server, turn),
            Event::Back { job } => self.back(job),
            Event::GiveUp { job } => self.give_up(job),
            Event::Contend { server } => self.contend(server),
        }
    }

    fn arrive(&mut self, client: usize) {
        self.foresee_arrival(client);
        let work = (self.world.work * (1.0 + self.rng.normal())).max(0.0);
        let sent = self.clients[client].send();
        let server = sent.server;
        let job = self.launch(client, server, work, Kind::Request { sent, begun: None });
        self.push(self.now + nanos(TIMEOUT), Event::GiveUp { job });
        while let Some(probe) = self.clients[client].probes.next_probe() {
            let server = probe.address().parse().expect("addresses are numbers");
            self.launch(client, server, self.world.probe_work, Kind::Probe { probe, report: None });
        }
    }

    fn launch(&mut self, client: usize, server: usize, work: f64, kind: Kind) -> usize {
        if self.is_measured(self.now) {
            match kind {
                Kind::Request { .. } => self.showing.requests += 1,
                Kind::Probe { .. } => self.showing.probes += 1,
            }
        }
        let job = self.next_job;
        self.next_job += 1;
        self.jobs.insert(job, Job { client, server, work, began: self.now, done_at: None, kind });
        let at = self.across();
        self.push(at, Event::AtServer { job });
        job
    }

    fn at_server(&mut self, id: usize) {
        let now = self.now;
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let server = &mut self.servers[job.server];
        match &mut job.kind {
            Kind::Request { begun, .. } => *begun = Some(server.load.begin(Time::from_nanos(now))),
            Kind::Probe { report, .. } if job.work <= 0.0 => {
                *report = Some(server.load.report(Time::from_nanos(now)));
                let at = self.across();
                return self.push(at, Event::Back { job: id });
            }
            Kind::Probe { .. } => {}
        }
        job.done_at = Some(server.begin(id, job.work, now));
        let server = job.server;
        self.foresee_done(server);
    }

    fn done(&mut self, server: usize, turn: u64) {
        let Some(id) = self.servers[server].finish(turn, self.now) else { return };
        self.foresee_done(server);
        let (now, load) = (Time::from_nanos(self.now), &self.servers[server].load);
        let Some(job) = self.jobs.get_mut(&id) else { return };
        job.done_at = None;
        match &mut job.kind {
            Kind::Request { begun, .. } => begun.take().into_iter().for_each(|begun| load.end(begun, now)),
            Kind::Probe { report, .. } => *report = Some(load.report(now)),
        }
        let at = self.across();
        self.push(at, Event::Back { job: id });
    }

    fn back(&mut self, id: usize) {
        let Some(job) = self.jobs.remove(&id) else { return };
        let (took, client) = (self.now - job.began, &self.clients[job.client]);
        match job.kind {
            Kind::Request { sent, .. } => {
                client.receive(sent, Some(Duration::from_nanos(took)));
                self.record(job.began, took);
            }
            // A probe that took too long has been given up.
            Kind::Probe { probe, report } => {
                let answer = report.filter(|_| Duration::from_nanos(took) <= probe.timeout());
                if let Some(report) = answer {
                    client.probes.handle_answer(probe, &report);
                }
            }
        }
    }

    fn give_up(&mut self, id: usize) {
        let Some(job) = self.jobs.remove(&id) else { return };
        let Kind::Request { sent, begun } = job.kind else { return };
        let server = &mut self.servers[job.server];
        if let Some(done_at) = job.done_at {
            server.take_away(id, done_at, self.now);
        }
        begun.into_iter().for_each(|begun| server.load.abandon(begun));
        self.clients[job.client].receive(sent, None);
        self.showing.timeouts += u64::from(self.is_measured(job.began));
        self.record(job.began, self.now - job.began);
        self.foresee_done(job.server);
    }

    fn contend(&mut self, server: usize) {
        self.servers[server].contend(&mut self.antagonists, self.now);
        self.foresee_done(server);
        let next = self.now + nanos(ANTAGONIST_STAYS * self.antagonists.exponential());
        if next < self.end() {
            self.push(next, Event::Contend { server });
        }
    }

    fn record(&mut self, began: u64, took: u64) {
        if self.is_measured(began) {
            self.showing.latencies.saturating_record((took / 1_000).max(1));
        }
    }

    fn is_measured(&self, at: u64) -> bool {
        at >= nanos(self.world.warm_up)
    }

    fn end(&self) -> u64 {
        nanos(self.world.warm_up + self.world.measured)
    }

    fn foresee_arrival(&mut self, client: usize) {
        let at = self.now + nanos(self.clients[client].pause(self.world.pause()));
        if at < self.end() {
            self.push(at, Event::Arrive { client });
        }
    }

    fn foresee_done(&mut self, server: usize) {
        if let Some((at, turn)) = self.servers[server].next_done() {
            self.push(at, Event::Done { server, turn });
        }
    }

    fn across(&mut self) -> u64 {
        // Half of it is distance.
        self.now + nanos(self.world.network * (0.5 + 0.5 * self.rng.exponential()))
    }

    fn push(&mut self, at: u64, event: Event) {
        self.foreseen += 1;
        self.events.push(Reverse((at, self.foreseen, event)));
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "simulated minutes fit")]
fn nanos(span: f64) -> u64 {
    span as u64
}

/// When a client gives a request up, as in the paper.
const TIMEOUT: f64 = 5.0 * SECOND;
const ANTAGONIST_STAYS: f64 = 5.0 * SECOND;
