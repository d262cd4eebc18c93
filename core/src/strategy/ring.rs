//! Consistent hashing as Envoy does it: its ring hash.
//!
//! Source: Envoy's `ring_hash` load balancing policy: point `i` of an endpoint is the XXH64 of `host:port_i`; a key stands at its XXH64. A ring
//! has between a least and a most number of points, shared out by weight; a running sum over the list decides who gets the odd
//! ones, so where points are not whole the list's order counts, as there. Points and picks are those of Envoy's own tests
//! (`vectors/envoy-ring-hash.json`).
//!
//! *Where we differ*: without a `min_size` an endpoint has 160 points per weight whoever else there is, so that removing one moves
//! only its keys (in Envoy everybody's number of points changes). An unusable endpoint's keys go to the next point whose endpoint can be used, which is
//! Envoy's retry; an empty key counts as none.

use std::io::Write;

use twox_hash::XxHash64;

use super::{
    Candidates, Turn,
    circle::{Before, Circle, Stand},
    ketama::POINTS_PER_WEIGHT,
    name::authority,
};
use crate::config::RingSpec;

/// Envoy's ring.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ring {
    circle: Circle<u64>,
}

impl Ring {
    /// Builds the ring of endpoints with these weights; from that of `before` as far as it goes.
    pub(super) fn new(
        spec: RingSpec,
        addresses: &[&str],
        weights: &[u32],
        before: Option<(&Self, &[&str])>,
    ) -> Self {
        let counts = counts(spec, weights);
        let stands: Vec<Stand<'_>> =
            addresses.iter().zip(counts).map(|(address, count)| Stand { address, count }).collect();
        let before = before.map(|(before, addresses)| Before { circle: &before.circle, addresses });
        Self { circle: Circle::build(&stands, before, places) }
    }

    #[inline]
    pub(super) fn pick(&self, candidates: &Candidates<'_>, turn: &Turn<'_>) -> Option<usize> {
        let place = turn.hashed(|key| XxHash64::oneshot(0, key)).unwrap_or(turn.draw);
        self.circle.pick(place, candidates)
    }
}

fn places(stand: &Stand<'_>, out: &mut dyn FnMut(u64)) {
    let mut text = format!("{}_", authority(stand.address)).into_bytes();
    let length = text.len();
    for number in 0..stand.count {
        text.truncate(length);
        write!(text, "{number}").expect("writing to memory does not fail");
        out(XxHash64::oneshot(0, &text));
    }
}

/// How many points each gets. Only operations that every machine rounds alike.
fn counts(spec: RingSpec, weights: &[u32]) -> Vec<u32> {
    let total: u64 = weights.iter().copied().map(u64::from).sum();
    if spec.min_size().is_none() && total * POINTS_PER_WEIGHT <= u64::from(spec.max_size()) {
        let count = |&weight: &u32| u32::try_from(u64::from(weight) * POINTS_PER_WEIGHT).unwrap_or(u32::MAX);
        return weights.iter().map(count).collect();
    }
    #[expect(clippy::cast_precision_loss, reason = "Envoy computes in doubles, too")]
    let share = |weight: u32| f64::from(weight) / total as f64;
    let least = weights.iter().copied().filter(|&weight| weight > 0).min().map_or(1.0, share);
    let most = f64::from(spec.max_size());
    let scale = spec.min_size().map_or(most, |size| ((least * f64::from(size)).ceil() / least).min(most));
    let (mut placed, mut due) = (0.0_f64, 0.0_f64);
    let mut count = |&weight: &u32| {
        due += scale * share(weight);
        let count = (due.ceil() - placed).max(0.0);
        placed += count;
        whole(count)
    };
    weights.iter().map(|weight| if *weight == 0 { 0 } else { count(weight) }).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "whole, and from 0 to the ring's size"
)]
const fn whole(count: f64) -> u32 {
    count as u32
}

#[cfg(all(test, not(loom)))]
mod tests {
    use serde_json::Value;

    use super::*;

    fn vectors() -> Value {
        let text = include_str!("../../../vectors/envoy-ring-hash.json");
        serde_json::from_str(text).expect("the vectors are JSON")
    }

    fn spec(case: &Value) -> RingSpec {
        let size = |name: &str| case[name].as_u64().map(|size| u32::try_from(size).expect("a size"));
        let spec = size("min_ring").map_or(RingSpec::new(), |size| RingSpec::new().with_min_size(size));
        size("max_ring").map_or(spec, |size| spec.with_max_size(size))
    }

    fn ring(case: &Value, hosts: &[String], weights: &[u32]) -> Ring {
        let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
        Ring::new(spec(case), &hosts, weights, None)
    }

    fn hosts(case: &Value) -> Vec<String> {
        let hosts = case["hosts"].as_array().expect("a list of hosts").iter();
        hosts.map(|host| host.as_str().expect("a host").to_owned()).collect()
    }

    fn weights(case: &Value, count: usize) -> Vec<u32> {
        let weight = |weight: &Value| u32::try_from(weight.as_u64().expect("a weight")).expect("a weight");
        case["weights"].as_array().map_or_else(|| vec![1; count], |list| list.iter().map(weight).collect())
    }

    fn number(value: &Value) -> u64 {
        value.as_str().map_or_else(|| value.as_u64(), |text| text.parse().ok()).expect("a number")
    }

    /// Position and port of each point.
    fn points(ring: &Ring, hosts: &[String]) -> Vec<(u64, u64)> {
        ring.circle.points().map(|(place, owner)| (place, port(&hosts[owner]))).collect()
    }

    fn port(host: &str) -> u64 {
        host.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
    }

    fn listed(points: &Value) -> Vec<(u64, u64)> {
        let points = points.as_array().expect("a list of points").iter();
        points.map(|point| (number(&point[0]), number(&point[1]))).collect()
    }

    #[test]
    fn points_are_where_envoys_are() {
        let vectors = vectors();
        for (name, list) in
            [("basic", "ring"), ("hostnames", "ring"), ("uneven", "ring"), ("weighted_tiny", "points")]
        {
            let case = &vectors[name];
            let hosts = hosts(case);
            let ring = ring(case, &hosts, &weights(case, hosts.len()));
            assert_eq!(points(&ring, &hosts), listed(&case[list]), "{name}");
        }
    }

    #[test]
    fn picks_and_retries_are_envoys() {
        let case = &vectors()["basic"];
        let hosts = hosts(case);
        let ring = ring(case, &hosts, &[1; 6]);
        for pick in case["picks"].as_array().expect("a list of picks") {
            assert_eq!(
                port(&hosts[ring.circle.owner(number(&pick["hash"]))]),
                number(&pick["port"]),
                "{pick}"
            );
        }
        let order = points(&ring, &hosts);
        for retry in case["retry"].as_array().expect("a list of retries") {
            let start = order.partition_point(|&(place, _)| place < number(&retry["hash"]));
            let attempt = usize::try_from(number(&retry["attempt"])).expect("it is small");
            assert_eq!(order[(start + attempt) % order.len()].1, number(&retry["port"]), "{retry}");
        }
    }

    #[test]
    fn shares_are_envoys_when_weights_are_not_whole_numbers_of_points() {
        let vectors = vectors();
        for (name, weights, probes) in [
            ("weighted_large", vec![1, 2, 3], 6_000),
            ("host_and_locality", vec![1, 2, 2, 4], 9_000),
            ("fractional", vec![1, 1], 1_023),
        ] {
            let case = &vectors[name];
            let hosts = hosts(case);
            let ring = ring(case, &hosts, &weights);
            let spread = ring.circle.points().count() as u64;
            assert_eq!(spread, case["size"].as_u64().unwrap_or_else(|| number(&case["min_ring"])), "{name}");
            let each = u64::MAX / probes;
            let hash = |probe: u64| {
                let exact = u128::from(probe) * u128::from(u64::MAX) / u128::from(probes);
                if name == "weighted_large" { u64::try_from(exact).expect("it fits") } else { probe * each }
            };
            for (host, count) in case["counts"].as_object().expect("counts by port") {
                let port_of =
                    |&probe: &u64| port(&hosts[ring.circle.owner(hash(probe))]).to_string() == *host;
                assert_eq!((0..probes).filter(port_of).count() as u64, number(count), "{name}, port {host}");
            }
        }
    }

    #[test]
    fn a_ring_too_small_for_all_leaves_out_whom_envoy_leaves_out() {
        let vectors = vectors();
        let four: Vec<String> = (0..4).map(|port| format!("127.0.0.1:{port}")).collect();
        let counts: Vec<u32> = counts(spec(&vectors["starved"]), &[1; 4]);
        assert_eq!(counts.iter().filter(|count| **count == 0).count(), 2);
        assert_eq!(ring(&vectors["starved"], &four, &[1; 4]).circle.points().count(), 2);

        let case = &vectors["lopsided"];
        let hosts: Vec<String> = (0..1_024).map(|port| format!("127.0.0.1:{port}")).collect();
        let mut weights = vec![1; 1_024];
        weights[0] = 127 * 1_023;
        let addresses: Vec<&str> = hosts.iter().map(String::as_str).collect();
        let spec = RingSpec::new().with_min_size(1_024).with_max_size(1_024);
        let ring = Ring::new(spec, &addresses, &weights, None);
        let points = points(&ring, &hosts);
        assert_eq!(
            points.iter().filter(|(_, port)| *port == 0).count() as u64,
            number(&case["host0_points"])
        );
        let mut light: Vec<_> = points.into_iter().filter(|(_, port)| *port != 0).collect();
        light.sort_unstable_by_key(|&(_, port)| port);
        assert_eq!(light, listed(&case["light_points"]));
    }

    #[test]
    fn without_a_least_size_an_endpoint_has_160_points_per_weight() {
        assert_eq!(counts(RingSpec::new(), &[1, 3, 0]), [160, 480, 0]);
        let capped = counts(RingSpec::new().with_max_size(400), &[1, 3]);
        assert_eq!(capped, [100, 300], "shared by weight");
        let huge = counts(RingSpec::new(), &[u32::MAX, 1]);
        assert!(huge.iter().sum::<u32>() <= 8_388_608, "{huge:?}");
    }
}
