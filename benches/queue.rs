//! What waiting costs: one request joins the queue, one seat is handed over, by how many tenants are backlogged.
//!
//! `cargo bench -p tenantry-benches --bench queue`. Every backlogged tenant has one request in line; each step finishes a lease, which hands
//! its seat to the next in line, and lets the tenant that got it join again. Each operation is timed by itself through the public interface,
//! so the figures include what every decision includes (identify, limit, settle) and one read of the clock.

use std::{
    future::Future,
    hint::black_box,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};

use tenantry::{Acquire, Balancer, CapacitySpec, Config, Lease, Outcome, QueueSpec, Request};
use tenantry_benches::{
    curves::{Curve, plot_curves},
    ids::{Spread, population, requests},
    report::{Table, figure, heading, progress, saved},
    stage,
};

fn main() {
    heading("Tenantry: joining the queue, and handing a seat over");
    let mut table = Table::new(
        "ns through the public interface: join (acquire), hand-over (finish), both; median and 99th percentile",
        &["tenants", "backlogged", "endpoints", "join p50", "p99", "hand-over p50", "p99", "both p50", "p99"],
    );
    let by_backlog =
        BY_BACKLOG.map(|backlogged| measure(&mut table, (backlogged * 10).min(MOST), backlogged, 3));
    let by_endpoints = BY_ENDPOINTS.map(|endpoints| measure(&mut table, MOST, MOST / 10, endpoints));
    table
        .print(&["Goal: both ≤ 1000 at the median and ≤ 2000 at p99, with 100 000 of a million backlogged."]);
    table.save("queue");
    crowd();
    let title = "joining the queue and handing a seat over";
    plot_curves("queue-by-backlog", title, "backlogged tenants", &curves(&BY_BACKLOG, &by_backlog));
    plot_curves(
        "queue-by-endpoints",
        title,
        "endpoints, with 100 000 backlogged",
        &curves(&BY_ENDPOINTS, &by_endpoints),
    );
    saved();
}

/// One size: median and 99th percentile of joining, of handing over, and of both.
fn measure(table: &mut Table, tenants: usize, backlogged: usize, endpoints: usize) -> [f64; 6] {
    progress(&format!("{backlogged} of {tenants} tenants backlogged, {endpoints} endpoints"));
    let population = population(tenants);
    let mut ids = requests(&population, Spread::Uniform, backlogged * 2, 7);
    ids.sort_unstable();
    ids.dedup();
    ids.truncate(backlogged);
    let mut bench = Bench::new(&population, shuffled(ids), endpoints);
    bench.join_all();
    bench.run(STEPS / 10);
    let (mut joins, mut handovers) = bench.run(STEPS);
    let mut both: Vec<u64> = joins.iter().zip(&handovers).map(|(join, handover)| join + handover).collect();
    for samples in [&mut joins, &mut handovers, &mut both] {
        samples.sort_unstable();
    }
    let figures = [(&joins, 50), (&joins, 99), (&handovers, 50), (&handovers, 99), (&both, 50), (&both, 99)]
        .map(|(samples, percent)| percentile(samples, percent));
    let sizes = [tenants, backlogged, endpoints].map(|size| size.to_string());
    table.push(sizes.into_iter().chain(figures.map(|nanos| figure(Some(nanos)))).collect());
    figures
}

/// A line for each figure, by size.
fn curves<const N: usize>(sizes: &[usize; N], figures: &[[f64; 6]; N]) -> Vec<Curve> {
    let curve = |(name, at): (&str, usize)| {
        #[expect(clippy::cast_precision_loss, reason = "sizes are far below 2⁵³")]
        let point = |(&size, figures): (&usize, &[f64; 6])| (size as f64, figures[at]);
        Curve::new(name, sizes.iter().zip(figures).map(point).collect())
    };
    [("both, p99", 5), ("both, median", 4), ("join, median", 0), ("hand-over, median", 2)].map(curve).into()
}

struct Bench {
    balancer: Balancer,
    ids: Vec<String>,
    woken: Arc<Mutex<Vec<usize>>>,
    wakers: Vec<Waker>,
    waiting: Vec<Option<Acquire>>,
    running: Vec<Lease>,
    /// Who got the last seat.
    served: usize,
}

/// Says which request was woken.
struct Slot {
    index: usize,
    woken: Arc<Mutex<Vec<usize>>>,
}

impl Wake for Slot {
    fn wake(self: Arc<Self>) {
        self.woken.lock().expect("nobody panics with it").push(self.index);
    }
}

impl Bench {
    /// All seats are taken, and nobody of `ids` waits yet.
    fn new(population: &[String], ids: Vec<String>, endpoints: usize) -> Self {
        let queue = QueueSpec::new().with_total(u32::MAX).with_timeout(Duration::from_secs(3_600));
        let pool = stage::pool(0, endpoints).with_capacity(CapacitySpec::fixed(SEATS)).with_queue(queue);
        let config =
            stage::with_tenants(Config::new().with_pool("pool-0", pool), population, &stage::tenant());
        let balancer = stage::build(config);
        let woken = Arc::new(Mutex::new(vec![]));
        let running = (0..SEATS)
            .map(|_| balancer.try_acquire_owned(&Request::new(&population[0])).expect("a seat is free"));
        let running = running.collect();
        let waiting = (0..ids.len()).map(|_| None).collect();
        let mut bench = Self { balancer, ids, woken, wakers: vec![], waiting, running, served: 0 };
        bench.wakers = (0..bench.ids.len()).map(|index| bench.waker(index)).collect();
        bench
    }

    /// Everybody asks once; how long each joining took.
    fn join_all(&mut self) -> Vec<u64> {
        (0..self.ids.len()).map(|index| nanos(self.join(index))).collect()
    }

    /// The request of that number joins the queue; how long that took.
    fn join(&mut self, index: usize) -> Duration {
        // Whoever asks has just read the id from somewhere: it is in the cache.
        let request = Request::new(black_box(&self.ids[index]));
        black_box(self.ids[index].bytes().fold(0_u8, u8::wrapping_add));
        let start = Instant::now();
        let mut acquire = self.balancer.acquire_owned(request);
        let took = start.elapsed();
        let polled = Pin::new(&mut acquire).poll(&mut Context::from_waker(&self.wakers[index]));
        assert!(polled.is_pending(), "every seat is taken");
        self.waiting[index] = Some(acquire);
        took
    }

    fn waker(&self, index: usize) -> Waker {
        Waker::from(Arc::new(Slot { index, woken: Arc::clone(&self.woken) }))
    }

    /// A lease ends; whoever gets its seat takes it. How long ending it took.
    fn hand_over(&mut self, lease: Lease) -> Duration {
        let start = Instant::now();
        lease.finish(Outcome::success());
        let took = start.elapsed();
        while let Some(index) = self.woken.lock().expect("nobody panics with it").pop() {
            let mut acquire = self.waiting[index].take().expect("it waited");
            match Pin::new(&mut acquire).poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(lease)) => self.running.push(lease),
                other => unreachable!("it was given a seat: {other:?}"),
            }
            self.served = index;
        }
        took
    }

    fn run(&mut self, steps: usize) -> (Vec<u64>, Vec<u64>) {
        let (mut joins, mut handovers) = (vec![], vec![]);
        for step in 0..steps {
            let lease = self.running.swap_remove(step % self.running.len());
            handovers.push(nanos(self.hand_over(lease)));
            joins.push(nanos(self.join(self.served)));
        }
        (joins, handovers)
    }
}

/// A crowd of tenants that ask once each, all at once, and go: the longest that any one operation took, since all others wait for it.
fn crowd() {
    let names = ["tenants", "join p50", "p99", "longest", "hand-over p50", "p99", "longest"];
    let mut table = Table::new("ns of one operation while a crowd comes and goes", &names);
    for size in CROWDS {
        progress(&format!("a crowd of {size}"));
        let population = population(size);
        let mut bench = Bench::new(&population, shuffled(population.clone()), 3);
        let mut joins = bench.join_all();
        let mut handovers = vec![];
        while let Some(lease) = bench.running.pop() {
            handovers.push(nanos(bench.hand_over(lease)));
        }
        let mut row = vec![size.to_string()];
        for samples in [&mut joins, &mut handovers] {
            samples.sort_unstable();
            row.extend([50, 99, 100].map(|percent| figure(Some(percentile(samples, percent)))));
        }
        table.push(row);
    }
    table.print(&["The longest of a hundred thousand includes whatever else the machine did."]);
    table.save("queue-crowd");
}

fn nanos(took: Duration) -> u64 {
    u64::try_from(took.as_nanos()).expect("short")
}

fn percentile(sorted: &[u64], percent: usize) -> f64 {
    let index = (sorted.len() * percent / 100).min(sorted.len() - 1);
    #[expect(clippy::cast_precision_loss, reason = "nanoseconds of one operation")]
    let nanos = sorted[index] as f64;
    nanos
}

/// In an order that memory does not know.
fn shuffled(mut ids: Vec<String>) -> Vec<String> {
    let mut word = 0x9e37_79b9_u64;
    for index in (1..ids.len()).rev() {
        word = word.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        ids.swap(index, usize::try_from(word >> 33).expect("31 bits") % (index + 1));
    }
    ids
}

const SEATS: u32 = 64;
const STEPS: usize = 400_000;
/// One request in ten tenants' waits, up to a million tenants.
const BY_BACKLOG: [usize; 6] = [100, 1_000, 10_000, 30_000, 100_000, 500_000];
const BY_ENDPOINTS: [usize; 4] = [3, 100, 1_000, 10_000];
const MOST: usize = 1_000_000;
const CROWDS: [usize; 3] = [1_000, 10_000, 100_000];
