//! Where tenants' states live: what every request touches apart from what few touch.

use super::{
    Segments, Tenant,
    state::{Cold, Hot},
};

/// One [`Tenant`] per slot number.
///
/// What is hot of a million tenants is then half as much memory, and as many pages, as their whole states would be, and a cache line that is fetched brings none with it that
/// nobody wants. The first tenants are too few for that to matter, and each of them is busier: nearly all of them have an empty line beside each of theirs, because processors fetch
/// lines, and take them from each other, in pairs.
#[derive(Debug, Default)]
pub(crate) struct Slab {
    hot: Segments<Hot>,
    cold: Segments<Cold>,
}

impl Slab {
    /// The tenant in `slot`, which the registry has allocated.
    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Tenant<'_> {
        let place = line_of(slot);
        Tenant::new(self.hot.get(place), (&self.cold, place))
    }

    /// With slot 0.
    #[cfg(test)]
    pub(super) fn of_one() -> Self {
        let slab = Self::default();
        slab.allocate(0);
        slab
    }

    /// Makes sure that `slot` exists.
    pub(super) fn allocate(&self, slot: u32) {
        self.hot.allocate(line_of(slot));
        self.cold.allocate(line_of(slot));
    }
}

/// Which line in either is a slot's.
#[inline]
const fn line_of(slot: u32) -> u32 {
    if slot < APART { 2 * slot } else { slot + APART }
}

/// So many tenants have lines in pairs of their own.
const APART: u32 = 64;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{super::directory::MOST_SLOTS, *};

    #[test]
    fn every_slot_has_a_line_of_its_own() {
        let mut next = 0;
        for slot in 0..10_000 {
            assert_eq!(line_of(slot), next, "slot {slot}");
            next += if slot < APART { 2 } else { 1 };
        }
    }

    #[test]
    fn the_last_slot_has_one_too() {
        let segments = Segments::<Hot>::default();
        assert!(
            segments.try_get(line_of(MOST_SLOTS - 1)).is_none(),
            "it is not allocated, and within bounds"
        );
    }
}
