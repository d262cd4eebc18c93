//! A client: a balancer of its own, as in a fleet whose instances share nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tenantry::{
    Balancer, CapacitySpec, Clock, Config, Lease, Outcome, OutlierSpec, PoolSpec, PrequalSpec, Probes,
    Request, StrategySpec, TenantSpec, Time,
};

use super::rng::Rng;

/// How a client chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    RoundRobin,
    /// Drawn by the simulator.
    Random,
    /// Of two the one with fewer requests of this client's in flight.
    LeastLoaded,
    PeakEwma,
    Prequal,
}

impl Choice {
    pub(crate) const ALL: [Self; 5] =
        [Self::RoundRobin, Self::Random, Self::LeastLoaded, Self::PeakEwma, Self::Prequal];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::RoundRobin => "round robin",
            Self::Random => "random",
            Self::LeastLoaded => "p2c, own in-flight",
            Self::PeakEwma => "p2c, peak EWMA",
            Self::Prequal => "prequal",
        }
    }

    fn spec(self) -> StrategySpec {
        match self {
            Self::RoundRobin => StrategySpec::round_robin(),
            Self::Random | Self::LeastLoaded | Self::PeakEwma => StrategySpec::p2c(),
            Self::Prequal => PrequalSpec::new().into(),
        }
    }
}

/// Simulated time: nobody waits in queues here, so nobody needs to be told that it moves.
#[derive(Clone, Debug, Default)]
pub(crate) struct SharedClock(Arc<AtomicU64>);

impl SharedClock {
    pub(crate) fn set(&self, now: u64) {
        self.0.store(now, Ordering::Relaxed);
    }
}

impl Clock for SharedClock {
    fn now(&self) -> Time {
        Time::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

pub(crate) struct Client {
    choice: Choice,
    balancer: Balancer,
    pub(crate) probes: Probes,
    rng: Rng,
    servers: usize,
}

/// Where a request goes.
pub(crate) struct Sent {
    pub(crate) server: usize,
    lease: Option<Lease>,
}

impl Client {
    pub(crate) fn new(choice: Choice, number: usize, servers: usize, seed: u64, clock: SharedClock) -> Self {
        let stream = u64::try_from(number).unwrap_or_default();
        let mut rng = Rng::new(seed, CLIENT_STREAMS + stream);
        // Each begins elsewhere, so that those that go round do not march in step.
        let addresses = (0..servers).map(|place| ((place + number) % servers).to_string());
        let pool = PoolSpec::new(addresses)
            .with_strategy(choice.spec())
            .with_capacity(CapacitySpec::fixed(1_000_000))
            .with_outlier(OutlierSpec::new().with_max_ejected_percent(0));
        let config =
            Config::new().with_seed(rng.next()).with_pool("api", pool).with_tenant("t", TenantSpec::new());
        let balancer = Balancer::with_clock(config, clock).expect("the configuration is right");
        Self { choice, probes: balancer.probes(), balancer, rng, servers }
    }

    /// How long until the next request.
    pub(crate) fn pause(&mut self, mean: f64) -> f64 {
        mean * self.rng.exponential()
    }

    pub(crate) fn send(&mut self) -> Sent {
        if self.choice == Choice::Random {
            let draw = usize::try_from(self.rng.next() >> 32).unwrap_or_default();
            return Sent { server: draw % self.servers, lease: None };
        }
        let lease = self.balancer.try_acquire_owned(&Request::new("t")).expect("there are seats for all");
        let server = lease.endpoint().address().parse().expect("addresses are numbers");
        Sent { server, lease: Some(lease) }
    }

    /// The answer is there; or, where there is no latency, it never came.
    pub(crate) fn receive(&self, sent: Sent, latency: Option<Duration>) {
        let outcome = match (self.choice, latency) {
            // Where all latencies are the same, power of two choices goes by requests in flight alone.
            (Choice::LeastLoaded, _) => Outcome::success().with_latency(Duration::from_millis(1)),
            (_, Some(latency)) => Outcome::success().with_latency(latency),
            (_, None) => Outcome::failure(),
        };
        if let Some(lease) = sent.lease {
            lease.finish(outcome);
        }
    }

    /// Whether all that it was given has come back.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.balancer.stats().pool("api").is_some_and(|pool| pool.in_flight() == 0)
    }
}

const CLIENT_STREAMS: u64 = 1_000;
