//! A weighted draw in constant time: the alias table.
//!
//! Source: Walker (1977), built as Vose does (1991). Each slot stands for its own index with some chance and else for another.
//! *Where we differ*: the table is built in whole numbers, so each chance is exact to 2⁻³².

use crate::rng;

/// Indices, drawn by weight.
#[derive(Debug)]
pub(crate) struct Alias {
    slots: Box<[Slot]>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The chance of the slot's own index, in 2⁻³².
    own: u32,
    /// The index of the rest.
    other: u32,
}

impl Alias {
    /// A table of these weights. Where all are 0 they count as equal.
    pub(crate) fn new(weights: &[u32]) -> Self {
        let sum: u64 = weights.iter().map(|&weight| u64::from(weight)).sum();
        if sum == 0 {
            return Self { slots: (0..).take(weights.len()).map(Slot::alone).collect() };
        }
        let count = weights.len() as u64;
        // What each index brings; a slot is full at `sum`.
        let mut brings: Vec<u64> = weights.iter().map(|&weight| u64::from(weight) * count).collect();
        let mut slots: Vec<Slot> = (0..).take(weights.len()).map(Slot::alone).collect();
        let indices = (0..).take(weights.len());
        let (mut short, mut rich): (Vec<u32>, Vec<u32>) =
            indices.partition(|&index| brings[index as usize] < sum);
        while let (Some(poor), Some(&other)) = (short.pop(), rich.last()) {
            let own = brings[poor as usize];
            slots[poor as usize] = Slot { own: chance(own, sum), other };
            brings[other as usize] -= sum - own;
            if brings[other as usize] < sum {
                rich.pop();
                short.push(other);
            }
        }
        Self { slots: slots.into() }
    }

    /// The index of this draw; `None` in an empty table.
    #[inline]
    pub(crate) fn at(&self, draw: u64) -> Option<usize> {
        let count = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        let place = rng::below((draw >> 32) as u32, count);
        let slot = self.slots.get(place as usize)?;
        let index = if (draw & 0xffff_ffff) < u64::from(slot.own) { place } else { slot.other };
        Some(index as usize)
    }
}

impl Slot {
    const fn alone(index: u32) -> Self {
        Self { own: u32::MAX, other: index }
    }
}

/// `own / full` in 2⁻³².
fn chance(own: u64, full: u64) -> u32 {
    u32::try_from((u128::from(own) << 32) / u128::from(full)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// How much of all draws is each index's, added up over the slots.
    fn shares(weights: &[u32]) -> Vec<f64> {
        let slots = Alias::new(weights).slots;
        let (count, whole) = (f64::from(u32::try_from(slots.len()).unwrap()), 4_294_967_296.0);
        let mut shares = vec![0.0; slots.len()];
        for (index, slot) in slots.iter().enumerate() {
            shares[index] += f64::from(slot.own) / whole / count;
            shares[slot.other as usize] += (whole - f64::from(slot.own)) / whole / count;
        }
        shares
    }

    proptest! {
        #[test]
        fn each_index_has_its_weights_share(weights in proptest::collection::vec(prop_oneof![Just(0), 1_u32..10, any::<u32>()], 1..50)) {
            let sum: f64 = weights.iter().copied().map(f64::from).sum();
            for (share, weight) in shares(&weights).iter().zip(&weights) {
                let due = if sum == 0.0 { 1.0 / weights.len() as f64 } else { f64::from(*weight) / sum };
                prop_assert!((share - due).abs() < 1e-8, "{share} is not {due}");
            }
        }
    }

    #[test]
    fn an_index_of_weight_zero_is_never_drawn() {
        let alias = Alias::new(&[0, 3, 0, 5, 0]);
        assert!((0..100_000).all(|turn| matches!(alias.at(rng::draw(1, turn)), Some(1 | 3))));
        assert_eq!(Alias::new(&[]).at(7), None);
    }
}
