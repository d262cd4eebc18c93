//! The directory: which slot and which terms an id has, as one snapshot sees it.
//!
//! An open-addressed table of one word per tenant, at most five eighths full, so a lookup reads one word and then the tenant's own
//! line. A configuration's update builds a new directory; single tenants are changed in the one in use (`revise.rs`), and tenants made from
//! the template are added to it and evicted from it.

use std::time::Duration;

use super::{Entry, Found, Registry, Slab, Tenant, Terms, terms_list::TermsList};
use crate::{
    id::IdHasher,
    sync::{AtomicU32, AtomicU64, Ordering},
};

/// Ids to slots and terms.
#[derive(Debug)]
pub(crate) struct Directory {
    /// `tag << 48 | terms << 24 | slot + 1`; 0 is empty.
    pub(super) index: Box<[AtomicU64]>,
    pub(super) terms: TermsList,
    pub(super) unknown: Unknown,
    pub(super) made: AtomicU32,
    /// Counts updates: who has which terms may be remembered within one edition only.
    edition: AtomicU64,
    /// Counts removals twice, as one begins and as it ends: while it is odd, entries move.
    pub(super) moves: AtomicU32,
    /// In nanoseconds of uptime.
    pub(super) sweep_from: AtomicU64,
}

/// What happens to unknown ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    Refused,
    /// Made on these terms, at most so many, and evicted when idle for so long; past that they share the overflow slot.
    Made {
        terms: u32,
        most: u32,
        overflow: u32,
        idle: Duration,
    },
}

impl Directory {
    pub(crate) fn empty() -> Self {
        Self {
            index: Box::default(),
            terms: TermsList::default(),
            unknown: Unknown::Refused,
            made: AtomicU32::new(0),
            edition: AtomicU64::new(0),
            moves: AtomicU32::new(0),
            sweep_from: AtomicU64::new(0),
        }
    }

    #[inline]
    pub(crate) fn terms(&self, found: &Found) -> &Terms {
        self.terms.get(found.terms)
    }

    /// Asked for before anybody is looked up: whoever finds it unchanged later may use what was found.
    #[inline]
    pub(crate) fn edition(&self) -> u64 {
        // Acquire pairs with `revised`: in a new edition, only its entries are found.
        self.edition.load(Ordering::Acquire)
    }

    /// An entry has changed.
    pub(super) fn revised(&self) {
        self.edition.fetch_add(1, Ordering::Release);
    }

    pub(super) fn set_edition_after(&mut self, previous: &Self) {
        self.edition = AtomicU64::new(previous.edition() + 1);
    }

    /// The terms of a slot's occupant, if it is in this directory.
    pub(crate) fn terms_of(&self, entry: Entry, hasher: &IdHasher, slab: &Slab) -> Option<&Terms> {
        let here = slab.get(entry.slot).generation() == entry.generation;
        here.then(|| self.terms_of_slot(entry.slot, hasher, slab)).flatten()
    }

    /// The terms of whoever has a slot now, if it is in this directory.
    pub(crate) fn terms_of_slot(&self, slot: u32, hasher: &IdHasher, slab: &Slab) -> Option<&Terms> {
        match self.unknown {
            Unknown::Made { terms, overflow, .. } if overflow == slot => Some(self.terms.get(terms)),
            _ => {
                self.find_surely(&hasher.key_of(slab.get(slot).words()), slab).map(|found| self.terms(&found))
            }
        }
    }

    /// Whether a slot's occupant is in this directory. Under the registry's lock.
    pub(crate) fn has(&self, slot: u32, hasher: &IdHasher, slab: &Slab) -> bool {
        let key = || hasher.key_of(slab.get(slot).words());
        self.is_overflow(slot) || self.find(&key(), slab).is_some_and(|found| found.slot == slot)
    }

    /// Whether a tenant is another one, or somewhere beneath it.
    pub(crate) fn is_beneath(&self, found: &Found, other: Entry, hasher: &IdHasher, slab: &Slab) -> bool {
        let up = |entry: &Entry| self.terms_of(*entry, hasher, slab)?.parent();
        found.entry() == other
            || std::iter::successors(self.terms(found).parent(), up).any(|parent| parent == other)
    }

    /// Every tenant in it: slot numbers, the overflow tenant's last.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> {
        let shared = match self.unknown {
            Unknown::Made { overflow, .. } => Some(overflow),
            Unknown::Refused => None,
        };
        self.entries().map(|(slot, _)| slot).chain(shared)
    }

    /// Slots and terms of everyone but the overflow tenant.
    pub(super) fn entries(&self) -> impl Iterator<Item = (u32, u32)> {
        let entries = self.index.iter().map(|entry| entry.load(Ordering::Acquire));
        entries.filter(|&entry| entry != 0).map(|entry| (slot_of(entry), terms_of(entry)))
    }

    /// An empty one with room for so many.
    pub(super) fn sized(tenants: usize) -> Self {
        let places = tenants * PLACES / TENANTS_IN_THEM + usize::from(tenants > 0);
        Self { index: (0..places).map(|_| AtomicU64::new(0)).collect(), ..Self::empty() }
    }

    /// Puts a tenant in, or other terms in its entry. Only under the registry's lock, or before it is published.
    pub(super) fn insert(&self, hash: u64, slot: u32, terms: u32) {
        let entry = (hash >> TAG_SHIFT << TAG_SHIFT) | u64::from(terms) << TERMS_SHIFT | u64::from(slot + 1);
        let mut place = self.home(hash).expect("the table was sized for its tenants");
        loop {
            let there = self.index[place].load(Ordering::Relaxed);
            if there == 0 || slot_of(there) == slot {
                break;
            }
            place = self.behind(place);
        }
        self.index[place].store(entry, Ordering::Release);
    }

    /// Whether so many fit, and enough of the table stays empty.
    pub(super) fn has_room_for(&self, tenants: usize) -> bool {
        tenants * PLACES / TENANTS_IN_THEM < self.index.len()
    }

    /// Takes a tenant out and closes the gap: entries behind it move up. Only under the registry's lock.
    pub(super) fn remove(&self, slot: u32, registry: &Registry, slab: &Slab) {
        let home = |slot: u32| self.home(registry.hasher().key_of(slab.get(slot).words()).hash);
        let length = self.index.len();
        let entry = |place: usize| self.index[place].load(Ordering::Relaxed);
        let Some(mut gap) = home(slot) else { return };
        while slot_of(entry(gap)) != slot {
            gap = self.behind(gap);
        }
        self.moves.fetch_add(1, Ordering::Relaxed);
        let mut place = self.behind(gap);
        while entry(place) != 0 {
            let wanted = home(slot_of(entry(place))).expect("the table is not empty");
            let away = |from: usize| if place >= from { place - from } else { place + length - from };
            if away(wanted) >= away(gap) {
                // Release: who sees it moved, or its old place empty, sees that something moves.
                self.index[gap].store(entry(place), Ordering::Release);
                gap = place;
            }
            place = self.behind(place);
        }
        self.index[gap].store(0, Ordering::Release);
        self.moves.fetch_add(1, Ordering::Release);
    }

    /// Where its search begins: the hash's lower half, scaled to a table of any length.
    #[inline]
    pub(super) fn home(&self, hash: u64) -> Option<usize> {
        let length = self.index.len() as u64;
        let home = (((hash & u64::from(u32::MAX)) * length) >> 32) as usize;
        (length > 0).then_some(home)
    }

    /// The next place, in a circle.
    #[inline]
    fn behind(&self, place: usize) -> usize {
        if place + 1 == self.index.len() { 0 } else { place + 1 }
    }
}

impl Tenant<'_> {
    /// Its id, if that fits its slot.
    pub(crate) fn short_name(&self) -> Option<String> {
        self.words().text()
    }

    /// The id of the tenant in a slot, for statistics.
    pub(crate) fn name(&self, slot: u32, registry: &Registry) -> String {
        self.words().text().or_else(|| registry.long_name(slot)).unwrap_or_default()
    }
}

#[inline]
pub(super) const fn slot_of(entry: u64) -> u32 {
    ((entry & 0xff_ffff) as u32) - 1
}

#[inline]
pub(super) const fn terms_of(entry: u64) -> u32 {
    (entry >> TERMS_SHIFT & 0xff_ffff) as u32
}

/// How many places a table has for how many tenants: a search that finds somebody reads 1.8 of them in the mean, next to each other.
const PLACES: usize = 8;
const TENANTS_IN_THEM: usize = 5;
pub(super) const TAG_SHIFT: u32 = 48;
const TERMS_SHIFT: u32 = 24;
/// The most tenants, configured and made together, and the most different terms: what an entry has bits for.
pub(crate) const MOST_SLOTS: u32 = (1 << 24) - 1;

#[cfg(all(test, loom))]
mod models {
    use loom::{sync::Arc, thread};

    use crate::{id::IdWords, tenant::Lookup};

    use super::*;

    /// Whoever stays is found, or the look says that it is unsure, while the entry before is removed and theirs moves up.
    #[test]
    fn an_eviction_hides_nobody_else() {
        let hasher = IdHasher::new();
        // Two ids that want the same place.
        let key = {
            let hasher = hasher.clone();
            move |n| hasher.key_of(IdWords([n, 0, 0, 0, 1 << 56]))
        };
        let same_place = |n: &u64| key(*n).hash >> 30 & 3 == 0;
        let mut ids = (1..).filter(same_place);
        let (going, staying) = (ids.next().expect("one in four"), ids.next().expect("one in four"));
        loom::model(move || {
            let (going, staying) = (key(going), key(staying));
            let slab = Slab::default();
            let mut registry = Registry::new(hasher.clone(), super::super::Kept::default());
            let directory = Directory::sized(2);
            assert_eq!(directory.home(going.hash), directory.home(staying.hash));
            let slots = [going, staying].map(|key| {
                let slot = registry.allocate("x", &key.words, &slab).expect("there is room");
                directory.insert(key.hash, slot, 0);
                slot
            });
            let shared = Arc::new((directory, slab));
            let looker = {
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    let looked = shared.0.find_again(&staying, &shared.1);
                    assert_ne!(looked, Lookup::Absent, "it is there all the time");
                })
            };
            assert!(shared.1.get(slots[0]).vacate(&registry.kept.visits));
            shared.0.remove(slots[0], &registry, &shared.1);
            looker.join().expect("the thread does not panic");
            assert!(matches!(shared.0.find_again(&staying, &shared.1), Lookup::Found(_)));
            assert_eq!(shared.0.find_again(&going, &shared.1), Lookup::Absent);
        });
    }
}
