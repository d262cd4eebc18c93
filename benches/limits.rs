//! A keyed rate check of Tenantry beside governor's: by tenants, spread, threads. `cargo bench -p tenantry-benches --bench limits`
//!
//! Both are asked whether one request of a tenant passes; nothing is ever refused. Every tenant of Tenantry has a rate of its own, which governor's keys share.

use std::hint::black_box;

use foldhash::fast::RandomState;
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter, clock::DefaultClock, state::keyed::DashMapStateStore,
};
use tenantry::{Balancer, Request, TenantHandle};
use tenantry_benches::floor::{Floor, Limits};
use tenantry_benches::harness::{Case, Measured, Worker, measure};
use tenantry_benches::ids::{Spread, population, requests};
use tenantry_benches::report::{Group, Table, figure, heading, plot, progress, saved, short, times};
use tenantry_benches::stage;

fn main() {
    heading("Tenantry: one check of a tenant's rate, beside governor's keyed limiter");
    let mut tables = [ONE, SHARED, DISJOINT].map(|threads| {
        let question = format!("One check, {threads}: ns on one thread, median of interleaved rounds");
        (threads, Table::new(question, &COLUMNS))
    });
    let mut growth = Growth::default();
    let mut groups = Vec::new();
    for (tenants, spread) in SITUATIONS {
        let name = format!("{} {}", short(tenants), spread.name());
        progress(&name);
        let scene = Scene::new(tenants, spread);
        for (threads, table) in &mut tables {
            let measured = scene.measure(threads);
            table.push(row(&name, &measured));
            growth.note(threads, spread, tenants, &measured);
            if *threads == ONE {
                groups.push(bars(&name, &measured));
            }
        }
    }
    for (threads, table) in &tables {
        table.print(&NOTES);
        table.save(&format!("limits-{}", threads.replace([' ', ','], "-")));
    }
    growth.table().print(&["goal: ≤ 2.5×"]);
    plot("limits-one-thread", "One check of a rate, one thread (lower is better)", &groups);
    saved();
}

/// Everybody who is asked, and what each thread asks.
struct Scene {
    ours: Balancer,
    strings: DefaultKeyedRateLimiter<String>,
    arrays: Arrays,
    floor: Floor,
    /// Both threads of everybody; then each of its own half.
    asked: [Asked; 4],
}

type Arrays = RateLimiter<[u8; 16], DashMapStateStore<[u8; 16], RandomState>, DefaultClock>;

/// The same requests in the form that each wants.
struct Asked {
    strings: Vec<String>,
    arrays: Vec<[u8; 16]>,
    handles: Vec<TenantHandle>,
}

impl Scene {
    fn new(tenants: usize, spread: Spread) -> Self {
        let ids = population(tenants);
        let ours = stage::limits_only(&ids);
        let quota = Quota::per_second(stage::PER_SECOND);
        let (strings, arrays) =
            (RateLimiter::keyed(quota), RateLimiter::dashmap_with_hasher(quota, RandomState::default()));
        for id in &ids {
            strings.check_key(id).expect("the first request of a key fits any burst");
            arrays.check_key(&array(id)).expect("the first request of a key fits any burst");
            ours.check(&Request::new(id)).expect("the first request of a tenant fits any burst");
        }
        let (left, right) = ids.split_at(tenants / 2);
        let asked = [(&ids[..], 1), (&ids[..], 2), (left, 3), (right, 4)];
        let asked = asked.map(|(ids, seed)| Asked::new(&ours, requests(ids, spread, REQUESTS, seed)));
        let floor = Floor::new(&ids, 2, Limits::roomy());
        Self { ours, strings, arrays, floor, asked }
    }

    fn measure(&self, threads: &str) -> Measured {
        let cases: Vec<_> = CASES
            .into_iter()
            .map(|who| match (threads, &self.asked) {
                (ONE, [asked, ..]) => Case::new(who, self.worker(who, asked)),
                (SHARED, [left, right, ..]) | (_, [.., left, right]) => {
                    Case::pair(who, [self.worker(who, left), self.worker(who, right)])
                }
            })
            .collect();
        measure(cases, ROUNDS)
    }

    fn worker<'a>(&'a self, who: &str, asked: &'a Asked) -> Worker<'a> {
        let Self { ours, strings, arrays, floor, .. } = self;
        match who {
            OURS => each(&asked.strings, |id| ours.check(&Request::new(id)).is_ok()),
            HANDLE => each(&asked.handles, |handle| ours.check(&Request::of(handle)).is_ok()),
            STRINGS => each(&asked.strings, |id| strings.check_key(id).is_ok()),
            FLOOR => each(&asked.strings, |id| floor.check(id)),
            CLOCK => each(&asked.strings, |_| floor.now() > 0),
            _ => each(&asked.arrays, |id| arrays.check_key(id).is_ok()),
        }
    }
}

impl Asked {
    fn new(ours: &Balancer, strings: Vec<String>) -> Self {
        let arrays = strings.iter().map(|id| array(id)).collect();
        let handles = strings.iter().map(|id| ours.handle_of(id)).collect();
        Self { strings, arrays, handles }
    }
}

fn each<'a, T: Sync>(asked: &'a [T], check: impl Fn(&T) -> bool + Send + 'a) -> Worker<'a> {
    Box::new(move |first, count| {
        for at in first..first + count {
            assert!(check(black_box(&asked[at % REQUESTS])), "the limits are roomy");
        }
    })
}

fn array(id: &str) -> [u8; 16] {
    id.as_bytes().try_into().expect("ids have 16 bytes")
}

fn row(name: &str, measured: &Measured) -> Vec<String> {
    let mut row = vec![name.to_owned()];
    row.extend(CASES.map(|case| figure(measured.ns(case))));
    for (case, to) in [
        (STRINGS, OURS),
        (ARRAYS, OURS),
        (STRINGS, HANDLE),
        (ARRAYS, HANDLE),
        (STRINGS, FLOOR),
        (OURS, FLOOR),
    ] {
        let quartiles = [0.25, 0.75].map(|share| figure(measured.ratio_at(case, to, share)));
        row.push(format!("{} ({})", times(measured.ratio(case, to)), quartiles.join("–")));
    }
    row.push(format!("{}/{ROUNDS}", measured.clean(OURS).min(measured.clean(STRINGS))));
    row
}

fn bars(name: &str, measured: &Measured) -> Group {
    let bar = |case: &str| (case.to_owned(), measured.ns(case).unwrap_or(0.0));
    Group::new(name, CASES.map(bar).into())
}

/// What a hundred times the tenants costs.
#[derive(Default)]
struct Growth(Vec<(String, usize, [Option<f64>; CASES.len()])>);

impl Growth {
    fn note(&mut self, threads: &str, spread: Spread, tenants: usize, measured: &Measured) {
        let what = format!("{threads}, {}", spread.name());
        self.0.push((what, tenants, CASES.map(|case| measured.ns(case))));
    }

    fn table(&self) -> Table {
        let mut table = Table::new(
            "1M tenants, as a multiple of 10k",
            &["threads, spread", OURS, HANDLE, STRINGS, ARRAYS, FLOOR, CLOCK],
        );
        for (what, _, few) in self.0.iter().filter(|(_, tenants, _)| *tenants == 10_000) {
            let many = self.0.iter().find(|(other, tenants, _)| other == what && *tenants == 1_000_000);
            let Some((.., many)) = many else { continue };
            let mut row = vec![what.clone()];
            row.extend(
                few.iter().zip(many).map(|(few, many)| times(many.zip(*few).map(|(many, few)| many / few))),
            );
            table.push(row);
        }
        table
    }
}

const ONE: &str = "one thread";
const SHARED: &str = "two threads, the same tenants";
const DISJOINT: &str = "two threads, each its own tenants";
const OURS: &str = "by id";
const HANDLE: &str = "by handle";
const STRINGS: &str = "governor String";
const ARRAYS: &str = "governor [u8; 16]";
const FLOOR: &str = "floor";
const CLOCK: &str = "clock";
const CASES: [&str; 6] = [OURS, HANDLE, STRINGS, ARRAYS, FLOOR, CLOCK];
const COLUMNS: [&str; 14] = [
    "tenants",
    OURS,
    HANDLE,
    STRINGS,
    ARRAYS,
    FLOOR,
    CLOCK,
    "String to id",
    "[u8; 16] to id",
    "String to handle",
    "[u8; 16] to handle",
    "String to floor",
    "id to floor",
    "rounds",
];
const NOTES: [&str; 3] = [
    "by id, by handle: Tenantry's `check`. String: governor's default keyed limiter; [u8; 16]: over DashMap with foldhash.",
    "floor: clock, lookup and one compare-and-swap over static tables, which count nothing; clock: reading it, nothing else. Everybody reads the time stamp counter by quanta.",
    "Ratios: median of the quotients within rounds, quartiles in brackets. Goal: ≥ 2× to String.",
];
const SITUATIONS: [(usize, Spread); 6] = [
    (10, Spread::Uniform),
    (10, Spread::Zipf),
    (10_000, Spread::Uniform),
    (10_000, Spread::Zipf),
    (1_000_000, Spread::Uniform),
    (1_000_000, Spread::Zipf),
];
/// Requests whose ids are laid out; a power of two, so that the remainder is a mask.
const REQUESTS: usize = 1 << 19;
const ROUNDS: usize = 61;
