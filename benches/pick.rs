//! What a pick by key costs, and an update: by strategy and number of endpoints, beside Pingora. `cargo bench -p tenantry-benches --bench pick`,
//! with `--features pingora` also beside its load balancer's `select`, which takes a while to build.
//!
//! Tenantry's figure is the whole decision through the public API (`try_acquire`, and the lease is dropped); under *the pick* stands what it takes
//! beyond the same decision of a pool with one endpoint. Peers look up, and nothing else.

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use pingora_ketama::{Bucket, Continuum};
use tenantry::{
    Balancer, CapacitySpec, Config, KetamaSpec, MaglevSpec, Outcome, OutlierSpec, PoolSpec, RendezvousSpec,
    Request, RingSpec, StrategySpec, TenantSpec, TiersSpec,
};
use tenantry_benches::harness::{Case, Measured, measure};
use tenantry_benches::report::{Table, figure, heading, progress, saved, times};

fn main() {
    heading("Tenantry: a pick by key");
    for (state, down) in [("all up", false), ("nine of ten ejected", true)] {
        let mut table = Table::new(format!("One decision with a key, {state}: ns"), &COLUMNS);
        for endpoints in [3, 10, 100, 1_000, 10_000] {
            if down && endpoints < 10 {
                continue;
            }
            progress(&format!("{endpoints} endpoints, {state}"));
            table.push(row(endpoints, &compare(endpoints, down)));
        }
        table.print(&NOTES);
        table.save(&format!("pick-{}", state.replace(' ', "-")));
    }
    updates();
    saved();
}

fn compare(endpoints: usize, down: bool) -> Measured {
    let keys: Vec<String> = (0..KEYS).map(|key| format!("user-{:08}", key * 7_919)).collect();
    let one = balancer(StrategySpec::round_robin(), 1);
    let balancers = specs().map(|(name, spec)| {
        let balancer = balancer(spec, endpoints);
        if down {
            eject_most(&balancer, endpoints);
        }
        (name, balancer)
    });
    let continuum =
        Continuum::new(&(0..endpoints).map(|number| Bucket::new(socket(number), 1)).collect::<Vec<_>>());
    let decide = |name: &str, balancer: &Balancer| {
        let (balancer, keys) = (balancer.clone(), keys.clone());
        Case::new(name, move |first, count| {
            for number in first..first + count {
                let request = Request::new("acme").key(keys[number % KEYS].as_bytes());
                drop(black_box(balancer.try_acquire(&request)));
            }
        })
    };
    let mut cases = vec![decide(ONE, &one)];
    cases.extend(balancers.iter().map(|(name, balancer)| decide(name, balancer)));
    let keys = &keys;
    cases.push(Case::new(THEIRS, move |first, count| {
        for number in first..first + count {
            black_box(continuum.node(keys[number % KEYS].as_bytes()));
        }
    }));
    #[cfg(feature = "pingora")]
    cases.push(select::case(endpoints, down, keys));
    measure(cases, ROUNDS)
}

fn row(endpoints: usize, measured: &Measured) -> Vec<String> {
    let mut row = vec![endpoints.to_string()];
    row.extend([ONE, "p2c", "ketama", "ring", "maglev", "rendezvous"].map(|case| figure(measured.ns(case))));
    let beyond = |case| Some(measured.ns(case)? - measured.ns(ONE)?);
    row.extend(["ketama", "ring", "maglev"].map(|case| figure(beyond(case))));
    row.extend([THEIRS, SELECT].map(|case| figure(measured.ns(case))));
    row.push(times(measured.ratio(SELECT, "ketama")));
    row
}

/// From a pool of endpoints to the same without one: the configuration checked and in force.
fn updates() {
    let mut table = Table::new(
        "An update that removes one endpoint: ms, median",
        &[
            "endpoints",
            "p2c",
            "ketama",
            "ring",
            "maglev",
            "rendezvous",
            "pingora-ketama built anew",
            "to ketama",
        ],
    );
    for endpoints in [100, 1_000, 10_000] {
        progress(&format!("updates of {endpoints}"));
        let ours = specs().map(|(_, spec)| {
            let balancer = balancer(spec.clone(), endpoints);
            let configs = [endpoints - 1, endpoints].map(|count| config(spec.clone(), count));
            median_ms(|number| balancer.reconfigure(configs[number % 2].clone()).expect("it is usable"))
        });
        let buckets: Vec<_> = (1..endpoints).map(|number| Bucket::new(socket(number), 1)).collect();
        let theirs = median_ms(|_| drop(black_box(Continuum::new(&buckets))));
        let mut row = vec![endpoints.to_string()];
        row.extend(ours.iter().map(|&ms| figure(Some(ms))));
        row.extend([figure(Some(theirs)), times(Some(theirs / ours[1]))]);
        table.push(row);
    }
    table.print(&["Tenantry: `reconfigure` as a whole, with the endpoints' states, shards and health; p2c has nothing to lay out."]);
    table.save("pick-updates");
}

fn median_ms(mut run: impl FnMut(usize)) -> f64 {
    let mut samples: Vec<f64> = (0..UPDATES)
        .map(|number| {
            let start = Instant::now();
            run(number);
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    samples.sort_unstable_by(f64::total_cmp);
    samples[UPDATES / 2]
}

fn specs() -> [(&'static str, StrategySpec); 5] {
    [
        ("p2c", StrategySpec::p2c()),
        ("ketama", KetamaSpec::new().into()),
        ("ring", RingSpec::new().into()),
        ("maglev", MaglevSpec::new().into()),
        ("rendezvous", RendezvousSpec::new().into()),
    ]
}

fn config(spec: StrategySpec, endpoints: usize) -> Config {
    let outlier = OutlierSpec::new()
        .with_consecutive_failures(1)
        .with_ejection(Duration::from_secs(86_400))
        .with_longest_ejection(Duration::from_secs(86_400))
        .with_max_ejected_percent(90);
    let pool = PoolSpec::new((0..endpoints).map(|number| format!("http://{}", socket(number))))
        .with_strategy(spec)
        .with_capacity(CapacitySpec::fixed(1_000_000))
        .with_outlier(outlier)
        .with_tiers(TiersSpec::new().with_panic_percent(0));
    Config::new().with_pool("api", pool).with_tenant("acme", TenantSpec::new())
}

fn balancer(spec: StrategySpec, endpoints: usize) -> Balancer {
    Balancer::new(config(spec, endpoints)).expect("the configuration is usable")
}

/// Fails requests until nine of ten endpoints are ejected.
fn eject_most(balancer: &Balancer, endpoints: usize) {
    let mut left = endpoints * 9 / 10;
    let mut key = 0_u64;
    while left > 0 {
        key += 1;
        let lease =
            balancer.try_acquire(&Request::new("acme").key(&key.to_le_bytes())).expect("there is room");
        let address: SocketAddr = lease.endpoint().address()["http://".len()..].parse().expect("an address");
        let fails = !address.port().is_multiple_of(10);
        left -= usize::from(fails);
        lease.finish(if fails { Outcome::failure() } else { Outcome::success() });
    }
}

/// The number is the port's, so that a tenth is easy to tell.
fn socket(number: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], u16::try_from(10_000 + number).expect("a port")))
}

/// Pingora's load balancer: its selection by ketama.
#[cfg(feature = "pingora")]
mod select {
    use std::hint::black_box;

    use pingora_load_balancing::{LoadBalancer, selection::Consistent};
    use tenantry_benches::harness::Case;

    pub(super) fn case(endpoints: usize, down: bool, keys: &[String]) -> Case<'_> {
        let addresses = (0..endpoints).map(super::socket);
        let balancer = LoadBalancer::<Consistent>::try_from_iter(addresses).expect("these are addresses");
        for backend in balancer.backends().get_backend().iter().filter(|_| down) {
            let port = backend.addr.as_inet().expect("an address").port();
            balancer.backends().set_enable(backend, port.is_multiple_of(10));
        }
        Case::new(super::SELECT, move |first, count| {
            for number in first..first + count {
                black_box(balancer.select(keys[number % super::KEYS].as_bytes(), 256));
            }
        })
    }
}

const ONE: &str = "one endpoint";
const THEIRS: &str = "pingora-ketama";
const SELECT: &str = "pingora select";
const COLUMNS: [&str; 13] = [
    "endpoints",
    ONE,
    "p2c",
    "ketama",
    "ring",
    "maglev",
    "rendezvous",
    "the pick: ketama",
    "ring",
    "maglev",
    THEIRS,
    SELECT,
    "select to our decision",
];
const NOTES: [&str; 2] = [
    "Tenantry: try_acquire and drop, through the public API. The pick: what that takes beyond a pool of one endpoint.",
    "pingora-ketama: `Continuum::node`, which knows no health. pingora select: `LoadBalancer::select`, with --features pingora.",
];
/// A power of two, so that the remainder is a mask.
const KEYS: usize = 1_024;
const ROUNDS: usize = 21;
const UPDATES: usize = 11;
