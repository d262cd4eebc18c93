//! Weighted rendezvous hashing: of all endpoints the one whose score for the key is best.
//!
//! Source: Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates" (1998), with weights as in the Internet draft
//! "Weighted HRW" (Mohanty and others): the score is `−weight / ln u`, where `u`, between 0 and 1, is a hash of key and endpoint. An endpoint
//! wins exactly its weight's share of the keys, and when one goes only its keys move.
//!
//! *Where we differ*: the least `−ln u / weight` wins, which is the same; `ln` is our own, of operations that every machine rounds
//! alike, so that all instances agree; and it is computed only where `1 − u`, which is never above `−ln u`, leaves a chance. `u` mixes (SplitMix64)
//! the XXH64s of the key and of the endpoint's `host:port`. A pick looks at every endpoint, 1 to 2 ns each.

use std::fmt;

use twox_hash::XxHash64;

use super::{Candidates, Turn, name::authority};
use crate::rng;

/// The endpoints in the order of their addresses, which decides between equal scores.
pub(crate) struct Rendezvous {
    entries: Box<[Entry]>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    seed: u64,
    inverse_weight: f64,
    index: u32,
}

impl Rendezvous {
    pub(super) fn new(addresses: &[&str], weights: &[u32]) -> Self {
        let mut order: Vec<usize> = (0..addresses.len()).filter(|&index| weights[index] > 0).collect();
        order.sort_unstable_by_key(|&index| addresses[index]);
        let entry = |index: usize| Entry::new(index, addresses[index], weights[index]);
        Self { entries: order.into_iter().map(entry).collect() }
    }

    pub(super) fn pick(&self, candidates: &Candidates<'_>, turn: &Turn<'_>) -> Option<usize> {
        best(self.entries.iter().copied(), candidates, turn)
    }
}

impl fmt::Debug for Rendezvous {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rendezvous").field("entries", &self.entries.len()).finish()
    }
}

impl Entry {
    fn new(index: usize, address: &str, weight: u32) -> Self {
        Self {
            seed: XxHash64::oneshot(0, authority(address).as_bytes()),
            inverse_weight: 1.0 / f64::from(weight),
            index: u32::try_from(index).unwrap_or(u32::MAX),
        }
    }
}

/// Among a few, such as those of a tenant's shard, for which nothing is laid out.
pub(super) fn among_few(candidates: &Candidates<'_>, turn: &Turn<'_>) -> Option<usize> {
    let entry = |index| {
        let member = candidates.member(index);
        Entry::new(index, member.endpoint().address(), member.weight())
    };
    best((0..candidates.len()).map(entry), candidates, turn)
}

fn best(entries: impl Iterator<Item = Entry>, candidates: &Candidates<'_>, turn: &Turn<'_>) -> Option<usize> {
    let hash = turn.hashed(|key| XxHash64::oneshot(0, key)).unwrap_or(turn.draw);
    let (mut best, mut least) = (None, f64::INFINITY);
    for entry in entries {
        let u = unit(rng::draw(entry.seed, hash));
        if (1.0 - u) * entry.inverse_weight >= least {
            continue;
        }
        let distance = minus_ln(u) * entry.inverse_weight;
        if distance < least && candidates.is_usable(entry.index as usize) {
            (best, least) = (Some(entry.index as usize), distance);
        }
    }
    // Where only those are left that have no weight.
    best.or_else(|| candidates.first_usable(0))
}

/// A number between 0 and 1, and neither, from 52 of the bits.
fn unit(bits: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "52 bits fit")]
    let number = (bits >> 12) as f64;
    (number + 0.5) / POW_2_52
}

/// −ln of a number between 0 and 1. With `x = m · 2ᵉ` and `m` about 1: `ln x = e · ln 2 + 2 artanh((m − 1) / (m + 1))`, by its series.
fn minus_ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let (mut exponent, mut mantissa) = ((bits >> 52) as i32 - 1_023, f64::from_bits(bits & FRACTION | ONE));
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa *= 0.5;
        exponent += 1;
    }
    let ratio = (mantissa - 1.0) / (mantissa + 1.0);
    let square = ratio * ratio;
    let series = (0..TERMS).rev().fold(0.0, |sum, term| sum * square + 1.0 / f64::from(2 * term + 1));
    -(f64::from(exponent) * std::f64::consts::LN_2 + 2.0 * ratio * series)
}

const POW_2_52: f64 = 4_503_599_627_370_496.0;
const FRACTION: u64 = (1 << 52) - 1;
/// The bits of 1.0.
const ONE: u64 = 1_023 << 52;
/// The ratio is under 0.172, so what is left out is under 10⁻¹⁷.
const TERMS: u32 = 11;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_is_right_and_never_below_what_is_left_to_one() {
        let powers = (1..52).map(|power| 1.0 / f64::from(power * power));
        let draws = (0..20_000).map(|turn| unit(rng::draw(11, turn)));
        let edges = [unit(0), unit(u64::MAX), 0.5, std::f64::consts::FRAC_1_SQRT_2, 0.999_999_999];
        for x in powers.skip(1).chain(draws).chain(edges) {
            let (ours, exact) = (minus_ln(x), -x.ln());
            assert!((ours - exact).abs() <= 1e-14 * exact, "{x}: {ours}, {exact}");
            assert!(ours >= (1.0 - x) * (1.0 - 1e-15), "{x}");
        }
    }

    /// The definition, without short cuts.
    fn slow(addresses: &[&str], weights: &[u32], key: &[u8]) -> usize {
        let score = |index: usize| {
            let seed = XxHash64::oneshot(0, addresses[index].as_bytes());
            let u = unit(rng::draw(seed, XxHash64::oneshot(0, key)));
            f64::from(weights[index]) / -u.ln()
        };
        (0..addresses.len()).max_by(|&one, &other| score(one).total_cmp(&score(other))).expect("there is one")
    }

    #[test]
    fn the_best_score_wins() {
        let addresses = ["a:1", "b:1", "c:1", "d:1", "e:1"];
        let weights = [1, 2, 10, 4, 1];
        let rendezvous = Rendezvous::new(&addresses, &weights);
        let members: Vec<_> = addresses
            .iter()
            .zip(weights)
            .map(|(address, weight)| crate::endpoint::Member::new(address, weight))
            .collect();
        let candidates =
            Candidates::new(&members, crate::health::Scrutiny::Nothing, 0.0, crate::time::Time::ZERO);
        for number in 0..20_000_u32 {
            let key = number.to_le_bytes();
            let turn = Turn { number: 0, draw: 0, saturated: false, key: Some(&key) };
            let best = Some(slow(&addresses, &weights, &key));
            assert_eq!(rendezvous.pick(&candidates, &turn), best);
            assert_eq!(among_few(&candidates, &turn), best, "and the same where nothing is laid out");
        }
    }
}
