//! The configs that a run changes between, as plain numbers that the model can read.

use std::time::Duration;

use tenantry::{CapacitySpec, Config, PoolSpec, QueueSpec, Rate, StrategySpec, TenantSpec, UnknownTenants};

#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) pools: Vec<PoolPlan>,
    pub(crate) tenants: Vec<TenantPlan>,
    /// How many unknown ids may be made; `None`: they are refused.
    pub(crate) guests: Option<u32>,
}

#[derive(Clone, Debug)]
pub(crate) struct PoolPlan {
    pub(crate) name: &'static str,
    /// `None`: adaptive.
    pub(crate) seats: Option<u32>,
    pub(crate) endpoints: &'static [&'static str],
    pub(crate) per_tenant: u32,
    pub(crate) total: u32,
    pub(crate) timeout: Duration,
    pub(crate) in_turn: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct TenantPlan {
    pub(crate) id: &'static str,
    pub(crate) weight: u32,
    pub(crate) rates: Vec<RatePlan>,
    pub(crate) cap: Option<u32>,
    pub(crate) pools: Option<&'static [&'static str]>,
}

/// `amount` per `period`, `burst` at once. The period is divisible by the amount, so that the model's integers are exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RatePlan {
    pub(crate) by_cost: bool,
    pub(crate) amount: u64,
    pub(crate) period: Duration,
    pub(crate) burst: u64,
}

impl Setup {
    /// The setup of that number, modulo how many there are.
    pub(crate) fn numbered(number: u8) -> Self {
        match number % 7 {
            0 => Self::usual(),
            1 => Self { guests: Some(2), ..Self::usual().with_seats(5, 3) },
            2 => Self::usual().with_seats(1, 1),
            3 => Self::usual().without_bulk(),
            4 => Self::usual().adaptive(),
            5 => Self::usual().with_short_queues(),
            _ => Self::usual().with_other_limits(),
        }
    }

    pub(crate) fn pool(&self, name: &str) -> Option<&PoolPlan> {
        self.pools.iter().find(|pool| pool.name == name)
    }

    pub(crate) fn tenant(&self, id: &str) -> Option<&TenantPlan> {
        self.tenants.iter().find(|tenant| tenant.id == id)
    }

    pub(crate) fn config(&self) -> Config {
        let mut config = Config::new().with_seed(7);
        for plan in &self.pools {
            config = config.with_pool(plan.name, plan.spec());
        }
        for plan in &self.tenants {
            config = config.with_tenant(plan.id, plan.spec());
        }
        match self.guests {
            None => config,
            Some(most) => config
                .with_template("guest", TenantSpec::new().with_rate(Rate::per_second(5)))
                .with_unknown_tenants(UnknownTenants::template("guest", most)),
        }
    }

    /// A config that must be refused.
    pub(crate) fn broken(number: u8) -> Config {
        let good = Self::usual().config();
        match number % 3 {
            0 => good.with_pool("api", PoolSpec::new([""])),
            1 => good.with_tenant("t0", TenantSpec::new().with_pools(["nowhere"])),
            _ => good.with_unknown_tenants(UnknownTenants::template("nobody", 5)),
        }
    }

    fn usual() -> Self {
        let pool = |name, seats, endpoints, in_turn| PoolPlan {
            name,
            seats: Some(seats),
            endpoints,
            per_tenant: 256,
            total: 10_000,
            timeout: Duration::from_secs(10),
            in_turn,
        };
        let tenant = |id| TenantPlan { id, weight: 1, rates: vec![], cap: None, pools: None };
        let second = Duration::from_secs(1);
        Self {
            pools: vec![
                pool("api", 2, &["http://a", "http://b", "http://c"], false),
                pool("bulk", 1, &["http://d"], true),
            ],
            tenants: vec![
                tenant("t0"),
                TenantPlan { rates: vec![rate(false, 2, second, 2)], cap: Some(3), ..tenant("t1") },
                TenantPlan {
                    weight: 3,
                    rates: vec![rate(true, 10, second, 20), rate(false, 4, second / 2, 8)],
                    ..tenant("t2")
                },
                TenantPlan { cap: Some(1), pools: Some(&["bulk"]), ..tenant("t3") },
            ],
            guests: None,
        }
    }

    fn with_seats(mut self, api: u32, bulk: u32) -> Self {
        self.pools[0].seats = Some(api);
        self.pools[1].seats = Some(bulk);
        self
    }

    fn without_bulk(mut self) -> Self {
        self.pools.truncate(1);
        self.pools[0].endpoints = &["http://b", "http://e"];
        self.tenants.retain(|tenant| tenant.id != "t3");
        self
    }

    fn adaptive(mut self) -> Self {
        self.pools[0].seats = None;
        self
    }

    fn with_short_queues(mut self) -> Self {
        for pool in &mut self.pools {
            pool.per_tenant = 2;
            pool.total = 3;
            pool.timeout = Duration::from_millis(50);
        }
        self
    }

    fn with_other_limits(mut self) -> Self {
        self.tenants[1].rates = vec![rate(false, 10, Duration::from_secs(1), 4)];
        self.tenants[1].cap = Some(2);
        self.tenants[2].rates = vec![rate(true, 2, Duration::from_millis(10), 9)];
        self.tenants.remove(0);
        self
    }
}

impl PoolPlan {
    fn spec(&self) -> PoolSpec {
        let queue = QueueSpec::new()
            .with_per_tenant(self.per_tenant)
            .with_total(self.total)
            .with_timeout(self.timeout);
        PoolSpec::new(self.endpoints.iter().copied())
            .with_capacity(self.seats.map_or(CapacitySpec::adaptive(), CapacitySpec::fixed))
            .with_strategy(if self.in_turn { StrategySpec::round_robin() } else { StrategySpec::p2c() })
            .with_queue(queue)
    }
}

impl TenantPlan {
    fn spec(&self) -> TenantSpec {
        let mut spec = TenantSpec::new().with_weight(self.weight);
        for plan in &self.rates {
            let rate = if plan.by_cost { Rate::cost } else { Rate::requests };
            spec = spec.with_rate(rate(plan.amount, plan.period).with_burst(plan.burst));
        }
        if let Some(cap) = self.cap {
            spec = spec.with_max_in_flight(cap);
        }
        match self.pools {
            Some(pools) => spec.with_pools(pools.iter().copied()),
            None => spec,
        }
    }
}

const fn rate(by_cost: bool, amount: u64, period: Duration, burst: u64) -> RatePlan {
    RatePlan { by_cost, amount, period, burst }
}
