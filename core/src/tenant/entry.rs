//! Coming into a tenant: who is inside, and why somebody is not let in.

/// A request that is inside: it keeps its tenant's slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// Why a request cannot come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryError {
    /// The slot has become another tenant's since it was found.
    Stale,
    /// The tenant has as many requests inside as it may.
    Full,
}

impl Entry {
    /// Unique over the last eight million occupants of each slot: what the fair queue tells flows apart by.
    pub(crate) const fn key(&self) -> u64 {
        (self.generation as u64) << 32 | self.slot as u64
    }

    /// The slot in a key, unless it is no tenant's.
    pub(crate) fn slot_of_key(key: u64) -> Option<u32> {
        (key >> 63 == 0).then_some((key & 0xffff_ffff) as u32)
    }
}
