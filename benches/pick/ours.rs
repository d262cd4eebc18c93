//! Tenantry's side: balancers that differ in strategy and size alone.

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Duration;

use tenantry::{
    Balancer, CapacitySpec, Config, KetamaSpec, LeastLoadedSpec, MaglevSpec, Outcome, OutlierSpec, PoolSpec,
    RendezvousSpec, Request, RingSpec, StrategySpec, TenantSpec, TiersSpec,
};
use tenantry_benches::harness::Case;

use super::{key, socket, stays_up};

/// By what name, and how it is written.
pub(super) type Named = (&'static str, fn() -> StrategySpec);

/// One decision after the other, each ended by a success.
pub(super) fn case(name: &str, balancer: &Balancer) -> Case<'static> {
    let balancer = balancer.clone();
    Case::new(name, move |first, count| {
        for number in first..first + count {
            let key = key(number);
            let lease = balancer.try_acquire(&Request::new("acme").key(&key)).expect("there is room");
            black_box(lease).finish(Outcome::success());
        }
    })
}

pub(super) fn balancer(spec: StrategySpec, endpoints: usize) -> Balancer {
    Balancer::new(config(spec, endpoints)).expect("the configuration is usable")
}

pub(super) fn config(spec: StrategySpec, endpoints: usize) -> Config {
    let outlier = OutlierSpec::new()
        .with_consecutive_failures(1)
        .with_ejection(Duration::from_secs(86_400))
        .with_longest_ejection(Duration::from_secs(86_400))
        .with_max_ejected_percent(90);
    let pool = PoolSpec::new((0..endpoints).map(address))
        .with_strategy(spec)
        .with_capacity(CapacitySpec::fixed(1_000_000))
        .with_outlier(outlier)
        .with_tiers(TiersSpec::new().with_panic_percent(0));
    Config::new().with_pool("api", pool).with_tenant("acme", TenantSpec::new())
}

pub(super) fn address(number: usize) -> String {
    format!("http://{}", socket(number))
}

/// Fails requests until nine of ten endpoints are ejected.
pub(super) fn eject_most(balancer: &Balancer, endpoints: usize) {
    let mut left = endpoints * 9 / 10;
    for number in 0.. {
        if left == 0 {
            return;
        }
        let lease = balancer.try_acquire(&Request::new("acme").key(&key(number))).expect("there is room");
        let address: SocketAddr = lease.endpoint().address()["http://".len()..].parse().expect("an address");
        let fails = !stays_up(&address);
        left -= usize::from(fails);
        lease.finish(if fails { Outcome::failure() } else { Outcome::success() });
    }
}

/// Those that go by keys are the last five.
pub(super) const STRATEGIES: [Named; 9] = [
    ("round robin", StrategySpec::round_robin),
    ("p2c", StrategySpec::p2c),
    ("random", || StrategySpec::Random),
    ("weighted", StrategySpec::weighted),
    ("least loaded", || LeastLoadedSpec::new().into()),
    ("ketama", || KetamaSpec::new().into()),
    ("ring", || RingSpec::new().into()),
    ("maglev", || MaglevSpec::new().into()),
    ("rendezvous", || RendezvousSpec::new().into()),
];
