//! The registry: which slots are in use. Behind one lock, which only new and removed tenants touch.

use std::{collections::HashMap, sync::Arc};

use super::{
    Slab,
    directory::MOST_SLOTS,
    eviction::Hand,
    id::{IdHasher, IdWords},
};
use crate::limit::Meter;

/// Slots by what may be done with them.
#[derive(Debug)]
pub(crate) struct Registry {
    hasher: IdHasher,
    /// The first slot never used.
    fresh: u32,
    free: Vec<u32>,
    /// Removed, but perhaps still with requests inside.
    retired: Vec<u32>,
    /// Ids that do not fit a slot's words.
    long_names: HashMap<u32, Box<str>>,
    pub(super) hand: Hand,
    /// What eviction must know of, too.
    pub(super) meters: Arc<Slab<Meter>>,
}

impl Registry {
    pub(crate) fn new(hasher: IdHasher, meters: Arc<Slab<Meter>>) -> Self {
        Self {
            hasher,
            fresh: 0,
            free: vec![],
            retired: vec![],
            long_names: HashMap::new(),
            hand: Hand::default(),
            meters,
        }
    }

    pub(super) const fn hasher(&self) -> &IdHasher {
        &self.hasher
    }

    /// How many slots there are, in use or not.
    pub(crate) const fn slots(&self) -> u32 {
        self.fresh
    }

    /// A slot set up for an id; `None` when all are in use.
    pub(super) fn allocate(&mut self, id: &str, words: &IdWords, slab: &Slab) -> Option<u32> {
        if self.free.is_empty() {
            self.reclaim(slab);
        }
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.fresh < MOST_SLOTS => {
                slab.allocate(self.fresh);
                self.fresh += 1;
                self.fresh - 1
            }
            None => return None,
        };
        slab.get(slot).occupy(words);
        if words.text().is_none() && !id.is_empty() {
            self.long_names.insert(slot, id.into());
        }
        Some(slot)
    }

    /// Slots whose tenants are gone: free as soon as their last request has left.
    pub(super) fn retire(&mut self, slots: impl Iterator<Item = u32>, slab: &Slab) {
        self.retired.extend(slots);
        self.reclaim(slab);
    }

    /// A vacated slot: free.
    pub(super) fn release(&mut self, slot: u32) {
        self.long_names.remove(&slot);
        self.free.push(slot);
    }

    pub(super) fn long_name(&self, slot: u32) -> Option<String> {
        self.long_names.get(&slot).map(|name| name.to_string())
    }

    fn reclaim(&mut self, slab: &Slab) {
        let Self { free, retired, long_names, .. } = self;
        retired.retain(|&slot| {
            let vacated = slab.get(slot).vacate();
            if vacated {
                long_names.remove(&slot);
                free.push(slot);
            }
            !vacated
        });
    }
}
