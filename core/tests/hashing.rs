//! Strategies by keys, through the door that users take: what nginx and Envoy answer, what waits, what is bounded.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::Barrier,
    task::{Context, Poll, Waker},
    thread,
};

use serde_json::{Value, json};
use tenantry::{
    Balancer, CapacitySpec, Config, EndpointSpec, Format, KetamaSpec, Lease, MaglevSpec, Outcome, PoolSpec,
    RendezvousSpec, Request, RingSpec, StrategySpec, TenantSpec,
};

fn balancer(pool: &Value) -> Balancer {
    let document = json!({ "pools": { "api": pool }, "tenants": { "acme": {} } });
    let config = Config::from_text(&document.to_string(), Format::Json).expect("the configuration is right");
    Balancer::new(config).expect("the configuration is right")
}

fn address(balancer: &Balancer, key: &[u8]) -> String {
    let lease = balancer.try_acquire(&Request::new("acme").key(key)).expect("there is room");
    let address = lease.endpoint().address().to_owned();
    lease.finish(Outcome::success());
    address
}

#[test]
fn every_captured_key_goes_where_nginx_sends_it() {
    let capture = include_str!("../../vectors/nginx-ketama.csv");
    let server =
        |port: u32, weight: u32| json!({ "address": format!("http://127.0.0.1:{port}"), "weight": weight });
    let pools = [
        (19_001..=19_005).map(|port| server(port, 1)).collect::<Vec<_>>(),
        vec![server(19_001, 1), server(19_002, 2), server(19_003, 5)],
        [19_001, 19_002, 19_004, 19_005].map(|port| server(port, 1)).into(),
    ];
    let mut compared = 0;
    for (pool, endpoints) in pools.iter().enumerate() {
        let balancer =
            balancer(&json!({ "strategy": "ketama", "capacity": 100_000, "endpoints": endpoints }));
        for line in capture.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            let expected = format!("http://127.0.0.1:{}", fields[pool + 1]);
            assert_eq!(address(&balancer, fields[0].as_bytes()), expected, "{line}");
            compared += 1;
        }
    }
    assert_eq!(compared, 6_000);
}

#[test]
fn every_key_goes_where_envoys_figures_put_its_hash() {
    let text = include_str!("../../vectors/envoy-picks.json");
    let document: Value = serde_json::from_str(text).expect("the vectors are JSON");
    let mut compared = 0;
    for case in document["cases"].as_array().expect("a list of cases") {
        let pool =
            json!({ "strategy": case["strategy"], "capacity": 100_000, "endpoints": case["endpoints"] });
        let balancer = balancer(&pool);
        for pick in case["picks"].as_array().expect("a list of picks") {
            let key = pick[0].as_str().expect("a key").as_bytes();
            assert_eq!(twox_hash::XxHash64::oneshot(0, key).to_string(), pick[1], "{pick}");
            assert_eq!(address(&balancer, key), pick[2], "{}: {pick}", case["name"]);
            compared += 1;
        }
    }
    assert!(compared >= 900);
}

fn specs() -> [StrategySpec; 4] {
    [KetamaSpec::new().into(), RingSpec::new().into(), MaglevSpec::new().into(), RendezvousSpec::new().into()]
}

fn bounded_specs(factor: f64) -> [StrategySpec; 4] {
    [
        KetamaSpec::new().with_bounded(factor).into(),
        RingSpec::new().with_bounded(factor).into(),
        MaglevSpec::new().with_bounded(factor).into(),
        RendezvousSpec::new().with_bounded(factor).into(),
    ]
}

fn pool(spec: StrategySpec, weights: &[u32]) -> PoolSpec {
    let endpoint =
        |(number, &weight)| EndpointSpec::new(format!("http://10.0.0.{number}:80")).with_weight(weight);
    PoolSpec::new((1..).zip(weights).map(endpoint))
        .with_strategy(spec)
        .with_capacity(CapacitySpec::fixed(100_000))
}

fn built(pool: PoolSpec) -> Balancer {
    let config = Config::new().with_pool("api", pool).with_tenant("acme", TenantSpec::new());
    Balancer::new(config).expect("the configuration is right")
}

fn in_flight(balancer: &Balancer) -> BTreeMap<String, u32> {
    let stats = balancer.stats();
    let endpoints = stats.pool("api").expect("the pool").endpoints().iter();
    endpoints.map(|endpoint| (endpoint.address().to_owned(), endpoint.in_flight())).collect()
}

#[test]
fn a_request_that_waited_goes_where_its_key_says() {
    for spec in specs() {
        let balancer = built(pool(spec.clone(), &[1; 20]).with_capacity(CapacitySpec::fixed(1)));
        let mut context = Context::from_waker(Waker::noop());
        for number in 0..50 {
            let key = format!("key-{number}");
            let expected = address(&balancer, key.as_bytes());
            let first = balancer.try_acquire(&Request::new("acme")).expect("there is room");
            let mut waits = balancer.acquire(Request::new("acme").key(key.as_bytes()));
            assert!(Pin::new(&mut waits).poll(&mut context).is_pending());
            first.finish(Outcome::success());
            let Poll::Ready(Ok(lease)) = Pin::new(&mut waits).poll(&mut context) else {
                unreachable!("the seat is free")
            };
            assert_eq!(lease.endpoint().address(), expected, "{spec:?}");
        }
    }
}

#[test]
fn a_hot_key_fills_its_endpoint_to_the_bound_and_then_the_next() {
    for spec in bounded_specs(1.25) {
        let balancer = built(pool(spec.clone(), &[1; 5]));
        let held: Vec<Lease<&Balancer>> = (1..=48_u32)
            .map(|in_flight| {
                let lease = balancer.try_acquire(&Request::new("acme").key(b"hot")).expect("there is room");
                let most = (in_flight * 125).div_ceil(500);
                let loads = self::in_flight(&balancer);
                assert!(loads[lease.endpoint().address()] <= most, "{spec:?}: {loads:?} of {in_flight}");
                lease
            })
            .collect();
        let mut loads: Vec<u32> = in_flight(&balancer).into_values().collect();
        loads.sort_unstable();
        // As HAProxy, whose rule is the same.
        assert_eq!(loads, [0, 12, 12, 12, 12], "{spec:?}");
        drop(held);
        assert!(in_flight(&balancer).values().all(|load| *load == 0));
        let one = balancer.try_acquire(&Request::new("acme").key(b"hot")).expect("there is room");
        assert_eq!(one.endpoint().address(), address(&built(pool(spec, &[1; 5])), b"hot"));
    }
}

#[test]
fn a_bound_lasts_over_updates_and_ends_with_its_setting() {
    let bounded = pool(KetamaSpec::new().with_bounded(1.0).into(), &[1, 1]);
    let balancer = built(bounded.clone());
    let hot = || balancer.try_acquire_owned(&Request::new("acme").key(b"hot")).expect("there is room");
    let mut held: Vec<Lease> = (0..10).map(|_| hot()).collect();
    assert!(in_flight(&balancer).values().all(|load| *load == 5));
    let config = |pool| Config::new().with_pool("api", pool).with_tenant("acme", TenantSpec::new());
    balancer.reconfigure(config(pool(KetamaSpec::new().into(), &[1, 1]))).expect("usable");
    held.extend((0..10).map(|_| hot()));
    assert_eq!(in_flight(&balancer).into_values().max(), Some(15), "without a bound one takes all");
    balancer.reconfigure(config(bounded)).expect("usable");
    held.clear();
    assert!(in_flight(&balancer).values().all(|load| *load == 0));
    held.extend((0..10).map(|_| hot()));
    assert!(in_flight(&balancer).values().all(|load| *load == 5));
}

#[test]
fn a_bound_gives_way_only_where_caps_leave_no_other_place() {
    let capped = EndpointSpec::new("http://10.0.0.1:80").with_max_in_flight(2);
    let spec = RendezvousSpec::new().with_bounded(1.0);
    let pool = PoolSpec::new([capped]).with_endpoint("http://10.0.0.2:80").with_strategy(spec);
    let balancer = built(pool.with_capacity(CapacitySpec::fixed(100)));
    let held: Vec<_> = (0..20_u32)
        .map(|key| {
            balancer.try_acquire(&Request::new("acme").key(&key.to_le_bytes())).expect("there is room")
        })
        .collect();
    assert_eq!(in_flight(&balancer).into_values().collect::<Vec<_>>(), [2, 18]);
    drop(held);
}

#[test]
fn a_bound_holds_while_endpoints_are_ejected() {
    for spec in bounded_specs(1.25) {
        let balancer = built(pool(spec.clone(), &[1; 10]));
        let victim = address(&balancer, b"hot");
        for _ in 0..5 {
            let lease = balancer.try_acquire(&Request::new("acme").key(b"hot")).expect("there is room");
            assert_eq!(lease.endpoint().address(), victim);
            lease.finish(Outcome::failure());
        }
        let held: Vec<_> = (0..90)
            .map(|_| balancer.try_acquire(&Request::new("acme").key(b"hot")).expect("there is room"))
            .collect();
        let loads = in_flight(&balancer);
        assert_eq!(loads[&victim], 0, "{spec:?}: it is ejected");
        // 1.25 · 90 / 9: the weights of those that are left.
        assert_eq!(loads.values().max(), Some(&13), "{spec:?}: {loads:?}");
        drop(held);
    }
}

#[test]
fn many_threads_never_exceed_a_bound_and_leave_nothing_behind() {
    for spec in bounded_specs(1.25) {
        let balancer = built(pool(spec.clone(), &[1, 2, 3, 2]));
        let start = Barrier::new(4);
        thread::scope(|scope| {
            for thread in 0..4 {
                let (balancer, start) = (&balancer, &start);
                scope.spawn(move || come_and_go(balancer, thread, start));
            }
        });
        let loads = in_flight(&balancer);
        assert!(loads.values().all(|load| *load == 0), "{spec:?}: {loads:?}");
        // And the count of what is in flight is right, or these would not be spread so.
        let held: Vec<_> = (0..80)
            .map(|_| balancer.try_acquire(&Request::new("acme").key(b"hot")).expect("there is room"))
            .collect();
        let most: Vec<u32> = [1, 2, 3, 2].map(|weight: u32| (80 * weight * 125).div_ceil(800)).into();
        let loads: Vec<u32> = in_flight(&balancer).into_values().collect();
        assert!(loads.iter().zip(&most).all(|(load, most)| load <= most), "{spec:?}: {loads:?} of {most:?}");
        drop(held);
    }
}

#[test]
fn a_shard_keeps_keys_together_and_moves_only_those_of_an_endpoint_that_goes() {
    for spec in specs() {
        let of = |count: u32| {
            let pool = pool(spec.clone(), &vec![1; count as usize]);
            let config = Config::new().with_pool("api", pool).with_seed(5);
            built_from(config.with_tenant("acme", TenantSpec::new().with_shard(4)))
        };
        let map = |balancer: &Balancer| -> BTreeMap<u32, String> {
            (0..500_u32).map(|key| (key, address(balancer, &key.to_le_bytes()))).collect()
        };
        let before = map(&of(20));
        let shard: std::collections::BTreeSet<&String> = before.values().collect();
        assert_eq!(shard.len(), 4, "{spec:?}");
        assert_eq!(before, map(&of(20)), "{spec:?}");
        let after = map(&of(19));
        let gone = "http://10.0.0.20:80";
        let joined: Vec<&String> = after.values().filter(|address| !shard.contains(address)).collect();
        for (key, address) in &before {
            assert!(after[key] == *address || address == gone || joined.contains(&&after[key]), "{spec:?}");
        }
    }
}

fn built_from(config: Config) -> Balancer {
    Balancer::new(config).expect("the configuration is right")
}

fn come_and_go(balancer: &Balancer, thread: u32, start: &Barrier) {
    start.wait();
    let mut held = vec![];
    for number in 0..3_000_u32 {
        let key = (number % 3).to_le_bytes();
        held.push(balancer.try_acquire(&Request::new("acme").key(&key)).expect("there is room"));
        if held.len() > 20 {
            drop(held.swap_remove(((number * 7 + thread) % 20) as usize));
        }
    }
}
