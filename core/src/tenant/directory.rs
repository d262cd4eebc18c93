//! The directory: which slot and which terms an id has, as one snapshot sees it.
//!
//! An open-addressed table of one word per tenant, at most half full, so a lookup reads one word and then the tenant's own
//! line. Every update builds a new directory; only tenants made from the template are added to one in use.

use super::{
    Entry, IdHasher, Registry, Slab, Tenant, Terms,
    id::{IdKey, IdWords},
};
use crate::sync::{AtomicU32, AtomicU64, Ordering};

/// Ids to slots and terms.
#[derive(Debug)]
pub(crate) struct Directory {
    /// `tag << 48 | terms << 24 | slot + 1`; 0 is empty.
    index: Box<[AtomicU64]>,
    pub(super) terms: Box<[Terms]>,
    pub(super) unknown: Unknown,
    pub(super) made: AtomicU32,
    /// Counts updates: the number of some terms means something within one edition only.
    pub(super) edition: u64,
}

/// What happens to unknown ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    Refused,
    /// Made on these terms, at most so many; past that they share the overflow slot.
    Made {
        terms: u32,
        most: u32,
        overflow: u32,
    },
}

/// A tenant as found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
    terms: u32,
}

impl Directory {
    pub(crate) fn empty() -> Self {
        Self {
            index: Box::default(),
            terms: Box::default(),
            unknown: Unknown::Refused,
            made: AtomicU32::new(0),
            edition: 0,
        }
    }

    /// Looks an id up.
    #[inline]
    pub(crate) fn find(&self, key: &IdKey, slab: &Slab) -> Option<Found> {
        let mut place = self.home(key.hash)?;
        loop {
            // Acquire pairs with `insert`: the slot's words are there before its entry.
            let entry = self.index[place].load(Ordering::Acquire);
            if entry == 0 {
                return None;
            }
            if entry >> TAG_SHIFT == key.hash >> TAG_SHIFT {
                let slot = slot_of(entry);
                if let Some(generation) = slab.get(slot).matches(&key.words) {
                    return Some(Found { slot, generation, terms: terms_of(entry) });
                }
            }
            place = (place + 1) & (self.index.len() - 1);
        }
    }

    #[inline]
    pub(crate) fn terms(&self, found: &Found) -> &Terms {
        &self.terms[found.terms as usize]
    }

    pub(crate) const fn edition(&self) -> u64 {
        self.edition
    }

    /// The terms of a slot's occupant, if it is in this directory.
    pub(crate) fn terms_of(&self, entry: Entry, hasher: &IdHasher, slab: &Slab) -> Option<&Terms> {
        let here = slab.get(entry.slot).generation() == entry.generation;
        here.then(|| self.terms_of_slot(entry.slot, hasher, slab)).flatten()
    }

    /// The terms of whoever has a slot now, if it is in this directory.
    pub(crate) fn terms_of_slot(&self, slot: u32, hasher: &IdHasher, slab: &Slab) -> Option<&Terms> {
        match self.unknown {
            Unknown::Made { terms, overflow, .. } if overflow == slot => Some(&self.terms[terms as usize]),
            _ => self.find(&hasher.key_of(slab.get(slot).words()), slab).map(|found| self.terms(&found)),
        }
    }

    /// Whether unknown ids are refused.
    pub(crate) fn refuses_unknown(&self) -> bool {
        self.unknown == Unknown::Refused
    }

    /// The tenant that newcomers share, once no more may be made.
    pub(crate) fn overflow(&self, slab: &Slab) -> Option<Found> {
        match self.unknown {
            Unknown::Made { terms, most, overflow } if self.made.load(Ordering::Relaxed) >= most => {
                let generation = slab.get(overflow).matches(&IdWords::OVERFLOW)?;
                Some(Found { slot: overflow, generation, terms })
            }
            _ => None,
        }
    }

    /// A tenant that another edition has found or made, on this edition's terms for made ones.
    pub(crate) fn on_made_terms(&self, found: Found) -> Option<Found> {
        match self.unknown {
            Unknown::Made { terms, .. } => Some(Found { terms, ..found }),
            Unknown::Refused => None,
        }
    }

    /// Makes a tenant for an unknown id. The registry's lock is held, so nobody else makes one now.
    pub(crate) fn make(&self, id: &str, key: &IdKey, registry: &mut Registry, slab: &Slab) -> Option<Found> {
        let Unknown::Made { terms, .. } = self.unknown else { return None };
        let slot = registry.allocate(id, &key.words, slab)?;
        self.insert(key.hash, slot, terms);
        self.made.fetch_add(1, Ordering::Relaxed);
        let generation = slab.get(slot).matches(&key.words)?;
        Some(Found { slot, generation, terms })
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

    pub(crate) fn is_overflow(&self, slot: u32) -> bool {
        matches!(self.unknown, Unknown::Made { overflow, .. } if overflow == slot)
    }

    /// An empty one with room for so many.
    pub(super) fn sized(tenants: usize) -> Self {
        let places = if tenants == 0 { 0 } else { (tenants * 2).next_power_of_two() };
        Self { index: (0..places).map(|_| AtomicU64::new(0)).collect(), ..Self::empty() }
    }

    /// Only under the registry's lock, or before it is published.
    pub(super) fn insert(&self, hash: u64, slot: u32, terms: u32) {
        let entry = (hash >> TAG_SHIFT << TAG_SHIFT) | u64::from(terms) << TERMS_SHIFT | u64::from(slot + 1);
        let mut place = self.home(hash).expect("the table was sized for its tenants");
        while self.index[place].load(Ordering::Relaxed) != 0 {
            place = (place + 1) & (self.index.len() - 1);
        }
        self.index[place].store(entry, Ordering::Release);
    }

    #[inline]
    fn home(&self, hash: u64) -> Option<usize> {
        let mask = self.index.len().checked_sub(1)?;
        #[expect(clippy::cast_possible_truncation, reason = "masked to the table")]
        Some(hash as usize & mask)
    }
}

impl Found {
    pub(crate) const fn entry(&self) -> Entry {
        Entry { slot: self.slot, generation: self.generation }
    }
}

impl Tenant {
    /// The id of the tenant in a slot, for statistics.
    pub(crate) fn name(&self, slot: u32, registry: &Registry) -> String {
        self.words().text().or_else(|| registry.long_name(slot)).unwrap_or_default()
    }
}

#[inline]
const fn slot_of(entry: u64) -> u32 {
    ((entry & 0xff_ffff) as u32) - 1
}

#[inline]
const fn terms_of(entry: u64) -> u32 {
    (entry >> TERMS_SHIFT & 0xff_ffff) as u32
}

const TAG_SHIFT: u32 = 48;
const TERMS_SHIFT: u32 = 24;
/// The most tenants, configured and made together, and the most different terms: what an entry has bits for.
pub(crate) const MOST_SLOTS: u32 = (1 << 24) - 1;
