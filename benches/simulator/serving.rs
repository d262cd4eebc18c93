//! What happens at the servers, and on the way to and from them.

use tenantry::OutcomeKind;

use super::{
    engine::Engine,
    events::Event,
    server::{Due, Reception},
};

impl Engine<'_> {
    /// A request reaches its server, whether its client still waits or not.
    pub(super) fn at_server(&mut self, request: usize) {
        let call = &self.calls[request];
        let (server, cost) = (call.server, call.cost);
        match self.servers[server].receive(request, cost, self.now) {
            Reception::Started(due) => self.expect(server, due),
            Reception::Queued | Reception::Swallowed => {}
            Reception::Overloaded => self.send(request, OutcomeKind::Overload, 0),
            Reception::Fails(after) => self.send(request, OutcomeKind::Failure, after.0),
        }
    }

    /// A worker is done with a request, and takes the next.
    pub(super) fn worked(&mut self, server: usize, request: usize, turn: u64) {
        if !self.servers[server].finish(request, turn) {
            return;
        }
        match self.servers[server].begin_body() {
            None => self.send(request, OutcomeKind::Success, 0),
            Some(body) => {
                let at = self.across();
                self.events.push(at, Event::FirstByte { request });
                self.events.push(self.now + body, Event::BodyEnd { server, request });
            }
        }
        self.start_next(server);
    }

    pub(super) fn body_end(&mut self, server: usize, request: usize) {
        self.servers[server].end_body();
        self.send(request, OutcomeKind::Success, 0);
        self.start_next(server);
    }

    fn start_next(&mut self, server: usize) {
        if let Some(due) = self.servers[server].next(self.now) {
            self.expect(server, due);
        }
    }

    fn expect(&mut self, server: usize, due: Due) {
        self.events.push(due.at, Event::Worked { server, request: due.request, turn: due.turn });
    }

    /// Sends an answer, after a while.
    fn send(&mut self, request: usize, kind: OutcomeKind, after: u64) {
        let at = self.across() + after;
        self.events.push(at, Event::Answer { request, kind });
    }

    pub(super) fn change_speed(&mut self, server: usize, change: usize) {
        let speed = self.plan.servers[server].speed[change].factor;
        let due = self.servers[server].set_speed(speed, self.now);
        due.into_iter().for_each(|due| self.expect(server, due));
    }

    /// Somebody else's work begins on the machine, or ends. It ends for good when arrivals do.
    pub(super) fn antagonist(&mut self, server: usize, comes: bool) {
        let Some(antagonist) = &self.plan.servers[server].antagonist else { return };
        let left_over = if comes { antagonist.factor } else { 1.0 };
        let next = if comes { antagonist.lasts.0 } else { antagonist.every.0 - antagonist.lasts.0 };
        let due = self.servers[server].set_left_over(left_over, self.now);
        due.into_iter().for_each(|due| self.expect(server, due));
        if comes || self.now < self.plan.scenario.end() {
            self.events.push(self.now + next, Event::Antagonist { server, comes: !comes });
        }
    }

    /// Connections break: all that the server had fails.
    pub(super) fn go_down(&mut self, server: usize) {
        for request in self.servers[server].lose_all() {
            self.send(request, OutcomeKind::Failure, 0);
        }
    }
}
