//! A decision of Tenantry beside the floor under it and beside the stack that a user assembles today.
//!
//! `cargo bench -p tenantry-benches --bench compare`, with `-- decision` or `-- steps` for one half.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tenantry::{
    Balancer, CapacitySpec, Clock, Config, ManualClock, Outcome, PoolSpec, Rate, Request, StrategySpec,
    SystemClock, TenantSpec,
};
use tenantry_benches::assembled::{Buffered, Exclusive, Locked, TenantLimits, runtime};
use tenantry_benches::floor::{Floor, Limits};
use tenantry_benches::harness::{Case, Measured, measure};
use tenantry_benches::ids::{Spread, population, requests};
use tenantry_benches::report::{Group, Table, figure, heading, plot, progress, saved, short, times};
use tenantry_benches::stage;

fn main() {
    let wanted: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let runs = |part: &str| wanted.is_empty() || wanted.iter().any(|word| word == part);
    heading("Tenantry: one decision (try_acquire + finish) beside its floor and its alternative");
    if runs("steps") {
        steps();
    }
    if runs("decision") {
        decision();
    }
    saved();
}

/// The full decision, by tenants, endpoints and threads.
fn decision() {
    let mut one = Table::new(
        "The full decision, one thread: ns, median of interleaved rounds",
        &[
            "tenants × endpoints",
            "floor",
            "tenantry",
            "p10",
            "budget",
            "of budget",
            "to floor",
            "tower &mut",
            "ratio",
            "tower Buffer",
            "ratio",
        ],
    );
    let mut two = Table::new(
        "The full decision, two threads at once: ns of one operation on one thread",
        &[
            "tenants × endpoints",
            "floor",
            "tenantry",
            "to floor",
            "to one thread",
            "goal",
            "tower Mutex",
            "ratio",
        ],
    );
    let mut groups = Vec::new();
    for situation in Situation::all() {
        progress(&format!("{} tenants, {}", short(situation.tenants), situation.spread.name()));
        let scene = Scene::new(situation);
        for endpoints in [10, 1_000] {
            let name = format!("{} {} × {endpoints}", short(situation.tenants), situation.spread.name());
            let alone = scene.one_thread(endpoints);
            one.push(row_of_one(&name, &alone, situation.budget_ns));
            let pair = scene.two_threads(endpoints);
            two.push(row_of_two(&name, &pair, alone.ns(OURS), situation.goal));
            groups.push(bars(&name, &alone));
        }
    }
    one.print(&[
        "budget: see README.md here; a first version may stand at 1.3× of it. Goal to the floor: 1.2×.",
        "tower: governor keyed + a semaphore per tenant + Balance<PeakEwma>. Goals: ≥ 10× (Buffer 18×) to 10k tenants, ≥ 6× at 1M.",
    ]);
    two.print(&["goal: at most this multiple of one thread's cost. tower Mutex: goal ≥ 12×."]);
    one.save("decision-one-thread");
    two.save("decision-two-threads");
    plot("decision-one-thread", "One decision, one thread (lower is better)", &groups);
}

/// How many tenants, how they are named, and what the decision may cost then.
#[derive(Clone, Copy)]
struct Situation {
    tenants: usize,
    spread: Spread,
    budget_ns: f64,
    /// Two threads, as a multiple of one.
    goal: f64,
}

impl Situation {
    fn all() -> [Self; 4] {
        let situation = |tenants, spread, budget_ns, goal| Self { tenants, spread, budget_ns, goal };
        [
            situation(1, Spread::Uniform, 100.0, 3.0),
            situation(10_000, Spread::Zipf, 110.0, 1.5),
            situation(1_000_000, Spread::Zipf, 220.0, 1.5),
            situation(1_000_000, Spread::Uniform, 350.0, 1.5),
        ]
    }
}

/// The population of a situation, what it asks, and the peers' limits for it.
struct Scene {
    ids: Vec<String>,
    requests: [Vec<String>; 2],
    limits: TenantLimits,
}

impl Scene {
    fn new(situation: Situation) -> Self {
        let ids = population(situation.tenants);
        let requests = [1, 2].map(|seed| requests(&ids, situation.spread, REQUESTS, seed));
        let limits = TenantLimits::roomy(&ids);
        Self { ids, requests, limits }
    }

    fn one_thread(&self, endpoints: usize) -> Measured {
        let floor = Floor::new(&self.ids, endpoints, Limits::roomy());
        let ours = stage::balancer(&self.ids, endpoints);
        let asked = &self.requests[0];
        let mut exclusive = Exclusive::new(&self.limits, endpoints);
        let (alone, shared) = (runtime(), runtime());
        let buffered = {
            let _inside = shared.enter();
            Buffered::new(&self.limits, endpoints)
        };
        let tower = move |first, count| {
            alone.block_on(async {
                for at in first..first + count {
                    exclusive.decide(&asked[at % REQUESTS]).await.expect("limits are roomy");
                }
            });
        };
        let buffer = move |first, count| {
            shared.block_on(async {
                for at in first..first + count {
                    buffered.decide(&asked[at % REQUESTS]).await.expect("limits are roomy");
                }
            });
        };
        let cases = vec![
            Case::new(FLOOR, on_floor(&floor, asked)),
            Case::new(OURS, on_ours(&ours, asked)),
            Case::new(TOWER, tower),
            Case::new(BUFFER, buffer),
        ];
        measure(cases, ROUNDS)
    }

    fn two_threads(&self, endpoints: usize) -> Measured {
        let floor = Floor::new(&self.ids, endpoints, Limits::roomy());
        let ours = stage::balancer(&self.ids, endpoints);
        let locked = Locked::new(&self.limits, endpoints);
        let [left, right] = &self.requests;
        let tower = |asked| {
            let (locked, runtime) = (&locked, runtime());
            move |first: usize, count: usize| {
                runtime.block_on(decide_all(locked, asked, first..first + count));
            }
        };
        let cases = vec![
            Case::pair(FLOOR, [Box::new(on_floor(&floor, left)), Box::new(on_floor(&floor, right))]),
            Case::pair(OURS, [Box::new(on_ours(&ours, left)), Box::new(on_ours(&ours, right))]),
            Case::pair(TOWER, [Box::new(tower(left)), Box::new(tower(right))]),
        ];
        measure(cases, ROUNDS)
    }
}

async fn decide_all(locked: &Locked<'_>, asked: &[String], span: std::ops::Range<usize>) {
    for at in span {
        locked.decide(&asked[at % REQUESTS]).await.expect("limits are roomy");
    }
}

fn on_floor<'a>(floor: &'a Floor, asked: &'a [String]) -> impl FnMut(usize, usize) + Send + 'a {
    move |first, count| {
        for at in first..first + count {
            let held = floor.try_acquire(&asked[at % REQUESTS]).expect("limits are roomy");
            floor.finish(&black_box(held));
        }
    }
}

fn on_ours<'a>(balancer: &'a Balancer, asked: &'a [String]) -> impl FnMut(usize, usize) + Send + 'a {
    move |first, count| {
        for at in first..first + count {
            stage::decide(balancer, &asked[at % REQUESTS]);
        }
    }
}

fn row_of_one(name: &str, measured: &Measured, budget: f64) -> Vec<String> {
    let ours = measured.ns(OURS);
    vec![
        name.to_owned(),
        figure(measured.ns(FLOOR)),
        figure(ours),
        figure(measured.p10(OURS)),
        figure(Some(budget)),
        times(ours.map(|ns| ns / budget)),
        times(measured.ratio(OURS, FLOOR)),
        figure(measured.ns(TOWER)),
        times(measured.ratio(TOWER, OURS)),
        figure(measured.ns(BUFFER)),
        times(measured.ratio(BUFFER, OURS)),
    ]
}

fn row_of_two(name: &str, measured: &Measured, alone: Option<f64>, goal: f64) -> Vec<String> {
    let ours = measured.ns(OURS);
    vec![
        name.to_owned(),
        figure(measured.ns(FLOOR)),
        figure(ours),
        times(measured.ratio(OURS, FLOOR)),
        times(ours.zip(alone).map(|(pair, alone)| pair / alone)),
        times(Some(goal)),
        figure(measured.ns(TOWER)),
        times(measured.ratio(TOWER, OURS)),
    ]
}

fn bars(name: &str, measured: &Measured) -> Group {
    let bar = |case: &str| (case.to_owned(), measured.ns(case).unwrap_or(0.0));
    Group::new(name, vec![bar(FLOOR), bar(OURS), bar(TOWER), bar(BUFFER)])
}

/// What can be told apart through the public interface, beside the budget of the steps it walks.
fn steps() {
    progress("steps");
    let ids = population(1);
    let id = ids[0].as_str();
    let with = |spec: &TenantSpec| stage::build(stage::with_tenants(pools(1, 10), &ids, spec));
    let floor = Floor::new(&ids, 10, Limits::roomy());
    let floor_spent = Floor::new(&ids, 10, Limits::spent());
    let floor_wide = Floor::new(&ids, 10_000, Limits::roomy());
    let floor_clock = quanta::Clock::new();
    let clock = SystemClock::new();
    let full = with(&stage::tenant());
    let spent = with(&TenantSpec::default().with_rate(Rate::per_second(1)));
    let full_house = with(&TenantSpec::default().with_max_in_flight(1));
    let _held = full_house.try_acquire_owned(&Request::new(id)).expect("the first is within the cap");
    let no_rate = with(&TenantSpec::default().with_max_in_flight(1_000));
    let no_limits = with(&TenantSpec::default());
    let ten_pools = stage::build(stage::with_tenants(pools(10, 10), &ids, &stage::tenant()));
    let endpoints = |count| stage::build(stage::with_tenants(pools(1, count), &ids, &stage::tenant()));
    let (single, hundred, myriad) = (endpoints(1), endpoints(100), endpoints(10_000));
    let in_turn = shaped(&ids, stage::pool(0, 10).with_strategy(StrategySpec::round_robin()));
    let adaptive = shaped(&ids, stage::pool(0, 10).with_capacity(CapacitySpec::adaptive()));
    let by_hand =
        Balancer::with_clock(stage::with_tenants(pools(1, 10), &ids, &stage::tenant()), ManualClock::new())
            .expect("the config is usable");
    let decide = |balancer| each(move || stage::decide(balancer, id));
    let lines = vec![
        (FULL, Some(100.0), decide(&full)),
        ("floor: the full decision", None, each(|| floor.finish(&floor.try_acquire(id).expect("roomy")))),
        ("clock, read once", Some(11.0), each(|| _ = black_box(clock.now()))),
        ("floor: clock, read once", None, each(|| _ = black_box(floor_clock.raw()))),
        ("unknown tenant: identify", Some(12.0), each(|| refuse(&full, "tenant-nobody-00"))),
        ("floor: unknown tenant", None, each(|| drop(black_box(floor.try_acquire("tenant-nobody-00"))))),
        ("refused by rate: identify, clock, limit", Some(40.0), each(|| refuse(&spent, id))),
        ("floor: refused by rate", None, each(|| drop(black_box(floor_spent.try_acquire(id))))),
        ("refused by the cap in flight", Some(40.0), each(|| refuse(&full_house, id))),
        ("full, tenant without a rate", None, decide(&no_rate)),
        ("full, tenant without any limit", None, decide(&no_limits)),
        ("full, clock moved by hand", None, decide(&by_hand)),
        ("full, one pool of ten, by name", None, each(|| of_pool(&ten_pools, id, "pool-7"))),
        ("full, one endpoint", None, decide(&single)),
        ("full, 100 endpoints", None, decide(&hundred)),
        ("full, 10 000 endpoints", None, decide(&myriad)),
        (
            "floor: 10 000 endpoints",
            None,
            each(|| floor_wide.finish(&floor_wide.try_acquire(id).expect("roomy"))),
        ),
        ("full, round robin", None, decide(&in_turn)),
        ("full, adaptive capacity", None, decide(&adaptive)),
        ("full, owned lease", None, each(|| owned(&full, id))),
        ("full, future ready at its first poll", None, each(|| polled(&full, id))),
        (
            "full, dropped without an outcome",
            None,
            each(|| drop(black_box(full.try_acquire(&Request::new(id))))),
        ),
    ];
    report_steps(lines);
}

fn report_steps(lines: Vec<(&str, Option<f64>, Loop<'_>)>) {
    let budgets: Vec<_> = lines.iter().map(|(name, budget, _)| ((*name).to_owned(), *budget)).collect();
    let cases = lines.into_iter().map(|(name, _, case)| Case::new(name, case)).collect();
    let measured = measure(cases, ROUNDS);
    let mut table = Table::new(
        "What the steps cost: one tenant, 10 endpoints unless said, one thread; ns",
        &["step", "ns", "p10", "budget", "of budget", "to the full decision", "rounds"],
    );
    for (name, budget) in &budgets {
        let ns = measured.ns(name);
        table.push(vec![
            name.clone(),
            figure(ns),
            figure(measured.p10(name)),
            figure(*budget),
            times(ns.zip(*budget).map(|(ns, budget)| ns / budget)),
            times(measured.ratio(name, FULL)),
            format!("{}/{ROUNDS}", measured.clean(name)),
        ]);
    }
    table.print(&["budget: see README.md here; hot, one thread."]);
    table.save("steps");
}

type Loop<'a> = Box<dyn FnMut(usize, usize) + Send + 'a>;

/// A loop around one operation, compiled as one.
fn each<'a>(mut run: impl FnMut() + Send + 'a) -> Loop<'a> {
    Box::new(move |_, count| {
        for _ in 0..count {
            run();
        }
    })
}

fn pools(count: usize, endpoints: usize) -> Config {
    stage::with_pools(Config::new(), count, endpoints)
}

fn shaped(ids: &[String], pool: PoolSpec) -> Balancer {
    stage::build(stage::with_tenants(Config::new().with_pool("pool-0", pool), ids, &stage::tenant()))
}

fn refuse(balancer: &Balancer, id: &str) {
    drop(black_box(balancer.try_acquire(&Request::new(id))));
}

fn of_pool(balancer: &Balancer, id: &str, pool: &str) {
    let lease = balancer.try_acquire(&Request::new(id).pool(pool)).expect("limits are roomy");
    black_box(lease.endpoint());
    lease.finish(Outcome::success());
}

fn owned(balancer: &Balancer, id: &str) {
    let lease = balancer.try_acquire_owned(&Request::new(id)).expect("limits are roomy");
    black_box(lease.endpoint());
    lease.finish(Outcome::success());
}

fn polled(balancer: &Balancer, id: &str) {
    let mut context = Context::from_waker(Waker::noop());
    let acquire = pin!(balancer.acquire(Request::new(id)));
    let Poll::Ready(lease) = acquire.poll(&mut context) else { return };
    lease.expect("limits are roomy").finish(Outcome::success());
}

const FLOOR: &str = "floor";
const OURS: &str = "tenantry";
const TOWER: &str = "tower";
const BUFFER: &str = "tower Buffer";
const FULL: &str = "the full decision";

/// Requests whose ids are laid out; a power of two, so that the remainder is a mask.
const REQUESTS: usize = 1 << 19;
const ROUNDS: usize = 41;
