//! Something for every number, such as a slot's, in segments that only ever grow: so its place never moves, and reading takes no lock.

use std::sync::OnceLock;

/// One `T` per number. The first eight segments have 8 places each, the next eight 16, and so on: never more than an eighth is empty, from the
/// ninth segment on.
#[derive(Debug)]
pub(crate) struct Segments<T> {
    segments: [OnceLock<Box<[T]>>; SEGMENTS],
}

impl<T> Default for Segments<T> {
    fn default() -> Self {
        Self { segments: [const { OnceLock::new() }; SEGMENTS] }
    }
}

impl<T: Default> Segments<T> {
    /// What is at `number`, which has been allocated.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> &T {
        let (segment, offset, _) = locate(number);
        &self.segments[segment].get().expect("it is allocated before its number is published")[offset]
    }

    /// What is at `number`, if anything has been there.
    pub(crate) fn try_get(&self, number: u32) -> Option<&T> {
        let (segment, offset, _) = locate(number);
        self.segments[segment].get().map(|segment| &segment[offset])
    }

    /// Makes sure that `number` has its place.
    pub(crate) fn allocate(&self, number: u32) -> &T {
        let (segment, offset, length) = locate(number);
        let segment = self.segments[segment].get_or_init(|| (0..length).map(|_| T::default()).collect());
        &segment[offset]
    }
}

/// Segment, place in it, and the segment's length.
#[inline]
const fn locate(number: u32) -> (usize, usize, u32) {
    // So that even the first numbers have an octave with as many segments as any.
    let shifted = number + FIRST_OCTAVE;
    // Shifted further until its highest bit is the word's: the four highest are then the segment within the octave, and one bit.
    let zeros = (shifted | 1).leading_zeros();
    let segment = (shifted << zeros >> (u32::BITS - SEGMENT_BITS)) + LAST_OCTAVE - SEGMENTS_OF_OCTAVE * zeros;
    let rest = u32::MAX >> SEGMENT_BITS >> zeros;
    (segment as usize, (shifted & rest) as usize, rest + 1)
}

const SEGMENTS_OF_OCTAVE: u32 = 8;
const SEGMENT_BITS: u32 = SEGMENTS_OF_OCTAVE.ilog2() + 1;
/// A segment of the first octave has this many places, as a power of two.
const FIRST_POWER: u32 = 3;
const FIRST_OCTAVE: u32 = SEGMENTS_OF_OCTAVE << FIRST_POWER;
const FIRST_SEGMENT: u32 = SEGMENTS_OF_OCTAVE * FIRST_OCTAVE.ilog2() + SEGMENTS_OF_OCTAVE;
/// What the segments of the word's highest octave count from.
const LAST_OCTAVE: u32 = SEGMENTS_OF_OCTAVE * (u32::BITS - 1) - FIRST_SEGMENT;
/// Enough for [`super::directory::MOST_SLOTS`], and for the lines [left empty](super::Slab) between the first.
const SEGMENTS: usize = if cfg!(loom) { 2 * SEGMENTS_OF_OCTAVE as usize } else { 145 };

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_place_of_its_own() {
        let mut expected = (0, 0);
        for number in 0..100_000 {
            let (segment, offset, length) = locate(number);
            assert_eq!((segment, offset), expected, "number {number}");
            expected = if offset + 1 == length as usize { (segment + 1, 0) } else { (segment, offset + 1) };
        }
        assert!(locate(super::super::directory::MOST_SLOTS - 1).0 < SEGMENTS);
    }
}
