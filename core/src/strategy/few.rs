//! Choosing among a few endpoints, such as those of a tenant's shard, for which no strategy has laid out anything.

use super::{Candidates, Turn};

/// By weight, in turns that are spread as evenly as a fixed order can: the fractions of multiples of the golden ratio (Knuth, TAOCP 3, 6.4).
pub(super) fn rotate(candidates: &Candidates<'_>, turn: &Turn<'_>) -> Option<usize> {
    let usable = || (0..candidates.len()).filter(|&index| candidates.is_usable(index));
    let weight = |index| u64::from(candidates.member(index).weight());
    let total: u64 = usable().map(weight).sum();
    let fraction = turn.number.wrapping_mul(GOLDEN);
    let mut point = u64::try_from((u128::from(fraction) * u128::from(total)) >> 32).unwrap_or(u64::MAX);
    let mut last = None;
    for index in usable() {
        last = Some(index);
        match point.checked_sub(weight(index)) {
            Some(beyond) => point = beyond,
            None => break,
        }
    }
    last
}

/// 2³² over the golden ratio, made odd.
const GOLDEN: u32 = 0x9e37_79b9;
