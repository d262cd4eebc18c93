//! What a pick costs, and an update: by strategy and number of endpoints, beside tower and Pingora. `cargo bench -p tenantry-benches --bench pick`,
//! with `--features pingora` also beside its load balancer's `select`, which takes a while to build and wants cmake.
//!
//! Tenantry is measured through the public API, by whole decisions. The pick is what one takes beyond the same decision of a pool with one endpoint, where
//! there is nothing to choose, and what counting a request in flight takes, which both have. Peers pick, and nothing else.

mod ours;
#[cfg(feature = "pingora")]
mod pingora;
mod tower;
mod updates;

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;

use pingora_ketama::{Bucket, Continuum};
use tenantry_benches::harness::{Case, Measured, measure_warm};
use tenantry_benches::report::{Table, figure, heading, progress, saved, times};

fn main() {
    heading("Tenantry: a pick");
    for (state, down) in [("all up", false), ("nine of ten down", true)] {
        let sizes = SIZES.into_iter().filter(|&endpoints| !down || endpoints >= 10);
        let measured: Vec<_> = sizes.map(|endpoints| (endpoints, compare(endpoints, down))).collect();
        print(state, &measured);
    }
    updates::print();
    saved();
}

fn compare(endpoints: usize, down: bool) -> Measured {
    progress(&format!("{endpoints} endpoints{}", if down { ", nine of ten down" } else { "" }));
    let mut cases = vec![ours::case(ONE, &ours::balancer(ours::STRATEGIES[0].1(), 1)), counting()];
    cases.extend(ours::STRATEGIES.map(|(name, spec)| {
        let balancer = ours::balancer(spec(), endpoints);
        if down {
            ours::eject_most(&balancer, endpoints);
        }
        ours::case(name, &balancer)
    }));
    cases.extend(tower::cases(endpoints, down));
    if !down {
        let continuum = Continuum::new(&buckets(endpoints));
        cases.push(Case::new(KETAMA, move |first, count| {
            for number in first..first + count {
                black_box(continuum.node(&key(number)));
            }
        }));
    }
    #[cfg(feature = "pingora")]
    cases.extend(pingora::cases(endpoints, down));
    measure_warm(cases, ROUNDS, if endpoints < 1_000 { 1 } else { WARM_UPS })
}

/// Tables by endpoints: rows are strategies, peers, and pairs of both.
fn print(state: &str, measured: &[(usize, Measured)]) {
    let table = |question: &str, rows: Vec<Vec<String>>| {
        let sizes = measured.iter().map(|(endpoints, _)| endpoints.to_string());
        let columns: Vec<String> =
            std::iter::once(String::new()).chain(sizes).chain([GROWTH.to_owned()]).collect();
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        let mut table = Table::new(format!("{question}, {state}"), &columns);
        rows.into_iter().for_each(|row| table.push(row));
        table
    };
    let cells = |name: &str, cell: &dyn Fn(&Measured) -> String| {
        std::iter::once(name.to_owned()).chain(measured.iter().map(|(_, measured)| cell(measured))).collect()
    };
    let row = |name: &str, of: &dyn Fn(&Measured) -> Option<f64>| {
        let at = |size: usize| measured.iter().find(|&&(endpoints, _)| endpoints == size);
        let growth = at(10_000).zip(at(10)).and_then(|((_, many), (_, few))| Some(of(many)? / of(few)?));
        let row: Vec<String> = cells(name, &|measured| figure(of(measured)));
        [row, vec![times(growth)]].concat()
    };
    let ours = || ours::STRATEGIES.iter().map(|&(name, _)| name);
    let picks = ours().map(|name| row(name, &|measured| pick(measured, name)));
    let peers = [PENDING, PEAK, KETAMA].into_iter().chain(SELECTIONS);
    let peers = peers.map(|name| row(name, &|measured| measured.ns(name)));
    let ratios = PAIRS.map(|(peer, name)| {
        cells(&format!("{peer} to {name}"), &|measured| {
            times(measured.ns(peer).zip(pick(measured, name)).map(|(peer, ours)| peer / ours))
        })
    });
    let decisions = ours().chain([ONE]).map(|name| row(name, &|measured| measured.ns(name)));
    for (question, rows, file) in [
        ("The pick: ns by endpoints", picks.chain(peers).collect(), "pick"),
        ("A peer's pick to ours", ratios.to_vec(), "pick-ratio"),
        ("The whole decision: ns by endpoints", decisions.collect(), "pick-decision"),
    ] {
        let table = table(question, rows);
        table.print(&[]);
        table.save(&format!("{file}-{}", state.replace(' ', "-")));
    }
}

/// What a decision takes beyond that of a pool of one, where that is anything, and counting a request in flight.
fn pick(measured: &Measured, name: &str) -> Option<f64> {
    Some(measured.beyond(name, ONE)?.max(0.0) + measured.ns(COUNTING)?)
}

/// How a request is counted in flight: a reference more, and one less.
fn counting() -> Case<'static> {
    let endpoint = Arc::new(0_u64);
    Case::new(COUNTING, move |first, count| {
        for _ in first..first + count {
            drop(black_box(Arc::clone(&endpoint)));
        }
    })
}

fn buckets(endpoints: usize) -> Vec<Bucket> {
    (0..endpoints).map(|number| Bucket::new(socket(number), 1)).collect()
}

/// Where strategies and peers go by one: another for each request, so that all endpoints are asked for.
fn key(number: usize) -> [u8; 8] {
    (number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes()
}

/// The number is the port's, so that a tenth is easy to tell.
fn socket(number: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], u16::try_from(10_000 + number).expect("a port")))
}

/// Whether it is one of those that stay up where nine of ten are down.
fn stays_up(address: &SocketAddr) -> bool {
    address.port().is_multiple_of(10)
}

const SIZES: [usize; 5] = [3, 10, 100, 1_000, 10_000];
const ONE: &str = "one endpoint";
const COUNTING: &str = "counting";
const PENDING: &str = "tower p2c, pending";
const PEAK: &str = "tower p2c, peak EWMA";
const KETAMA: &str = "pingora-ketama";
/// Pingora's `select`, by kind.
const SELECTIONS: [&str; 4] = ["pingora round robin", "pingora random", "pingora FNV", "pingora consistent"];
const GROWTH: &str = "10 000 to 10";
/// Each peer beside what does the like.
const PAIRS: [(&str, &str); 10] = [
    (PENDING, "p2c"),
    (PEAK, "p2c"),
    (SELECTIONS[0], "round robin"),
    (SELECTIONS[0], "weighted"),
    (SELECTIONS[1], "random"),
    (SELECTIONS[2], "maglev"),
    (SELECTIONS[3], "ketama"),
    (SELECTIONS[3], "ring"),
    (KETAMA, "ketama"),
    (KETAMA, "ring"),
];
const ROUNDS: usize = 31;
/// So that all of a thousand endpoints and more are visited before the clock runs.
const WARM_UPS: usize = 8;
