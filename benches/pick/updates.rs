//! From a pool of endpoints to the same without one, and back: checked and in force.

use std::hint::black_box;
use std::time::Instant;

use pingora_ketama::Continuum;
use tenantry::{EndpointChange, EndpointSpec, StrategySpec};
use tenantry_benches::report::{Table, figure, progress, times};

use super::{buckets, ours};

pub(super) fn print() {
    let columns: Vec<&str> = ["endpoints", "by"]
        .into_iter()
        .chain(ours::STRATEGIES.iter().map(|&(name, _)| name))
        .chain([THEIRS[0], "to ketama", THEIRS[1], "to ketama"])
        .collect();
    let mut table = Table::new("An update that removes one endpoint: ms, median", &columns);
    for endpoints in [100, 1_000, 10_000] {
        progress(&format!("updates of {endpoints}"));
        let buckets = buckets(endpoints - 1);
        let lookup = Some(median_ms(|_| drop(black_box(Continuum::new(&buckets)))));
        let theirs = [lookup, pingora_ms(endpoints)];
        for (by, update) in WAYS {
            let ours = ours::STRATEGIES.map(|(name, spec)| (name, update(spec, endpoints)));
            let ketama = ours.iter().find(|(name, _)| *name == "ketama").map(|&(_, ms)| ms);
            let mut row = vec![endpoints.to_string(), by.to_owned()];
            row.extend(ours.iter().map(|&(_, ms)| figure(Some(ms))));
            for ms in theirs {
                row.extend([figure(ms), times(ms.zip(ketama).map(|(theirs, ours)| theirs / ours))]);
            }
            table.push(row);
        }
    }
    table.print(&["Tenantry: as a whole, with the endpoints' states, shards and health; p2c has nothing to lay out. Pingora's are built anew, as its update does."]);
    table.save("pick-updates");
}

fn reconfigure(spec: fn() -> StrategySpec, endpoints: usize) -> f64 {
    let balancer = ours::balancer(spec(), endpoints);
    let configs = [endpoints - 1, endpoints].map(|count| ours::config(spec(), count));
    median_ms(|number| balancer.reconfigure(configs[number % 2].clone()).expect("it is usable"))
}

fn change(spec: fn() -> StrategySpec, endpoints: usize) -> f64 {
    let balancer = ours::balancer(spec(), endpoints);
    let one = ours::address(endpoints / 2);
    let changes = [EndpointChange::Remove(one.clone()), EndpointChange::Add(EndpointSpec::new(one))];
    median_ms(|number| {
        let change = &changes[number % 2];
        balancer.change_endpoints("api", std::slice::from_ref(change)).expect("it is usable");
    })
}

#[cfg(feature = "pingora")]
fn pingora_ms(endpoints: usize) -> Option<f64> {
    use pingora_load_balancing::selection::Consistent;
    Some(median_ms(|_| drop(black_box(super::pingora::build::<Consistent>(endpoints - 1)))))
}

#[cfg(not(feature = "pingora"))]
const fn pingora_ms(_: usize) -> Option<f64> {
    None
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

type Way = (&'static str, fn(fn() -> StrategySpec, usize) -> f64);

const WAYS: [Way; 2] = [("reconfigure", reconfigure), ("change_endpoints", change)];
const THEIRS: [&str; 2] = ["pingora-ketama", "Pingora consistent"];
const UPDATES: usize = 11;
