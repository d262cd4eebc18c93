//! What an idle tenant keeps of memory, beside a key of governor's. `cargo bench -p tenantry-benches --bench memory`
//!
//! A program of its own, because its allocator counts. Counted is what stays allocated, everything in: the difference between so many tenants and none,
//! divided by their number, after each has asked once.

use std::num::NonZeroU32;

use allocation_counter::measure;
use foldhash::fast::RandomState;
use governor::{Quota, RateLimiter};
use tenantry::{Balancer, Config, PoolSpec, Rate, Request, TenantSpec};
use tenantry_benches::ids::population;
use tenantry_benches::report::{Table, short};
use tenantry_benches::stage;

fn main() {
    let quota = || Quota::per_second(NonZeroU32::new(1_000).expect("not zero"));
    let mut table = Table::new(
        "Bytes that one idle tenant keeps: 16-byte id, one rate (Tenantry: its own, and counts; governor: everybody's)",
        &["tenants", "tenantry", "one by one", "governor String", "governor [u8; 16]"],
    );
    for tenants in TENANTS {
        let ids = population(tenants);
        let ours = |ids: &[String]| kept(|| used(stage::build(config(ids)), ids));
        let one_by_one = |ids: &[String]| kept(|| used(grown(ids), ids));
        let strings = |ids: &[String]| {
            kept(|| {
                let limiter = RateLimiter::keyed(quota());
                ids.iter().for_each(|id| limiter.check_key(id).expect("the first fits"));
                limiter
            })
        };
        let arrays = |ids: &[String]| {
            kept(|| {
                let limiter = RateLimiter::dashmap_with_hasher(quota(), RandomState::default());
                let array = |id: &String| <[u8; 16]>::try_from(id.as_bytes()).expect("ids have 16 bytes");
                ids.iter().for_each(|id| limiter.check_key(&array(id)).expect("the first fits"));
                limiter
            })
        };
        let each = |(with, without): (i64, i64)| {
            #[expect(clippy::cast_precision_loss, reason = "bytes stay far below 2^52")]
            let bytes = (with - without) as f64 / tenants as f64;
            format!("{bytes:.1}")
        };
        table.push(vec![
            short(tenants),
            each((ours(&ids), ours(&[]))),
            each((one_by_one(&ids), one_by_one(&[]))),
            each((strings(&ids), strings(&[]))),
            each((arrays(&ids), arrays(&[]))),
        ]);
    }
    table.print(&[
        "tenantry: from one configuration. one by one: by `set_tenant`, as they come, so that tables have room to grow.",
        "Goal: ≤ 160 from 10k tenants on. A tenant's 128 bytes, 256 of the first 64 tenants, have room for ids up to 39 bytes, four rates, a cap and counts.",
    ]);
    table.save("memory");
}

/// Bytes that what is built keeps.
fn kept<T>(build: impl FnOnce() -> T) -> i64 {
    let mut built = None;
    let counted = measure(|| built = Some(build()));
    drop(built);
    counted.bytes_current
}

fn config(ids: &[String]) -> Config {
    let config = Config::new().with_pool("api", PoolSpec::new(["http://10.0.0.1:8080"]));
    stage::with_tenants(config, ids, &spec())
}

fn grown(ids: &[String]) -> Balancer {
    let balancer = stage::build(config(&[]));
    for id in ids {
        balancer.set_tenant(id, &spec()).expect("the terms are usable");
    }
    balancer
}

fn used(balancer: Balancer, ids: &[String]) -> Balancer {
    ids.iter().for_each(|id| balancer.check(&Request::new(id)).expect("the first fits"));
    balancer
}

fn spec() -> TenantSpec {
    TenantSpec::new().with_rate(Rate::per_second(1_000))
}

const TENANTS: [usize; 5] = [10, 1_000, 10_000, 100_000, 1_000_000];
