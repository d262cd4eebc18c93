//! Shuffle sharding: a tenant's picks never leave its few endpoints, whatever happens to them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proptest::prelude::*;
use tenantry::{
    Balancer, CapacitySpec, Config, EndpointChange, EndpointSpec, ManualClock, Outcome, OutlierSpec,
    PoolSpec, Rejection, Request, StrategySpec, TenantSpec, TiersSpec, UnknownTenants,
};

fn pool(count: u32) -> PoolSpec {
    let outlier = OutlierSpec::new().with_consecutive_failures(1).with_max_ejected_percent(100);
    PoolSpec::new((0..count).map(|index| EndpointSpec::new(format!("e{index}"))))
        .with_outlier(outlier)
        .with_capacity(CapacitySpec::fixed(1_000_000))
}

fn start(pool: PoolSpec, shard: u32) -> (Balancer, ManualClock) {
    let sharded = || TenantSpec::new().with_shard(shard);
    let config = Config::new()
        .with_seed(3)
        .with_pool("api", pool)
        .with_tenant("whole", TenantSpec::new())
        .with_template("free", sharded())
        .with_unknown_tenants(UnknownTenants::template("free", 1_000));
    let clock = ManualClock::new();
    clock.advance(Duration::from_secs(1));
    (Balancer::with_clock(config, clock.clone()).expect("usable"), clock)
}

fn shares(balancer: &Balancer, tenant: &str, count: u32) -> BTreeMap<String, u32> {
    let mut shares = BTreeMap::new();
    for number in 0..count {
        let key = number.to_string();
        let request = Request::new(tenant).key(key.as_bytes());
        let lease = balancer.try_acquire(&request).expect("somebody serves");
        *shares.entry(lease.endpoint().address().to_owned()).or_default() += 1;
        lease.finish(Outcome::success());
    }
    shares
}

fn shard(balancer: &Balancer, tenant: &str) -> BTreeSet<String> {
    shares(balancer, tenant, 200).into_keys().collect()
}

#[test]
fn a_shard_is_always_the_same_and_shared_evenly() {
    for strategy in [StrategySpec::p2c(), StrategySpec::round_robin()] {
        let (balancer, _) = start(pool(20).with_strategy(strategy.clone()), 4);
        let shares = shares(&balancer, "a", 4_000);
        assert_eq!(shares.len(), 4, "{strategy:?}");
        assert!(shares.values().all(|share| (800..=1_200).contains(share)), "{strategy:?}: {shares:?}");
        let (again, _) = start(pool(20).with_strategy(strategy.clone()), 4);
        assert_eq!(shard(&again, "a"), shares.into_keys().collect(), "by the seed and the id alone");
        let others: BTreeSet<_> = (0..10).map(|id| shard(&again, &format!("t{id}"))).collect();
        assert!(others.len() > 8, "tenants differ: {others:?}");
        assert_eq!(shard(&again, "whole").len(), 20);
    }
}

#[test]
fn weights_count_within_a_shard() {
    let endpoints = (0..8).map(|index| EndpointSpec::new(format!("e{index}")).with_weight(index + 1));
    let spec = PoolSpec::new(endpoints).with_capacity(CapacitySpec::fixed(1_000));
    let (balancer, _) = start(spec.with_strategy(StrategySpec::round_robin()), 3);
    let shares = shares(&balancer, "a", 10_000);
    let weight = |address: &str| address[1..].parse::<u32>().expect("a number") + 1;
    let sum: u32 = shares.keys().map(|address| weight(address)).sum();
    for (address, share) in &shares {
        assert!(share.abs_diff(10_000 * weight(address) / sum) <= 20, "{shares:?}");
    }
}

#[test]
fn a_shard_that_is_ejected_as_a_whole_is_not_left() {
    for (panic, served) in [(50, true), (0, false)] {
        let (balancer, clock) = start(pool(10).with_tiers(TiersSpec::new().with_panic_percent(panic)), 2);
        let before = shard(&balancer, "a");
        for _ in 0..2 {
            balancer.try_acquire(&Request::new("a")).expect("one is left").finish(Outcome::failure());
        }
        let lease = balancer.try_acquire(&Request::new("a"));
        match &lease {
            Ok(lease) => assert!(served && before.contains(lease.endpoint().address())),
            Err(rejection) => assert!(!served && *rejection == Rejection::Saturated),
        }
        drop(lease);
        assert_eq!(shares(&balancer, "whole", 100).len(), 8, "everybody else goes on");
        clock.advance(Duration::from_secs(40));
        shares(&balancer, "a", 10);
        assert_eq!(shard(&balancer, "a"), before);
    }
}

#[test]
fn an_endpoint_less_replaces_one_at_most_and_one_more_takes_one_place_at_most() {
    let (balancer, _) = start(pool(12), 4);
    let tenants: Vec<String> = (0..50).map(|id| format!("t{id}")).collect();
    let shards = || tenants.iter().map(|id| shard(&balancer, id)).collect::<Vec<_>>();
    let before = shards();
    let drain = [EndpointChange::Drain("e3".into())];
    let remove = [EndpointChange::Remove("e3".into())];
    let mut last = before.clone();
    for changes in [&drain[..], &remove[..], &[EndpointChange::Add("new".into())]] {
        balancer.change_endpoints("api", changes).expect("it is there");
        let now = shards();
        for (last, now) in last.iter().zip(&now) {
            assert!(last.difference(now).count() <= 1 && now.len() == 4, "{last:?} to {now:?}");
        }
        last = now;
    }
    let replaced = before.iter().filter(|shard| shard.contains("e3")).count();
    assert!(replaced > 5 && last.iter().all(|shard| !shard.contains("e3")));
}

#[test]
fn every_tier_has_its_part_of_the_shard() {
    let endpoints = (0..8).map(|index| EndpointSpec::new(format!("e{index}")).with_priority(index / 4));
    let outlier = OutlierSpec::new().with_consecutive_failures(1).with_max_ejected_percent(100);
    let (balancer, _) = start(PoolSpec::new(endpoints).with_outlier(outlier), 2);
    let first = shard(&balancer, "a");
    assert_eq!(first.len(), 2);
    for _ in 0..2 {
        balancer.try_acquire(&Request::new("a")).expect("one is left").finish(Outcome::failure());
    }
    let second = shard(&balancer, "a");
    assert!(second.len() == 2 && second.is_disjoint(&first), "{first:?}, {second:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Invariant 9: whatever fails, drains, comes and goes, no pick leaves the shard of the moment.
    #[test]
    fn picks_never_leave_the_shard(
        steps in prop::collection::vec((0_u32..6, 0_u32..12), 1..60), size in 1_u32..5,
    ) {
        let (balancer, clock) = start(pool(12), size);
        let (plain, _) = start(pool(12).with_strategy(StrategySpec::round_robin()), size);
        let mut held = vec![];
        for (step, place) in steps {
            let address = format!("e{place}");
            let changed = match step {
                0 => Some(EndpointChange::Drain(address)),
                1 => Some(EndpointChange::Add(EndpointSpec::new(address))),
                2 => Some(EndpointChange::Reweigh(address, place)),
                _ => None,
            };
            if let Some(change) = changed {
                for balancer in [&balancer, &plain] {
                    balancer.change_endpoints("api", std::slice::from_ref(&change)).expect("it is there");
                }
            }
            clock.advance(Duration::from_millis(u64::from(place) * 900));
            // What it may be, by a balancer in which nothing fails.
            let allowed = match plain.try_acquire(&Request::new("a")) {
                Ok(_) => shard(&plain, "a"),
                Err(_) => BTreeSet::new(),
            };
            prop_assert!(allowed.len() <= size as usize);
            let Ok(lease) = balancer.try_acquire(&Request::new("a")) else { continue };
            prop_assert!(allowed.contains(lease.endpoint().address()), "{:?} not in {:?}", lease, allowed);
            match step {
                3 => lease.finish(Outcome::failure()),
                4 => held.push(lease),
                _ => lease.finish(Outcome::success()),
            }
        }
    }
}
