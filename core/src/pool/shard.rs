//! Shuffle sharding: the few endpoints of a pool that one tenant may use.
//!
//! Source: Amazon's shuffle sharding (MacCárthaigh, "Workload isolation using shuffle-sharding"), drawn by rendezvous hashing (Thaler and Ravishankar, 1998):
//! each endpoint has a score for each tenant, under a seed that nobody outside knows, and the best ones are its shard. To spread a shard
//! over zones, the best of each zone come first, then the second of each, and so on. Taking one endpoint out so replaces it in the shards that had it,
//! by one other, and changes nothing else; adding one enters a shard in place of one other, or not at all.
//!
//! *Where we differ*: a shard is of so many endpoints in each tier, so that a tenant has a way out when its first tier fails.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use arc_swap::{ArcSwapOption, Guard};

use siphasher::sip::SipHasher13;

use super::{Pool, tier::Tier};
use crate::{config::EndpointSpec, rng};

/// Whose shard, and of how many endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ShardKey {
    /// A hash of its id.
    pub(crate) tenant: u64,
    pub(crate) size: u32,
}

/// The shards of a pool as long as its endpoints are the same, as far as they are remembered.
#[derive(Debug)]
pub(super) struct Shards {
    /// What endpoints are told apart by, in the list's order.
    identities: Box<[Identity]>,
    seed: u64,
    /// Each the last shard that was asked for of the tenants that share the cell. Not there before the first.
    cells: OnceLock<Box<[ArcSwapOption<Shard>]>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    address: u64,
    zone: u64,
}

/// One tenant's endpoints, tier by tier.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shard {
    key: ShardKey,
    /// Places within each tier.
    tiers: Box<[Box<[u32]>]>,
}

impl Shard {
    /// Its places in a tier's list, in order.
    pub(super) fn places(&self, tier: usize) -> &[u32] {
        &self.tiers[tier]
    }

    /// Whether the endpoint at a place of the whole list is in it.
    pub(super) fn has(&self, place: usize, tiers: &[Tier]) -> bool {
        let tier = tiers.iter().position(|tier| tier.places().contains(&place));
        let within = |tier: usize| u32::try_from(place - tiers[tier].places().start).ok();
        tier.is_some_and(|tier| within(tier).is_some_and(|place| self.places(tier).contains(&place)))
    }
}

impl Pool {
    /// What a tenant's shard is drawn by: a hash that nobody without the seed can aim at somebody's shard.
    #[inline]
    pub(crate) fn shard_key(&self, tenant: &str, size: u32) -> ShardKey {
        let tenant = SipHasher13::new_with_keys(self.shards.seed, !self.shards.seed).hash(tenant.as_bytes());
        ShardKey { tenant, size }
    }
}

impl Shards {
    /// For endpoints in the list's order.
    pub(super) fn new<'a>(endpoints: impl Iterator<Item = &'a EndpointSpec>, seed: u64) -> Self {
        let identity = |endpoint: &EndpointSpec| Identity {
            address: rng::hash(endpoint.address().as_bytes()),
            zone: endpoint.zone().map_or(0, |zone| rng::hash(zone.as_bytes())),
        };
        Self { identities: endpoints.map(identity).collect(), seed, cells: OnceLock::new() }
    }

    /// Whether they would be drawn alike.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.identities == other.identities && self.seed == other.seed
    }

    /// One tenant's shard: remembered, or drawn now, which takes a look at every endpoint.
    pub(super) fn of(&self, key: ShardKey, tiers: &[Tier]) -> Guard<Option<Arc<Shard>>> {
        let cells = self.cells.get_or_init(|| (0..CELLS).map(|_| ArcSwapOption::empty()).collect());
        let place = rng::below((key.tenant >> 32) as u32, CELLS);
        let cell = &cells[place as usize];
        let known = cell.load();
        if known.as_ref().is_some_and(|shard| shard.key == key) {
            return known;
        }
        let drawn = tiers.iter().map(|tier| self.draw(key, tier.places())).collect();
        let shard = Some(Arc::new(Shard { key, tiers: drawn }));
        cell.store(shard.clone());
        Guard::from_inner(shard)
    }

    /// The shard among the endpoints of one tier.
    fn draw(&self, key: ShardKey, places: std::ops::Range<usize>) -> Box<[u32]> {
        let stream = rng::draw(self.seed, key.tenant);
        let scored = self.identities[places].iter().zip(0..);
        let mut scored: Vec<(u64, u32, u64)> = scored
            .map(|(identity, place)| (rng::draw(stream, identity.address), place, identity.zone))
            .collect();
        // The best first.
        scored.sort_unstable_by(|one, other| other.cmp(one));
        let mut taken: HashMap<u64, u32> = HashMap::new();
        let mut ranked: Vec<(u32, u32)> = scored
            .into_iter()
            .map(|(_, place, zone)| {
                let rank = taken.entry(zone).or_default();
                *rank += 1;
                (*rank, place)
            })
            .collect();
        // Stable: within one rank the best stay first.
        ranked.sort_by_key(|&(rank, _)| rank);
        let mut shard: Vec<u32> =
            ranked.into_iter().take(key.size as usize).map(|(_, place)| place).collect();
        shard.sort_unstable();
        shard.into()
    }
}

/// How many tenants' shards are remembered, at eight bytes for each and what a shard takes: the others' are drawn again.
const CELLS: u32 = 1 << 14;

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn endpoints(addresses: &[u32], zones: u32) -> Vec<EndpointSpec> {
        let endpoint = |address: &u32| {
            EndpointSpec::new(format!("http://10.0.0.{address}:80")).with_zone((address % zones).to_string())
        };
        addresses.iter().map(endpoint).collect()
    }

    fn shard(addresses: &[u32], zones: u32, tenant: u64, size: u32) -> BTreeSet<u32> {
        let shards = Shards::new(endpoints(addresses, zones).iter(), 5);
        let places = shards.draw(ShardKey { tenant, size }, 0..addresses.len());
        places.iter().map(|&place| addresses[place as usize]).collect()
    }

    proptest! {
        /// One endpoint less replaces at most itself, by one other; the order of the list does not matter.
        #[test]
        fn a_shard_changes_by_one_at_most(
            count in 2_u32..40, zones in 1_u32..5, size in 1_u32..8, tenant: u64, gone in 0_usize..40,
        ) {
            let all: Vec<u32> = (0..count).collect();
            let gone = gone % all.len();
            let lost_one = all[gone];
            let before = shard(&all, zones, tenant, size);
            let reversed: Vec<u32> = all.iter().rev().copied().collect();
            prop_assert_eq!(&shard(&reversed, zones, tenant, size), &before);
            let left: Vec<u32> = all.iter().copied().filter(|&address| address != lost_one).collect();
            let after = shard(&left, zones, tenant, size);
            prop_assert_eq!(after.len(), left.len().min(size as usize));
            let lost: Vec<_> = before.difference(&after).collect();
            if before.contains(&lost_one) {
                prop_assert_eq!(lost, [&lost_one]);
            } else {
                prop_assert_eq!(&after, &before);
            }
        }

        /// No zone has more than one endpoint more than another, as long as both have some left.
        #[test]
        fn a_shard_is_spread_over_zones(each in 1_u32..8, zones in 1_u32..5, size in 1_u32..16, tenant: u64) {
            let all: Vec<u32> = (0..each * zones).collect();
            let shard = shard(&all, zones, tenant, size);
            let held = |zone| shard.iter().filter(|&address| address % zones == zone).count();
            let counts: Vec<usize> = (0..zones).map(held).collect();
            prop_assert!(counts.iter().max().unwrap_or(&0) - counts.iter().min().unwrap_or(&0) <= 1, "{counts:?}");
        }
    }

    /// Infima's own figure: of 10 000 ids with 4 of 20 endpoints each endpoint is in 2 000 shards, within a tenth.
    #[test]
    fn every_endpoint_is_in_as_many_shards() {
        let (all, mut counts) = ((0..20).collect::<Vec<u32>>(), [0_u32; 20]);
        for tenant in 0..10_000_u64 {
            for address in shard(&all, 1, rng::hash(&tenant.to_le_bytes()), 4) {
                counts[address as usize] += 1;
            }
        }
        assert!(counts.iter().all(|count| (1_800..=2_200).contains(count)), "{counts:?}");
    }

    /// How many share how much: C(5, j) C(95, 5 − j) / C(100, 5), as in Amazon's table.
    #[test]
    fn two_tenants_seldom_share_more_than_one_endpoint() {
        let all: Vec<u32> = (0..100).collect();
        let first = shard(&all, 1, 1, 5);
        let mut shared = [0_u32; 6];
        for tenant in 0..20_000_u64 {
            let other = shard(&all, 1, rng::hash(&tenant.to_le_bytes()), 5);
            shared[first.intersection(&other).count()] += 1;
        }
        for (count, expected) in shared.iter().zip([0.7696, 0.2114, 0.0184, 0.000_593]) {
            let expected: f64 = expected * 20_000.0;
            assert!((f64::from(*count) - expected).abs() < 5.0 * expected.sqrt() + 1.0, "{shared:?}");
        }
    }

    #[test]
    fn another_seed_draws_other_shards_and_a_forgotten_one_is_drawn_again() {
        let endpoints = endpoints(&(0..50).collect::<Vec<_>>(), 1);
        let [one, other] = [1, 2].map(|seed| Shards::new(endpoints.iter(), seed));
        let key = ShardKey { tenant: 9, size: 4 };
        assert_ne!(one.draw(key, 0..50), other.draw(key, 0..50));
        assert!(one.is_like(&Shards::new(endpoints.iter(), 1)) && !one.is_like(&other));
        let remembered = one.of(key, &[]).as_ref().map(Arc::clone);
        // Of the same cell: it takes the place of the first.
        drop(one.of(ShardKey { tenant: 10, size: 4 }, &[]));
        assert_eq!(one.of(key, &[]).as_ref().map(Arc::clone), remembered);
    }
}
