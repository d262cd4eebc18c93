//! Where tenants' states live: segments that only ever grow, so a slot's place never moves and reading takes no lock.

use std::sync::OnceLock;

use super::Tenant;

/// States by slot number. Segment 0 has 64, each later one as many as all before it together.
#[derive(Debug, Default)]
pub(crate) struct Slab {
    segments: [OnceLock<Box<[Tenant]>>; SEGMENTS],
}

impl Slab {
    /// The state in `slot`, which the registry has allocated.
    #[inline]
    pub(crate) fn get(&self, slot: u32) -> &Tenant {
        let (segment, offset, _) = locate(slot);
        &self.segments[segment].get().expect("a slot is allocated before it is published")[offset]
    }

    /// Makes sure that `slot` exists.
    pub(super) fn allocate(&self, slot: u32) {
        let (segment, _, length) = locate(slot);
        self.segments[segment].get_or_init(|| (0..length).map(|_| Tenant::default()).collect());
    }
}

/// Segment, place in it, and the segment's length.
#[inline]
const fn locate(slot: u32) -> (usize, usize, u32) {
    if slot < FIRST {
        return (0, slot as usize, FIRST);
    }
    let power = slot.ilog2();
    ((power - FIRST.ilog2() + 1) as usize, (slot - (1 << power)) as usize, 1 << power)
}

const FIRST: u32 = 64;
/// Enough for [`super::directory::MOST_SLOTS`].
const SEGMENTS: usize = 19;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_has_a_place_of_its_own() {
        let mut expected = (0, 0);
        for slot in 0..100_000 {
            let (segment, offset, length) = locate(slot);
            assert_eq!((segment, offset), expected, "slot {slot}");
            expected = if offset + 1 == length as usize { (segment + 1, 0) } else { (segment, offset + 1) };
        }
        assert!(locate(super::super::directory::MOST_SLOTS - 1).0 < SEGMENTS);
    }
}
