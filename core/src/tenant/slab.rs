//! Where tenants' states live: what every request touches in lines without gaps, what few touch aside.

use super::{
    Segments, Tenant,
    state::{Aside, Line},
};

/// One [`Tenant`] per slot number.
///
/// A million tenants' lines are then half as much memory, and as many pages, as their whole states would be, and a line that is fetched brings none with it that nobody
/// wants. The first tenants are too few for that to matter, and each of them is busier: their lines have an empty one beside them, because processors fetch,
/// and take from each other, lines in pairs.
#[derive(Debug, Default)]
pub(crate) struct Slab {
    lines: Segments<Line>,
    asides: Segments<Aside>,
}

impl Slab {
    /// The tenant in `slot`, which the registry has allocated.
    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Tenant<'_> {
        Tenant::new(self.lines.get(place(slot)), (&self.asides, slot))
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
        self.lines.allocate(place(slot));
        self.asides.allocate(slot);
    }
}

/// Where the line of a slot is.
#[inline]
const fn place(slot: u32) -> u32 {
    if slot < APART { 2 * slot } else { slot + APART }
}

/// So many tenants have lines in pairs of their own.
const APART: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_has_a_line_of_its_own() {
        let mut next = 0;
        for slot in 0..10_000 {
            assert_eq!(place(slot), next, "slot {slot}");
            next += if slot < APART { 2 } else { 1 };
        }
    }
}
