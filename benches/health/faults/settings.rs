//! What is configured, drawn anew again and again.

use std::time::Duration;

use tenantry::{
    CapacitySpec, Config, CooldownSpec, EndpointSpec, HealthCheckSpec, KetamaSpec, OutlierSpec, PoolSpec,
    RendezvousSpec, SlowStartSpec, StrategySpec, TenantSpec, TiersSpec,
};

use super::dice::Dice;

/// One endpoint as it is configured. A name is never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) name: usize,
    pub(super) draining: bool,
    pub(super) weight: u32,
}

impl Place {
    /// Whether new requests may go there.
    pub(super) const fn serves(self) -> bool {
        !self.draining && self.weight > 0
    }

    pub(super) fn spec(self) -> EndpointSpec {
        let spec = EndpointSpec::new(address(self.name)).with_weight(self.weight);
        if self.draining { spec.draining() } else { spec }
    }
}

/// The configuration in force.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) places: Vec<Place>,
    pub(super) outlier: OutlierSpec,
    pub(super) cooldown: CooldownSpec,
    pub(super) panic_percent: u32,
    pub(super) check: Option<HealthCheckSpec>,
    strategy: u64,
    seats: Option<u32>,
    slow_start: bool,
    names: usize,
}

impl Settings {
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let mut settings = Self {
            places: vec![],
            outlier: OutlierSpec::new(),
            cooldown: CooldownSpec::new(),
            panic_percent: 50,
            check: None,
            strategy: 0,
            seats: None,
            slow_start: false,
            names: 0,
        };
        for _ in 0..=dice.below(MOST_ENDPOINTS) {
            settings.add();
        }
        settings.redraw(dice);
        settings
    }

    /// Another endpoint.
    pub(super) fn add(&mut self) -> Place {
        let place = Place { name: self.names, draining: false, weight: 1 };
        self.names += 1;
        self.places.push(place);
        place
    }

    /// Other rules for the same endpoints.
    pub(super) fn redraw(&mut self, dice: &mut Dice) {
        let seconds = |dice: &mut Dice, most| Duration::from_secs(1 + dice.below(most));
        let ejection = seconds(dice, 15);
        self.outlier = OutlierSpec::new()
            .with_consecutive_failures(1 + dice.small(6))
            .with_interval(seconds(dice, 8))
            .with_ejection(ejection)
            .with_longest_ejection(ejection * (1 + dice.small(4)))
            .with_max_ejected_percent(dice.one_of([0, 10, 10, 30, 50, 100]))
            .with_min_available(1 + dice.small(4));
        if dice.one_in(3) {
            self.outlier = self.outlier.with_consecutive_gateway_failures(1 + dice.small(4));
        }
        self.cooldown = CooldownSpec::new().with_longest(seconds(dice, 20));
        if dice.one_in(3) {
            self.cooldown = self.cooldown.strict();
        } else if dice.one_in(6) {
            self.cooldown = CooldownSpec::off();
        }
        self.panic_percent = dice.one_of([0, 0, 50, 100]);
        self.check = dice.one_in(2).then(|| draw_check(dice));
        self.strategy = dice.below(5);
        self.seats = dice.one_in(2).then(|| 1 + dice.small(64));
        self.slow_start = self.strategy < 3 && dice.one_in(3);
    }

    pub(super) fn config(&self, seed: u64) -> Config {
        let strategy = match self.strategy {
            0 => StrategySpec::p2c(),
            1 => StrategySpec::least_loaded(),
            2 => StrategySpec::round_robin(),
            3 => KetamaSpec::new().into(),
            _ => RendezvousSpec::new().into(),
        };
        let capacity = self.seats.map_or_else(CapacitySpec::adaptive, CapacitySpec::fixed);
        let pool = PoolSpec::new(self.places.iter().map(|place| place.spec()))
            .with_strategy(strategy)
            .with_capacity(capacity)
            .with_outlier(self.outlier)
            .with_cooldown(self.cooldown)
            .with_tiers(TiersSpec::new().with_panic_percent(self.panic_percent));
        let pool = match &self.check {
            Some(check) => pool.with_health_check(check.clone()),
            None => pool,
        };
        let pool = if self.slow_start {
            pool.with_slow_start(SlowStartSpec::over(Duration::from_secs(10)))
        } else {
            pool
        };
        Config::new().with_seed(seed).with_pool("api", pool).with_tenant("t", TenantSpec::new())
    }

    pub(super) fn place(&self, name: usize) -> Option<&Place> {
        self.places.iter().find(|place| place.name == name)
    }
}

fn draw_check(dice: &mut Dice) -> HealthCheckSpec {
    let millis = |dice: &mut Dice, least| Duration::from_millis(least + dice.below(4_000));
    let check = HealthCheckSpec::tcp()
        .with_every(millis(dice, 500))
        .with_rise(1 + dice.small(3))
        .with_fall(1 + dice.small(3));
    let check = if dice.one_in(3) { check.with_every_unhealthy(millis(dice, 300)) } else { check };
    if dice.one_in(3) { check.with_every_idle(millis(dice, 1_000)) } else { check }
}

/// How an endpoint's name is written, and read.
pub(super) fn address(name: usize) -> String {
    format!("e{name}")
}

pub(super) fn name(address: &str) -> usize {
    address[1..].parse().expect("addresses are numbered")
}

const MOST_ENDPOINTS: u64 = 12;
