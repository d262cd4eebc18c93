//! The clients, and the caller of the balancer between them and the servers: requests from their arrival to their one end.

use std::{mem, task::Poll, time::Duration};

use tenantry::{Acquire, Lease, Outcome, OutcomeKind, Rejection, Request};

use super::{
    arrivals::Arrivals,
    checks::Party,
    engine::Engine,
    events::Event,
    metrics::number,
    plan::LoadPlan,
    record::{End, Ended},
    rng::Rng,
    scenario::CostChoice,
    span::Span,
};

/// One request.
#[derive(Debug)]
pub(crate) struct Call {
    pub(super) load: usize,
    tenant: usize,
    pub(super) cost: u64,
    arrived: u64,
    admitted: Option<u64>,
    /// Where it was sent to.
    pub(super) server: usize,
    pub(super) stage: Stage,
}

/// What the caller holds for it.
#[derive(Debug)]
pub(super) enum Stage {
    Waiting(Box<Acquire>),
    InFlight(Box<Lease>),
    Ended,
}

impl Engine<'_> {
    /// The first arrivals of a load.
    pub(super) fn begin_load(&mut self, load: usize, planned: &LoadPlan) {
        let from = planned.spec.from.0;
        match planned.spec.arrivals {
            Arrivals::Closed { clients, .. } => {
                (0..clients).for_each(|_| self.events.push(from, Event::Arrive { load }));
            }
            _ => self.foresee_arrival(load, from),
        }
    }

    fn foresee_arrival(&mut self, load: usize, now: u64) {
        let spec = &self.plan.loads[load].spec;
        let end = self.end_of(load);
        if let Some(at) = spec.arrivals.next_after(now, end, &spec.phases, &mut self.load_rngs[load]) {
            self.events.push(at, Event::Arrive { load });
        }
    }

    fn end_of(&self, load: usize) -> u64 {
        let end = self.plan.scenario.end();
        self.plan.loads[load].spec.until.map_or(end, |until| until.0.min(end))
    }

    /// A request comes.
    pub(super) fn arrive(&mut self, load: usize) {
        if self.now >= self.end_of(load) {
            return;
        }
        let plan = self.plan;
        let planned = &plan.loads[load];
        self.foresee_arrival(load, self.now);
        let rng = &mut self.load_rngs[load];
        let tenant = planned.tenants[planned.sampler.draw(rng)];
        let cost = draw_cost(&planned.spec.cost, rng);
        let mut request = Request::new(&plan.tenants[tenant])
            .pool(&plan.pools[planned.pool].name)
            .cost(cost)
            .seats(planned.spec.seats)
            .priority(planned.spec.priority);
        if let Some(timeout) = planned.spec.timeout.filter(|_| planned.spec.tells_deadline) {
            request = request.timeout(Duration::from_nanos(timeout.0));
        }
        let acquire = Box::new(self.balancer.acquire_owned(request));
        let id = self.calls.len();
        let arrived = self.now;
        let stage = Stage::Waiting(acquire);
        self.calls.push(Call { load, tenant, cost, arrived, admitted: None, server: 0, stage });
        self.books.book.arrived();
        self.settle_in(id);
    }

    /// What the balancer said at once.
    fn settle_in(&mut self, id: usize) {
        self.touched = true;
        let (load, tenant, cost) = self.facts(id);
        let spec = &self.plan.loads[load].spec;
        let outcome = self.poll(id);
        if !matches!(outcome, Poll::Ready(Err(_))) {
            let found = self.books.rates.accepted(tenant, cost, self.now);
            self.books.found.extend(found);
            if let Some(timeout) = spec.timeout {
                self.events.push(self.now + timeout.0, Event::GiveUp { request: id });
            }
        }
        match outcome {
            Poll::Pending => self.begin_wait(id),
            Poll::Ready(Ok(lease)) => self.admit(id, lease),
            Poll::Ready(Err(rejection)) => {
                self.check_refusal(self.party(id));
                self.refuse(id, rejection);
            }
        }
    }

    /// A request is rejected, at the door or later.
    pub(super) fn refuse(&mut self, id: usize, rejection: Rejection) {
        let party = self.party(id);
        let (_, tenant, cost) = self.facts(id);
        let found = match rejection {
            Rejection::RateLimited { retry_after } => {
                self.books.rates.refused(tenant, cost, retry_after, self.now)
            }
            Rejection::QueueFull => self.books.limits.turned_away(party, self.charge(id)),
            _ => None,
        };
        self.books.found.extend(found);
        self.end(id, End::Rejected(rejection.code()));
    }

    /// A request has its seat: it goes to its endpoint.
    pub(super) fn admit(&mut self, id: usize, lease: Lease) {
        let party = self.party(id);
        let spec = &self.plan.loads[self.calls[id].load].spec;
        let pool = &self.plan.pools[party.pool];
        let address = lease.endpoint().address();
        let endpoint = pool.addresses.iter().position(|known| known == address);
        let endpoint = endpoint.expect("the plan knows the addresses of every configuration");
        let call = &mut self.calls[id];
        call.admitted = Some(self.now);
        call.server = pool.first_server + endpoint;
        call.stage = Stage::InFlight(Box::new(lease));
        let cost = call.cost * u64::from(spec.seats.max(1));
        self.books.book.admitted(party, endpoint, spec.seats.max(1));
        let in_flight = self.books.book.leases_in(party.pool);
        let found = self.books.limits.admitted(party, endpoint, spec.seats.max(1));
        self.books.found.extend(found);
        let found = self.books.fairness[party.pool].admitted(party.tenant, cost, in_flight);
        self.books.found.extend(found);
        if let Some(timeout) = spec.call_timeout {
            self.events.push(self.now + timeout.0, Event::CallTimeout { request: id });
        }
        let at = self.across();
        self.events.push(at, Event::AtServer { request: id });
    }

    /// The client goes away: what the caller holds is dropped. A server that has its request works on.
    pub(super) fn give_up(&mut self, id: usize) {
        self.touched = true;
        match mem::replace(&mut self.calls[id].stage, Stage::Ended) {
            Stage::Ended => self.touched = false,
            Stage::Waiting(acquire) => {
                drop(acquire);
                let (_, tenant, cost) = self.facts(id);
                self.books.rates.undone(tenant, cost, self.now);
                self.end_wait(id);
                self.end(id, End::GaveUp);
            }
            Stage::InFlight(lease) => {
                drop(lease);
                self.release(id);
                self.end(id, End::GaveUp);
            }
        }
    }

    /// The caller calls its endpoint failed.
    pub(super) fn call_timeout(&mut self, id: usize) {
        self.finish(id, Outcome::failure(), End::Failure);
    }

    pub(super) fn first_byte(&mut self, id: usize) {
        if let Stage::InFlight(lease) = &mut self.calls[id].stage {
            lease.first_byte();
            self.touched = true;
        }
    }

    /// The end of an answer reaches the caller.
    pub(super) fn answer(&mut self, id: usize, kind: OutcomeKind) {
        match kind {
            OutcomeKind::Success => self.finish(id, Outcome::success(), End::Success),
            OutcomeKind::Overload => self.finish(id, Outcome::overload(), End::Failure),
            OutcomeKind::Failure | OutcomeKind::Cancelled => {
                self.finish(id, Outcome::failure(), End::Failure);
            }
        }
    }

    fn finish(&mut self, id: usize, outcome: Outcome, end: End) {
        let stage = &mut self.calls[id].stage;
        if !matches!(stage, Stage::InFlight(_)) {
            return;
        }
        if let Stage::InFlight(lease) = mem::replace(stage, Stage::Ended) {
            lease.finish(outcome);
        }
        self.touched = true;
        self.release(id);
        self.end(id, end);
    }

    fn release(&mut self, id: usize) {
        let party = self.party(id);
        let call = &self.calls[id];
        let endpoint = call.server - self.plan.pools[party.pool].first_server;
        let width = self.plan.loads[call.load].spec.seats.max(1);
        self.books.book.released(party, endpoint, width);
        self.books.limits.released(party, width);
    }

    /// A request has ended, this way.
    fn end(&mut self, id: usize, end: End) {
        let call = &mut self.calls[id];
        call.stage = Stage::Ended;
        let &mut Call { load, tenant, cost, arrived, admitted, .. } = call;
        let found = self.books.book.ended(id);
        self.books.found.extend(found);
        self.record.ended(&Ended { tenant, load, cost, arrived, admitted, end }, self.now);
        if let Arrivals::Closed { think, .. } = &self.plan.loads[load].spec.arrivals {
            let rng = &mut self.load_rngs[load];
            let think = think.as_ref().map_or(0, |think| Span::from_nanos(think.draw(rng)).0);
            // Who is turned away does not come back in the same moment.
            let pause = if matches!(end, End::Rejected(_)) { Span::millis(1).0 } else { 0 };
            self.events.push(self.now + think.max(pause), Event::Arrive { load });
        }
    }

    pub(super) fn facts(&self, id: usize) -> (usize, usize, u64) {
        let call = &self.calls[id];
        (call.load, call.tenant, call.cost)
    }

    /// What it counts in the queue.
    pub(super) fn charge(&self, id: usize) -> f64 {
        let call = &self.calls[id];
        number(call.cost.max(1)) * f64::from(self.plan.loads[call.load].spec.seats.max(1))
    }

    pub(super) fn party(&self, id: usize) -> Party {
        let call = &self.calls[id];
        Party { pool: self.plan.loads[call.load].pool, tenant: call.tenant }
    }
}

fn draw_cost(choices: &[CostChoice], rng: &mut Rng) -> u64 {
    if choices.len() <= 1 {
        return choices.first().map_or(1, |choice| choice.cost);
    }
    let total: f64 = choices.iter().map(|choice| choice.share).sum();
    let mut at = rng.uniform() * total;
    let chosen = choices.iter().find(|choice| {
        at -= choice.share;
        at < 0.0
    });
    chosen.or_else(|| choices.last()).map_or(1, |choice| choice.cost)
}
