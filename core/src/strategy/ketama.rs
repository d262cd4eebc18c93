//! Consistent hashing as nginx does it: `hash $key consistent`.
//!
//! Source: nginx 1.22, `ngx_http_upstream_hash_module` (after Cache::Memcached::Fast): 160 points per weight, each the CRC-32 of host,
//! a zero byte, port and the point before; a key stands at its CRC-32. (libketama's points are MD5s: another ketama.) The answers are
//! those of a running nginx (`vectors/nginx-ketama.csv`, and fresh keys in `examples/tests/ketama_nginx.rs`).
//!
//! *Where we differ*: nginx gives up after 20 points of unusable servers and goes on in turn; we walk on, so that a key keeps its
//! endpoint whatever else is down. Of two servers whose points coincide nginx drops one, we keep both and the one whose address sorts first comes
//! first (one point in 100 000 at weights of hundreds). An empty key counts as none, as there. When all weights sum to more than 52 428, each gets
//! fewer points per weight.

use super::{
    Candidates, Turn,
    circle::{Before, Circle, Stand},
    name::host_and_port,
};

/// nginx's circle.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ketama {
    circle: Circle<u32>,
}

impl Ketama {
    /// Builds the circle of endpoints with these weights; from that of `before` as far as it goes.
    pub(super) fn new(addresses: &[&str], weights: &[u32], before: Option<(&Self, &[&str])>) -> Self {
        let counts = counts(weights);
        let stands: Vec<Stand<'_>> =
            addresses.iter().zip(counts).map(|(address, count)| Stand { address, count }).collect();
        let before = before.map(|(before, addresses)| Before { circle: &before.circle, addresses });
        Self { circle: Circle::build(&stands, before, places) }
    }

    #[inline]
    pub(super) fn pick(&self, candidates: &Candidates<'_>, turn: &Turn<'_>) -> Option<usize> {
        let place = turn.hashed(crc32fast::hash).unwrap_or((turn.draw >> 32) as u32);
        self.circle.pick(place, candidates)
    }
}

fn places(stand: &Stand<'_>, out: &mut dyn FnMut(u32)) {
    let (host, port) = host_and_port(stand.address);
    let mut server = crc32fast::Hasher::new();
    server.update(host.as_bytes());
    server.update(&[0]);
    server.update(port.as_bytes());
    let mut previous = 0_u32;
    for _ in 0..stand.count {
        let mut point = server.clone();
        point.update(&previous.to_le_bytes());
        previous = point.finalize();
        out(previous);
    }
}

fn counts(weights: &[u32]) -> Vec<u32> {
    let total: u64 = weights.iter().map(|&weight| u64::from(weight) * POINTS_PER_WEIGHT).sum();
    let count = |&weight: &u32| {
        let count = u64::from(weight) * POINTS_PER_WEIGHT;
        let fitting = u128::from(count) * u128::from(MOST_POINTS) / u128::from(total.max(MOST_POINTS));
        u32::try_from(fitting).unwrap_or(u32::MAX).max(u32::from(weight > 0))
    };
    weights.iter().map(count).collect()
}

/// nginx's.
pub(super) const POINTS_PER_WEIGHT: u64 = 160;
/// 64 MB.
const MOST_POINTS: u64 = 8_388_608;

#[cfg(all(test, not(loom)))]
mod tests {
    use pingora_ketama::{Bucket, Continuum};
    use proptest::prelude::*;

    use super::*;

    fn owner(ketama: &Ketama, key: &[u8]) -> usize {
        ketama.circle.owner(crc32fast::hash(key))
    }

    #[test]
    fn answers_as_nginx_for_every_captured_key() {
        let capture = include_str!("../../../vectors/nginx-ketama.csv");
        let pools: [&[(u32, u32)]; 3] = [
            &[(19_001, 1), (19_002, 1), (19_003, 1), (19_004, 1), (19_005, 1)],
            &[(19_001, 1), (19_002, 2), (19_003, 5)],
            &[(19_001, 1), (19_002, 1), (19_004, 1), (19_005, 1)],
        ];
        let mut compared = 0;
        for (pool, servers) in pools.iter().enumerate() {
            let addresses: Vec<String> =
                servers.iter().map(|(port, _)| format!("http://127.0.0.1:{port}/path")).collect();
            let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
            let weights: Vec<u32> = servers.iter().map(|&(_, weight)| weight).collect();
            let ketama = Ketama::new(&addresses, &weights, None);
            for line in capture.lines().skip(1) {
                let fields: Vec<&str> = line.split(',').collect();
                let port = servers[owner(&ketama, fields[0].as_bytes())].0;
                assert_eq!(port.to_string(), fields[pool + 1], "{line}");
                compared += 1;
            }
        }
        assert_eq!(compared, 6_000);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// But for points that coincide, of which each keeps another. (Pingora leaves the brackets of IPv6 addresses out, nginx does not.)
        #[test]
        fn agrees_with_pingora_on_random_pools(
            servers in prop::collection::btree_map((any::<[u8; 4]>(), 1_u16..), 1_u32..5, 2..24),
            keys in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 200),
        ) {
            let written = |([a, b, c, d], port): &([u8; 4], u16)| format!("{a}.{b}.{c}.{d}:{port}");
            let addresses: Vec<String> = servers.keys().map(written).collect();
            let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
            let weights: Vec<u32> = servers.values().copied().collect();
            let bucket = |(server, &weight): (&&str, &u32)| Bucket::new(server.parse().expect("an address"), weight);
            let buckets: Vec<Bucket> = addresses.iter().zip(&weights).map(bucket).collect();
            let (ketama, continuum) = (Ketama::new(&addresses, &weights, None), Continuum::new(&buckets));
            let points: Vec<(u32, usize)> = ketama.circle.points().collect();
            for key in keys {
                let place = crc32fast::hash(&key);
                let place = points.partition_point(|point| point.0 < place) % points.len();
                if points.get(place + 1).is_some_and(|next| next.0 == points[place].0) {
                    continue;
                }
                let theirs = continuum.node(&key).expect("there are servers").to_string();
                prop_assert_eq!(addresses[owner(&ketama, &key)], theirs);
            }
        }
    }

    #[test]
    fn huge_weights_are_scaled_and_nobody_is_lost() {
        assert_eq!(counts(&[1, 2, 0]), [160, 320, 0]);
        let scaled = counts(&[u32::MAX, 1, u32::MAX]);
        assert_eq!(scaled[1], 1);
        assert!(scaled[0] == scaled[2] && scaled[0].abs_diff(4_194_304) < 2, "{scaled:?}");
    }
}
