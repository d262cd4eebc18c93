//! Unknown ids: refused, made on the template's terms, or counted to the tenant that those past the bound share.

use super::{Directory, Found, Registry, Slab, directory::Unknown};
use crate::{
    config::RESERVED,
    id::{IdKey, IdWords},
    limit::Moment,
    sync::Ordering,
};

impl Directory {
    /// Whether this id is refused where nobody has it: all are, or it is the name of a sum.
    pub(crate) fn refuses(&self, id: &str) -> bool {
        self.unknown == Unknown::Refused || RESERVED.contains(&id)
    }

    /// The tenant that newcomers share, once no more may be made.
    pub(crate) fn overflow(&self, slab: &Slab) -> Option<Found> {
        match self.unknown {
            Unknown::Made { terms, most, overflow, .. } if self.made.load(Ordering::Relaxed) >= most => {
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

    /// Makes a tenant for an unknown id, or says who newcomers share once no more may be made. The registry's lock is held, so nobody
    /// else makes one now.
    pub(crate) fn make(
        &self,
        (id, key): (&str, &IdKey),
        registry: &mut Registry,
        slab: &Slab,
        moment: &Moment,
    ) -> Option<Found> {
        let Unknown::Made { terms, .. } = self.unknown else { return None };
        // Requests are told so before; a foreign ledger may name one, too.
        if self.refuses(id) {
            return None;
        }
        self.sweep(registry, slab, moment);
        if let Some(overflow) = self.overflow(slab) {
            return Some(overflow);
        }
        let slot = registry.allocate(id, &key.words, slab)?;
        self.insert(key.hash, slot, terms);
        self.made.fetch_add(1, Ordering::Relaxed);
        registry.hand.add(slot, slab, moment.uptime);
        let generation = slab.get(slot).matches(&key.words)?;
        Some(Found { slot, generation, terms })
    }

    /// The slot of the tenant that newcomers past the bound share, full or not.
    #[cfg(feature = "ledger")]
    pub(crate) const fn overflow_slot(&self) -> Option<u32> {
        match self.unknown {
            Unknown::Made { overflow, .. } => Some(overflow),
            Unknown::Refused => None,
        }
    }

    pub(crate) fn is_overflow(&self, slot: u32) -> bool {
        matches!(self.unknown, Unknown::Made { overflow, .. } if overflow == slot)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{id::IdHasher, time::Time};

    #[test]
    fn nobody_is_made_by_the_name_of_a_sum() {
        let (hasher, slab) = (IdHasher::new(), Slab::default());
        let mut registry = Registry::new(hasher.clone(), super::super::Kept::default());
        let mut directory = Directory::sized(9);
        directory.unknown = Unknown::Made { terms: 0, most: 9, overflow: 0, idle: Duration::from_secs(60) };
        let moment = Moment { uptime: Time::ZERO, unix: 0 };
        for id in RESERVED {
            let key = hasher.key(id).expect("a short id");
            assert_eq!(directory.make((id, &key), &mut registry, &slab, &moment), None, "{id}");
        }
        assert!(!directory.refuses("acme"));
    }
}
