//! Tenantry: the real balancer on simulated time.

use tenantry::{
    Balancer, CapacitySpec, Config, EndpointChange, EndpointSpec, HealthState, ManualClock, Outcome,
    PoolSpec, Request, StrategySpec, TenantSpec, Time,
};

use crate::choosing::{Chooser, End, Picking, Sent};

#[derive(Debug)]
pub(crate) struct Tenantry {
    balancer: Balancer,
    clock: ManualClock,
    endpoints: usize,
}

impl Tenantry {
    /// With `Picking::RoundRobin` it picks as its peers do, and with `Picking::LeastRequest` it is as it comes.
    pub(crate) fn new(picking: Picking, endpoints: usize, seed: u64) -> Self {
        let clock = ManualClock::new();
        let pool = PoolSpec::new((0..endpoints).map(|number| number.to_string()));
        let pool = match picking {
            Picking::RoundRobin => {
                pool.with_strategy(StrategySpec::round_robin()).with_capacity(CapacitySpec::fixed(1_000_000))
            }
            Picking::LeastRequest => pool,
        };
        let config = Config::new().with_seed(seed).with_pool("api", pool).with_tenant("t", TenantSpec::new());
        let balancer = Balancer::with_clock(config, clock.clone()).expect("the configuration is right");
        Self { balancer, clock, endpoints }
    }

    fn come_to(&self, now: u64) {
        let before = self.clock_time();
        self.clock.advance(Time::from_nanos(now).since(before));
    }

    fn clock_time(&self) -> Time {
        self.balancer.now()
    }
}

impl Chooser for Tenantry {
    fn send(&mut self, now: u64) -> Option<Sent> {
        self.come_to(now);
        let lease = self.balancer.try_acquire_owned(&Request::new("t")).ok()?;
        let endpoint = lease.endpoint().address().parse().expect("addresses are numbers");
        Some(Sent { endpoint, lease: Some(lease) })
    }

    fn receive(&mut self, sent: Sent, end: End, now: u64) {
        self.come_to(now);
        let outcome =
            if end.succeeded { Outcome::success().with_latency(end.latency) } else { Outcome::failure() };
        if let Some(lease) = sent.lease {
            lease.finish(outcome);
        }
    }

    fn advance(&mut self, now: u64) {
        self.come_to(now);
    }

    fn join(&mut self, now: u64) {
        self.come_to(now);
        let spec = EndpointSpec::new(self.endpoints.to_string());
        self.endpoints += 1;
        self.balancer.change_endpoints("api", &[EndpointChange::Add(spec)]).expect("it is new");
    }

    fn left_out(&mut self, now: u64) -> Vec<bool> {
        self.come_to(now);
        let pool = self.balancer.pool_stats("api").expect("the pool");
        let mut left_out = vec![false; self.endpoints];
        for endpoint in pool.endpoints() {
            let place: usize = endpoint.address().parse().expect("addresses are numbers");
            left_out[place] = endpoint.health() != HealthState::Healthy;
        }
        left_out
    }
}
