//! Who is asked for an endpoint: Tenantry as users have it, or a peer's rules with a plain pick beside them.

use std::time::Duration;

use crate::{
    ours::Tenantry,
    peers::{A50, Envoy, EnvoyRules, INTERVAL, Rules},
    rng::Rng,
};

/// What chooses endpoints and learns from how requests went.
pub(crate) trait Chooser {
    /// An endpoint for a request; `None`: it is turned away.
    fn send(&mut self, now: u64) -> Option<Sent>;

    /// A request is over.
    fn receive(&mut self, sent: Sent, end: End, now: u64);

    /// Time has come so far, without a request.
    fn advance(&mut self, now: u64);

    /// One endpoint more.
    fn join(&mut self, now: u64);

    /// Of each endpoint, whether it is left out, or stands behind the others.
    fn left_out(&mut self, now: u64) -> Vec<bool>;
}

/// A request on its way.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) endpoint: usize,
    pub(crate) lease: Option<tenantry::Lease>,
}

/// How it ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) succeeded: bool,
    pub(crate) latency: Duration,
}

/// How a peer picks among those that are not left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Picking {
    RoundRobin,
    /// Of two that are drawn, the one with fewer requests in flight.
    LeastRequest,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    Envoy,
    EnvoyEnabled,
    Grpc,
    Tenantry,
}

impl System {
    pub(crate) const PEERS: [Self; 3] = [Self::Envoy, Self::EnvoyEnabled, Self::Grpc];
    pub(crate) const ALL: [Self; 4] = [Self::Envoy, Self::EnvoyEnabled, Self::Grpc, Self::Tenantry];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Envoy => "Envoy, as it comes",
            Self::EnvoyEnabled => "Envoy, all enabled",
            Self::Grpc => "gRPC A50, both rules",
            Self::Tenantry => "Tenantry",
        }
    }

    /// With `Picking::LeastRequest`, Tenantry is as it comes.
    pub(crate) fn build(self, picking: Picking, endpoints: usize, seed: u64) -> Box<dyn Chooser> {
        let rules: Box<dyn Rules> = match self {
            Self::Tenantry => return Box::new(Tenantry::new(picking, endpoints, seed)),
            Self::Envoy => Box::new(Envoy::new(EnvoyRules::DEFAULT, endpoints)),
            Self::EnvoyEnabled => Box::new(Envoy::new(EnvoyRules::ENABLED, endpoints)),
            Self::Grpc => Box::new(A50::new(endpoints)),
        };
        let panic_percent = if self == Self::Grpc { 0 } else { ENVOYS_PANIC };
        let rng = Rng::new(seed, PICKS);
        Box::new(Peer {
            rules,
            picking,
            panic_percent,
            in_flight: vec![0; endpoints],
            next: 0,
            ticked: 0,
            rng,
        })
    }
}

/// A peer's rules, and a plain pick.
#[derive(Debug)]
struct Peer {
    rules: Box<dyn Rules>,
    picking: Picking,
    /// With fewer than so many percent in, all are used.
    panic_percent: usize,
    in_flight: Vec<u32>,
    next: usize,
    ticked: u64,
    rng: Rng,
}

impl Peer {
    fn eligible(&self) -> Vec<usize> {
        let all = 0..self.in_flight.len();
        let left: Vec<_> = all.clone().filter(|&host| !self.rules.is_ejected(host)).collect();
        if left.len() * 100 < self.panic_percent * all.len() { all.collect() } else { left }
    }

    fn draw(&mut self, bound: usize) -> usize {
        usize::try_from(self.rng.next() >> 33).unwrap_or_default() % bound
    }
}

impl Chooser for Peer {
    fn send(&mut self, now: u64) -> Option<Sent> {
        self.advance(now);
        let eligible = self.eligible();
        if eligible.is_empty() {
            return None;
        }
        let endpoint = match self.picking {
            Picking::RoundRobin => {
                // The next one in turn of those that are in.
                let after = eligible.iter().find(|&&host| host >= self.next);
                let endpoint = *after.unwrap_or(&eligible[0]);
                self.next = endpoint + 1;
                endpoint
            }
            Picking::LeastRequest => {
                let (one, other) = (eligible[self.draw(eligible.len())], eligible[self.draw(eligible.len())]);
                if self.in_flight[other] < self.in_flight[one] { other } else { one }
            }
        };
        self.in_flight[endpoint] += 1;
        Some(Sent { endpoint, lease: None })
    }

    fn receive(&mut self, sent: Sent, end: End, now: u64) {
        self.advance(now);
        self.in_flight[sent.endpoint] -= 1;
        self.rules.finish(sent.endpoint, end.succeeded, now);
    }

    fn advance(&mut self, now: u64) {
        while now >= self.ticked + INTERVAL {
            self.ticked += INTERVAL;
            self.rules.tick(self.ticked);
        }
    }

    fn join(&mut self, now: u64) {
        self.advance(now);
        self.in_flight.push(0);
        self.rules.join();
    }

    fn left_out(&mut self, now: u64) -> Vec<bool> {
        self.advance(now);
        (0..self.in_flight.len()).map(|host| self.rules.is_ejected(host)).collect()
    }
}

const ENVOYS_PANIC: usize = 50;
/// The stream of a peer's draws.
const PICKS: u64 = 2;
