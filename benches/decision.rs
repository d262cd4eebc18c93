//! `try_acquire` + `finish` by tenants, endpoints and threads, under criterion.
//!
//! `cargo bench -p tenantry-benches --bench decision`. Two threads start at a barrier and run the same loop at the same
//! time; the figure is the time of one operation on one thread. Tenant ids are drawn by Zipf's law from the whole population.

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion};
use tenantry::Balancer;
use tenantry_benches::ids::{Spread, population, requests};
use tenantry_benches::report::{Table, figure, heading};
use tenantry_benches::stage;

fn main() {
    heading("Tenantry: try_acquire + finish, by criterion");
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .without_plots()
        .configure_from_args();
    let mut table = Table::new(
        "try_acquire + finish: ns of one operation on one thread, median of criterion's samples",
        &["tenants × endpoints", "one thread", "two threads"],
    );
    for tenants in [1, 10_000, 1_000_000] {
        let ids = population(tenants);
        let asked = [1, 2].map(|seed| requests(&ids, Spread::Zipf, REQUESTS, seed));
        for endpoints in [3, 100, 10_000] {
            let balancer = stage::balancer(&ids, endpoints);
            let mut row = vec![format!("{tenants} × {endpoints}")];
            for threads in [1, 2] {
                row.push(figure(bench(&mut criterion, &balancer, &asked[..threads], &row[0])));
            }
            table.push(row);
        }
    }
    criterion.final_summary();
    table.print(&["Compare within one run only; `compare` has the ratios to the floor and to the peers."]);
    table.save("decision");
}

fn bench(criterion: &mut Criterion, balancer: &Balancer, asked: &[Vec<String>], name: &str) -> Option<f64> {
    let mut samples = Vec::new();
    let mut next = 0;
    let mut group = criterion.benchmark_group(format!("decision/{} threads", asked.len()));
    group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
        bencher.iter_custom(|iterations| {
            let count = usize::try_from(iterations).expect("a count of operations");
            let took = timed(balancer, asked, next, count);
            next += count;
            #[expect(clippy::cast_precision_loss, reason = "a figure of three digits")]
            samples.push(took.as_secs_f64() * 1e9 / iterations as f64);
            took
        });
    });
    group.finish();
    // The first samples are criterion's warm-up, of few operations each.
    let mut samples = samples.split_off(samples.len().saturating_sub(10));
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied()
}

/// The longest of the threads that ran at once.
fn timed(balancer: &Balancer, asked: &[Vec<String>], first: usize, count: usize) -> Duration {
    if let [asked] = asked {
        return run(balancer, asked, first, count);
    }
    let barrier = Barrier::new(asked.len());
    thread::scope(|scope| {
        let start = |asked| {
            let barrier = &barrier;
            scope.spawn(move || {
                run(balancer, asked, first, count.min(WARM_UP));
                barrier.wait();
                run(balancer, asked, first + WARM_UP, count)
            })
        };
        let threads: Vec<_> = asked.iter().map(Vec::as_slice).map(start).collect();
        let times = threads.into_iter().map(|thread| thread.join().expect("a decision does not panic"));
        times.max().unwrap_or_default()
    })
}

fn run(balancer: &Balancer, asked: &[String], first: usize, count: usize) -> Duration {
    let start = Instant::now();
    for at in first..first + count {
        stage::decide(balancer, &asked[at % REQUESTS]);
    }
    start.elapsed()
}

/// A power of two, so that the remainder is a mask.
const REQUESTS: usize = 1 << 19;
const WARM_UP: usize = 1_000;
