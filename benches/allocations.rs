//! How much one decision allocates. `cargo bench -p tenantry-benches --bench allocations`
//!
//! A program of its own, because counting slows every allocation down: beside timings it would wrong the peers.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use allocation_counter::measure;
use tenantry::{Balancer, Outcome, Request};
use tenantry_benches::assembled::{Buffered, Exclusive, Locked, TenantLimits, runtime};
use tenantry_benches::floor::{Floor, Limits};
use tenantry_benches::ids::{Spread, population, requests};
use tenantry_benches::report::Table;
use tenantry_benches::stage;

fn main() {
    let mut table = Table::new(
        "Allocations of one decision (10k tenants, 10 endpoints), averaged over 100 000",
        &["what", "allocations", "bytes"],
    );
    let ids = population(10_000);
    let asked = requests(&ids, Spread::Zipf, DECISIONS, 1);
    ours(&mut table, &stage::balancer(&ids, 10), &asked);
    let floor = Floor::new(&ids, 10, Limits::roomy());
    table.push(row("floor", &asked, |id| floor.finish(&floor.try_acquire(id).expect("roomy"))));
    peers(&mut table, &TenantLimits::roomy(&ids), &asked);
    table.print(&["A decision of Tenantry must allocate nothing; core's tests hold it to that."]);
    table.save("allocations");
}

fn ours(table: &mut Table, balancer: &Balancer, asked: &[String]) {
    let owned = |id: &String| {
        let lease = balancer.try_acquire_owned(&Request::new(id)).expect("limits are roomy");
        lease.finish(Outcome::success());
    };
    let polled = |id: &String| {
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(lease) = pin!(balancer.acquire(Request::new(id))).poll(&mut context) else { return };
        lease.expect("limits are roomy").finish(Outcome::success());
    };
    let nobody = |_: &String| drop(black_box(balancer.try_acquire(&Request::new("nobody"))));
    table.push(row("tenantry: try_acquire + finish", asked, |id| stage::decide(balancer, id)));
    table.push(row("tenantry: try_acquire_owned + finish", asked, owned));
    table.push(row("tenantry: acquire, ready at once, + finish", asked, polled));
    table.push(row("tenantry: refused, unknown tenant", asked, nobody));
}

fn peers(table: &mut Table, limits: &TenantLimits, asked: &[String]) {
    let runtime = runtime();
    let _inside = runtime.enter();
    let mut exclusive = Exclusive::new(limits, 10);
    let locked = Locked::new(limits, 10);
    let buffered = Buffered::new(limits, 10);
    table.push(row("tower &mut", asked, |id| _ = runtime.block_on(exclusive.decide(id))));
    table.push(row("tower Mutex", asked, |id| _ = runtime.block_on(locked.decide(id))));
    table.push(row("tower Buffer", asked, |id| _ = runtime.block_on(buffered.decide(id))));
}

/// Counts after a first pass, in which tables may grow.
fn row(name: &str, asked: &[String], mut decide: impl FnMut(&String)) -> Vec<String> {
    asked.iter().for_each(&mut decide);
    let counted = measure(|| asked.iter().for_each(&mut decide));
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    let each = |total: u64| format!("{:.3}", total as f64 / asked.len() as f64);
    vec![name.to_owned(), each(counted.count_total), each(counted.bytes_total)]
}

const DECISIONS: usize = 100_000;
