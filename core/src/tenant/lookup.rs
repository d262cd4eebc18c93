//! Looking an id up in the directory, without a lock.

use super::{
    Directory, Entry, Slab, Tenant,
    directory::{TAG_SHIFT, slot_of, terms_of},
};
use crate::{id::IdKey, sync::Ordering};

/// What a second look at the index says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup {
    Found(Found),
    Absent,
    /// Only the registry's lock tells.
    Unsure,
}

/// A tenant as found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
    pub(super) terms: u32,
}

impl Directory {
    /// Looks an id up.
    #[inline]
    pub(crate) fn find(&self, key: &IdKey, slab: &Slab) -> Option<Found> {
        self.find_with_state(key, slab).map(|(found, _)| found)
    }

    /// The same, with the tenant's state.
    #[inline(always)]
    pub(crate) fn find_with_state<'a>(&self, key: &IdKey, slab: &'a Slab) -> Option<(Found, Tenant<'a>)> {
        let (mut entry, mut place) = self.seek(self.home(key.hash)?, key.hash)?;
        loop {
            let tenant = slab.get(slot_of(entry));
            // Nearly always it is the first that the tag lets through.
            if let Some(generation) = tenant.matches(&key.words) {
                return Some((Found { slot: slot_of(entry), generation, terms: terms_of(entry) }, tenant));
            }
            (entry, place) = self.seek_behind(place, key.hash)?;
        }
    }

    #[cold]
    #[inline(never)]
    fn seek_behind(&self, place: usize, hash: u64) -> Option<(u64, usize)> {
        self.seek(place, hash)
    }

    /// The next entry from a place on that has a hash's tag, and the place behind it.
    #[inline(always)]
    fn seek(&self, mut place: usize, hash: u64) -> Option<(u64, usize)> {
        let index = &*self.index;
        loop {
            let Some(entry) = index.get(place) else {
                place = 0;
                continue;
            };
            // Acquire pairs with `insert`: the slot's words are there before its entry.
            let entry = entry.load(Ordering::Acquire);
            place += 1;
            if entry == 0 {
                return None;
            }
            if entry >> TAG_SHIFT == hash >> TAG_SHIFT {
                return Some((entry, place));
            }
        }
    }

    /// Looks an id up that [`find`](Self::find) has just missed: an eviction may have moved its entry meanwhile.
    #[cold]
    pub(crate) fn find_again(&self, key: &IdKey, slab: &Slab) -> Lookup {
        let before = self.moves.load(Ordering::Acquire);
        if let Some(found) = self.find(key, slab) {
            return Lookup::Found(found);
        }
        // Whoever saw any of a removal's stores sees its first count, too.
        let moved = before % 2 == 1 || self.moves.load(Ordering::Relaxed) != before;
        if moved { Lookup::Unsure } else { Lookup::Absent }
    }

    /// Looks an id up where nothing else follows a miss.
    pub(crate) fn find_surely(&self, key: &IdKey, slab: &Slab) -> Option<Found> {
        loop {
            match self.find_again(key, slab) {
                Lookup::Found(found) => return Some(found),
                Lookup::Absent => return None,
                Lookup::Unsure => std::hint::spin_loop(),
            }
        }
    }
}

impl Found {
    pub(crate) const fn entry(&self) -> Entry {
        Entry { slot: self.slot, generation: self.generation }
    }
}
