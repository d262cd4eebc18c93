//! SRV records as endpoints (RFC 2782): priorities as levels, weights as weights.
//!
//! Priorities become levels in their order: 10, 20 and 65000 are 0, 1 and 2. Weights count within a priority, as they do there, in lowest terms: 20 and 40 are 1 and 2. A target's weight is shared by
//! its addresses. Where all of a priority weigh 0, they weigh the same; a 0 beside others is "a very small chance": a hundredth of the smallest unit.
//! Where we differ: weights are scaled down to 1 000 at the most, because ring strategies pay for weight in memory.

use std::{
    collections::{BTreeMap, HashSet},
    net::{IpAddr, SocketAddr},
};

use tenantry::EndpointSpec;

/// One SRV record, and where its target is.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) priority: u16,
    pub(super) weight: u16,
    pub(super) port: u16,
    pub(super) addresses: Vec<IpAddr>,
}

/// The endpoints of all targets, in one order whatever the order of the records is.
pub(super) fn endpoints(targets: Vec<Target>, scheme: &str) -> Vec<EndpointSpec> {
    let mut by_priority: BTreeMap<u16, Vec<Target>> = BTreeMap::new();
    for target in targets.into_iter().filter(|target| !target.addresses.is_empty()) {
        by_priority.entry(target.priority).or_default().push(target);
    }
    let (mut seen, mut endpoints) = (HashSet::new(), vec![]);
    for (level, targets) in (0..).zip(by_priority.into_values()) {
        let mut weights: BTreeMap<SocketAddr, u32> = BTreeMap::new();
        for (target, weight) in targets.iter().zip(weigh(&targets)) {
            for address in &target.addresses {
                *weights.entry(SocketAddr::new(*address, target.port)).or_default() += weight;
            }
        }
        // One that is on two levels is on the first.
        let new = weights.into_iter().filter(|(address, _)| seen.insert(*address));
        endpoints.extend(new.map(|(address, weight)| {
            EndpointSpec::new(format!("{scheme}{address}"))
                .with_weight(weight)
                .with_priority(LAST_LEVEL.min(level))
        }));
    }
    endpoints
}

/// What each address of these targets weighs.
fn weigh(targets: &[Target]) -> Vec<u32> {
    let all_zero = targets.iter().all(|target| target.weight == 0);
    let some_zero = !all_zero && targets.iter().any(|target| target.weight == 0);
    let of = |target: &Target| if all_zero { 1 } else { u64::from(target.weight) };
    let parts = targets.iter().map(|target| target.addresses.len() as u64);
    let common = parts.fold(1, |common, part| (common / gcd(common, part) * part).min(MOST_COMMON));
    let shares: Vec<u64> =
        targets.iter().map(|target| of(target) * common / target.addresses.len() as u64).collect();
    let unit = shares.iter().copied().fold(0, gcd).max(1);
    let smallest = if some_zero { SMALL_CHANCE } else { 1 };
    let shares: Vec<u64> = shares.into_iter().map(|share| share / unit * smallest).collect();
    // Only downwards.
    let largest = shares.iter().copied().fold(LARGEST, u64::max);
    let scaled = shares.into_iter().map(|share| (share * LARGEST + largest / 2) / largest);
    scaled.map(|share| u32::try_from(share).unwrap_or(u32::MAX).max(1)).collect()
}

const fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

const LARGEST: u64 = 1_000;
const SMALL_CHANCE: u64 = 100;
/// The last level of priority that a pool may have.
const LAST_LEVEL: u32 = 127;
/// Beyond that, shares are rounded.
const MOST_COMMON: u64 = 1 << 24;

#[cfg(test)]
mod tests {
    use super::*;

    fn target(priority: u16, weight: u16, hosts: &[u8]) -> Target {
        let addresses = hosts.iter().map(|&host| IpAddr::from([10, 0, 0, host])).collect();
        Target { priority, weight, port: 80, addresses }
    }

    /// Host, level, weight.
    fn mapped(targets: &[Target]) -> Vec<(String, u32, u32)> {
        let host = |address: &str| address.trim_start_matches("10.0.0.").trim_end_matches(":80").to_owned();
        let endpoints = endpoints(targets.to_vec(), "");
        let plain =
            |endpoint: &EndpointSpec| (host(endpoint.address()), endpoint.priority(), endpoint.weight());
        endpoints.iter().map(plain).collect()
    }

    fn weights(given: &[u16]) -> Vec<u32> {
        let targets = (1..).zip(given).map(|(host, weight)| target(0, *weight, &[host]));
        mapped(&targets.collect::<Vec<_>>()).into_iter().map(|(_, _, weight)| weight).collect()
    }

    #[test]
    fn weights_are_in_lowest_terms_and_zero_is_a_small_chance() {
        assert_eq!(weights(&[0, 0, 0]), [1, 1, 1]);
        assert_eq!(weights(&[20, 40]), [1, 2]);
        assert_eq!(weights(&[60, 20, 20]), [3, 1, 1]);
        assert_eq!(weights(&[0, 10]), [1, 100]);
        assert_eq!(weights(&[65_535, 1]), [1_000, 1]);
        assert_eq!(weights(&[65_535, 32_768, 0]), [1_000, 500, 1]);
    }

    #[test]
    fn priorities_become_levels_in_their_order() {
        let targets = [target(65_000, 1, &[3]), target(10, 1, &[1]), target(20, 5, &[2])];
        let expected = [("1", 0, 1), ("2", 1, 1), ("3", 2, 1)];
        assert_eq!(mapped(&targets), expected.map(|(host, level, weight)| (host.to_owned(), level, weight)));
        let many: Vec<Target> = (0..200).map(|host| target(u16::from(host), 0, &[host])).collect();
        assert_eq!(mapped(&many).last().map(|(_, level, _)| *level), Some(127));
    }

    #[test]
    fn a_targets_addresses_share_its_weight() {
        let expected = [("1", 0, 1), ("2", 0, 1), ("3", 0, 2)];
        let targets = [target(0, 10, &[1, 2]), target(0, 10, &[3])];
        assert_eq!(mapped(&targets), expected.map(|(host, level, weight)| (host.to_owned(), level, weight)));
    }

    #[test]
    fn an_address_that_comes_twice_is_one_endpoint() {
        let expected = [("1", 0, 2), ("2", 0, 1)];
        let targets = [target(0, 1, &[1]), target(0, 1, &[1]), target(0, 1, &[2]), target(9, 7, &[1, 2])];
        assert_eq!(mapped(&targets), expected.map(|(host, level, weight)| (host.to_owned(), level, weight)));
        assert!(mapped(&[target(0, 1, &[])]).is_empty(), "a target without an address is none");
    }
}
