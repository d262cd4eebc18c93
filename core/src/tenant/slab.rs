//! Where tenants' states and meters live: segments that only ever grow, so a slot's place never moves and reading takes no lock.

use std::sync::OnceLock;

use super::Tenant;

/// One `T` per slot number. Segment 0 has 64, each later one as many as all before it together.
#[derive(Debug)]
pub(crate) struct Slab<T = Tenant> {
    segments: [OnceLock<Box<[T]>>; SEGMENTS],
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { segments: [const { OnceLock::new() }; SEGMENTS] }
    }
}

impl<T: Default> Slab<T> {
    /// What is in `slot`, which the registry has allocated.
    #[inline]
    pub(crate) fn get(&self, slot: u32) -> &T {
        let (segment, offset, _) = locate(slot);
        &self.segments[segment].get().expect("a slot is allocated before it is published")[offset]
    }

    /// What is in `slot`, if anything has been there.
    pub(crate) fn try_get(&self, slot: u32) -> Option<&T> {
        let (segment, offset, _) = locate(slot);
        self.segments[segment].get().map(|segment| &segment[offset])
    }

    /// Makes sure that `slot` exists.
    pub(crate) fn allocate(&self, slot: u32) -> &T {
        let (segment, offset, length) = locate(slot);
        let segment = self.segments[segment].get_or_init(|| (0..length).map(|_| T::default()).collect());
        &segment[offset]
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
