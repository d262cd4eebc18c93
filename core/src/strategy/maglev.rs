//! Maglev: a table that is looked up by the key's hash, and shared out most evenly.
//!
//! Source: Eisenbud and others, "Maglev: A Fast and Reliable Software Network Load Balancer" (NSDI 2016), section 3.4, as Envoy fills it: each
//! endpoint has its own order of the table's places (offset and step are XXH64s of `host:port`) and takes its next free place in turn, in the order
//! of the addresses, so that the list's order does not matter; one of half the most weight takes one every second time. The
//! tables are those of Envoy's own tests and of the paper (`vectors/envoy-maglev.json`).
//!
//! *Where we differ*: where a key's endpoint cannot be used, the places of Envoy's first three retries are tried, then others that the key draws, so
//! that its keys are shared among the others by weight. An empty key counts as none.

use std::{cmp::Reverse, collections::BinaryHeap, fmt, iter};

use twox_hash::XxHash64;

use super::{Candidates, Turn, name::authority};
use crate::rng;

/// One table.
#[derive(Debug)]
pub(crate) struct Maglev {
    table: Table,
    modulus: Modulus,
}

/// Whose each place is, in as few bytes as will do: what is read at random should fit a cache.
enum Table {
    Narrow(Box<[u16]>),
    Wide(Box<[u32]>),
}

/// The remainder of a division by one number, without dividing (Lemire, Kaser, Kurz: "Faster remainder by direct computation", 2019).
#[derive(Clone, Copy, Debug)]
struct Modulus {
    size: u32,
    inverse: u128,
}

impl Maglev {
    /// Fills a table of `size` places, a prime, for endpoints with these weights.
    pub(super) fn new(size: u32, addresses: &[&str], weights: &[u32]) -> Self {
        let mut order: Vec<usize> = (0..addresses.len()).filter(|&index| weights[index] > 0).collect();
        order.sort_unstable_by_key(|&index| (authority(addresses[index]), addresses[index]));
        let permutations =
            order.iter().map(|&index| Permutation::of(authority(addresses[index]), size)).collect();
        let weights: Vec<u32> = order.iter().map(|&index| weights[index]).collect();
        let filled = fill(size, permutations, &weights);
        let owner = |&place: &u32| order.get(place as usize).copied().unwrap_or_default();
        let narrow: Option<_> = filled.iter().map(|place| u16::try_from(owner(place)).ok()).collect();
        let wide = || filled.iter().map(|place| u32::try_from(owner(place)).unwrap_or(u32::MAX)).collect();
        Self { table: narrow.map_or_else(|| Table::Wide(wide()), Table::Narrow), modulus: Modulus::new(size) }
    }

    #[inline]
    pub(super) fn pick(&self, candidates: &Candidates<'_>, turn: &Turn<'_>) -> Option<usize> {
        let hash = turn.hashed(|key| XxHash64::oneshot(0, key)).unwrap_or(turn.draw);
        let first = self.table.owner(self.modulus.remainder(hash) as usize)?;
        if candidates.is_usable(first) { Some(first) } else { self.pick_again(hash, candidates) }
    }

    #[cold]
    fn pick_again(&self, hash: u64, candidates: &Candidates<'_>) -> Option<usize> {
        let retry = |attempt: u64| match attempt {
            1..=ENVOYS => self.modulus.remainder(hash ^ attempt.wrapping_neg()),
            _ => self.modulus.remainder(rng::draw(attempt, hash)),
        };
        let retries = (1..=RETRIES).map(retry);
        let start = self.modulus.remainder(hash);
        let on = (start..self.modulus.size).chain(0..start).take(LONGEST_WALK);
        let owners = retries.chain(on).filter_map(|place| self.table.owner(place as usize));
        let found = { owners }.find(|&index| candidates.is_usable(index));
        // Hardly anybody is usable, or only who has no place.
        found.or_else(|| candidates.first_usable(start as usize % candidates.len().max(1)))
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Narrow(_) => f.write_str("Narrow"),
            Self::Wide(_) => f.write_str("Wide"),
        }
    }
}

impl Table {
    #[inline]
    fn owner(&self, place: usize) -> Option<usize> {
        match self {
            Self::Narrow(owners) => owners.get(place).map(|&owner| owner as usize),
            Self::Wide(owners) => owners.get(place).map(|&owner| owner as usize),
        }
    }
}

impl Modulus {
    const fn new(size: u32) -> Self {
        Self { size, inverse: u128::MAX / size as u128 + 1 }
    }

    /// Exact for every number: 128 bits of the inverse are enough for 64 of the number and 32 of the divisor.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the halves of 128 bits, and what is below the size")]
    const fn remainder(self, number: u64) -> u32 {
        let fraction = self.inverse.wrapping_mul(number as u128);
        let (high, low) = ((fraction >> 64) as u64, fraction as u64);
        let carried = (low as u128 * self.size as u128) >> 64;
        ((high as u128 * self.size as u128 + carried) >> 64) as u32
    }
}

/// One endpoint's order of the places.
#[derive(Clone, Copy, Debug)]
struct Permutation {
    next: u32,
    step: u32,
    size: u32,
}

impl Permutation {
    fn of(name: &str, size: u32) -> Self {
        let below = |seed, bound: u32| {
            let hash = XxHash64::oneshot(seed, name.as_bytes()) % u64::from(bound);
            u32::try_from(hash).unwrap_or_default()
        };
        Self { next: below(0, size), step: below(1, size - 1) + 1, size }
    }
}

impl Iterator for Permutation {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let place = self.next;
        let after = u64::from(place) + u64::from(self.step);
        let size = u64::from(self.size);
        self.next = u32::try_from(if after >= size { after - size } else { after }).unwrap_or_default();
        Some(place)
    }
}

/// Who takes which place; empty where nobody can take one.
fn fill(size: u32, mut orders: Vec<impl Iterator<Item = u32>>, weights: &[u32]) -> Vec<u32> {
    if weights.is_empty() {
        return vec![];
    }
    let equal = weights.windows(2).all(|pair| pair[0] == pair[1]);
    let mut turns = Turns::new(weights);
    let in_turn = (0..).take(weights.len()).cycle();
    let by_weight = iter::from_fn(|| turns.take());
    let owners: &mut dyn Iterator<Item = u32> = if equal { &mut { in_turn } } else { &mut { by_weight } };
    let mut table = vec![FREE; size as usize];
    for owner in owners.take(size as usize) {
        let mut places = { &mut orders[owner as usize] }.map(|place| place as usize);
        if let Some(place) = places.find(|&place| table[place] == FREE) {
            table[place] = owner;
        }
    }
    table
}

/// Whose turn it is to take a place: in round `r` all those take one, in their order, whose weight times `r` has reached as often the most weight as
/// they took places.
struct Turns {
    /// Round, and owner.
    due: BinaryHeap<Reverse<(u32, u32)>>,
    /// Weight, and what it must reach. In doubles, as in Envoy: then also ties fall alike.
    owners: Vec<(f64, f64)>,
    most: f64,
}

impl Turns {
    #[expect(clippy::cast_precision_loss, reason = "Envoy computes in doubles, too")]
    fn new(weights: &[u32]) -> Self {
        let total: u64 = weights.iter().copied().map(u64::from).sum();
        let shares = weights.iter().map(|&weight| f64::from(weight) / total as f64);
        let owners: Vec<(f64, f64)> = shares.map(|share| (share, 0.0)).collect();
        let most = owners.iter().fold(0.0, |most: f64, (share, _)| most.max(*share));
        Self { due: (0..).take(owners.len()).map(|owner| Reverse((1, owner))).collect(), owners, most }
    }

    fn take(&mut self) -> Option<u32> {
        let mut first = self.due.peek_mut()?;
        let Reverse((round, owner)) = *first;
        let (share, target) = &mut self.owners[owner as usize];
        *target += self.most;
        // A step back, because the quotient may have been rounded up.
        let mut next = (whole(*target / *share)).saturating_sub(1).max(round + 1);
        while next < u32::MAX && f64::from(next) * *share < *target {
            next += 1;
        }
        *first = Reverse((next, owner));
        Some(owner)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and no table has so many rounds"
)]
const fn whole(number: f64) -> u32 {
    number as u32
}

const FREE: u32 = u32::MAX;
/// The retries that are Envoy's: its next ones would be of neighbouring places.
const ENVOYS: u64 = 3;
/// How often a pick tries places that have nothing to do with one another.
const RETRIES: u64 = 128;
/// How many places in a row it tries then.
const LONGEST_WALK: usize = 1_024;

#[cfg(all(test, not(loom)))]
mod tests {
    use serde_json::Value;

    use super::*;

    fn vectors() -> Value {
        let text = include_str!("../../../vectors/envoy-maglev.json");
        serde_json::from_str(text).expect("the vectors are JSON")
    }

    fn numbers(list: &Value) -> Vec<u32> {
        let numbers = list.as_array().expect("a list of numbers").iter();
        numbers.map(|number| u32::try_from(number.as_u64().expect("a number")).expect("32 bits")).collect()
    }

    fn table(maglev: &Maglev) -> Vec<usize> {
        (0..maglev.modulus.size as usize).map_while(|place| maglev.table.owner(place)).collect()
    }

    fn entries(maglev: &Maglev, count: usize) -> Vec<u32> {
        let mut entries = vec![0; count];
        table(maglev).into_iter().for_each(|owner| entries[owner] += 1);
        entries
    }

    /// A case of Envoy's tests: its hosts, and the table.
    fn build(case: &Value) -> (Vec<&str>, Maglev) {
        let hosts = case["hosts"].as_array().expect("a list of hosts").iter();
        let hosts: Vec<&str> = hosts.map(|host| host.as_str().expect("a host")).collect();
        let weights =
            if case["weights"].is_array() { numbers(&case["weights"]) } else { vec![1; hosts.len()] };
        let size = u32::try_from(case["M"].as_u64().expect("a size")).expect("32 bits");
        let maglev = Maglev::new(size, &hosts, &weights);
        (hosts, maglev)
    }

    #[test]
    fn tables_are_envoys() {
        let vectors = vectors();
        let cases = vectors["cases"].as_array().expect("a list of cases");
        assert_eq!(cases.len(), 5);
        for case in cases {
            let (hosts, maglev) = build(case);
            let table = table(&maglev);
            let port = |&owner: &usize| hosts[owner].rsplit(':').next()?.parse::<u32>().ok();
            let ports: Option<Vec<u32>> = table.iter().map(port).collect();
            match (case.get("table_index"), case.get("table_ports").or_else(|| case.get("table"))) {
                (Some(expected), _) => {
                    let indices: Vec<usize> =
                        numbers(expected).into_iter().map(|index| index as usize).collect();
                    assert_eq!(table, indices, "{case}");
                }
                (None, Some(expected)) => assert_eq!(ports.expect("ports"), numbers(expected), "{case}"),
                (None, None) => unreachable!("a case without a table: {case}"),
            }
        }
    }

    #[test]
    fn retries_look_where_envoys_do() {
        let vectors = vectors();
        let (hosts, maglev) = build(&vectors["cases"][0]);
        for retry in vectors["retry"].as_array().expect("a list of retries") {
            let number = |name: &str| retry[name].as_u64().expect("a number");
            let place = maglev.modulus.remainder(number("hash") ^ number("attempt").wrapping_neg());
            let owner = maglev.table.owner(place as usize).expect("a full table");
            assert!(hosts[owner].ends_with(&format!(":{}", number("port"))), "{retry}");
        }
    }

    #[test]
    fn the_papers_own_table_comes_out_with_and_without_its_second_backend() {
        let case = &vectors()["paper_table1"];
        let orders: Vec<Vec<u32>> =
            case["permutations"].as_array().expect("a list").iter().map(numbers).collect();
        let all = fill(7, orders.iter().cloned().map(Vec::into_iter).collect(), &[1; 3]);
        assert_eq!(all, numbers(&case["lookup"]));
        let without = [0, 2].map(|backend: usize| orders[backend].clone().into_iter());
        let without: Vec<u32> = fill(7, without.into(), &[1; 2]).into_iter().map(|owner| owner * 2).collect();
        assert_eq!(without, numbers(&case["lookup_without_B1"]));
    }

    #[test]
    fn shares_are_as_published() {
        let doc = &vectors()["doc_entries"];
        let maglev = Maglev::new(65_537, &["127.0.0.1:90", "127.0.0.1:91"], &numbers(&doc["weights"]));
        assert_eq!(entries(&maglev, 2), numbers(&doc["entries"]));
        let addresses: Vec<String> = (0..1_000).map(|port| format!("10.0.0.1:{port}")).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let entries = entries(&Maglev::new(65_537, &addresses, &[1; 1_000]), 1_000);
        assert!(entries.iter().all(|entries| (65..=66).contains(entries)), "published-math.json: 65 to 66");
    }

    #[test]
    fn rounds_are_those_of_the_plain_loop() {
        for weights in [vec![1, 2, 3], vec![7, 7, 7], vec![1, 1_000], vec![3, 10, 1, 7, 9], vec![u32::MAX, 1]]
        {
            let total: f64 = weights.iter().copied().map(f64::from).sum();
            let shares: Vec<f64> = weights.iter().map(|&weight| f64::from(weight) / total).collect();
            let most = shares.iter().copied().fold(0.0, f64::max);
            let mut targets = vec![0.0; shares.len()];
            let rounds = (1..3_000_u32).flat_map(|round| (0..shares.len()).map(move |owner| (round, owner)));
            let taken = rounds.filter(|&(round, owner)| {
                let takes = f64::from(round) * shares[owner] >= targets[owner];
                targets[owner] += if takes { most } else { 0.0 };
                takes
            });
            let expected: Vec<usize> = taken.map(|(_, owner)| owner).take(3_000).collect();
            let mut turns = Turns::new(&weights);
            let turns: Vec<usize> =
                (0..3_000).filter_map(|_| turns.take()).map(|owner| owner as usize).collect();
            assert_eq!(turns, expected[..3_000.min(expected.len())], "{weights:?}");
        }
    }

    #[test]
    fn the_remainder_is_exact() {
        for size in [2, 3, 7, 17, 65_537, 5_000_011, 4_294_967_291] {
            let modulus = Modulus::new(size);
            let near = (0..3_000_u64)
                .flat_map(|n| [n, u64::MAX - n, u64::from(size) * n, (u64::from(size) * n).wrapping_sub(1)]);
            let spread = (0..3_000).map(|n| rng::draw(5, n));
            for number in near.chain(spread) {
                assert_eq!(
                    u64::from(modulus.remainder(number)),
                    number % u64::from(size),
                    "{number} % {size}"
                );
            }
        }
    }

    #[test]
    fn wide_tables_hold_more_than_two_bytes_can_name() {
        let addresses: Vec<String> = (0..70_001).map(|number| format!("e{number}")).collect();
        let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
        let maglev = Maglev::new(140_009, &addresses, &vec![1; 70_001]);
        assert!(matches!(maglev.table, Table::Wide(_)));
        assert!(entries(&maglev, 70_001).iter().all(|entries| (2..=3).contains(entries)));
    }
}
