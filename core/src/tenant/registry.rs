//! The registry: which slots are in use. Behind one lock, which only new and removed tenants touch.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::{Segments, Slab, Visits, directory::MOST_SLOTS, eviction::Hand, terms_list::TermsNumbers};
use crate::{
    admission::Attempts,
    id::{IdHasher, IdWords},
    limit::Meter,
};

/// Slots by what may be done with them.
#[derive(Debug)]
pub(crate) struct Registry {
    hasher: IdHasher,
    /// The first slot never used.
    fresh: u32,
    free: Vec<u32>,
    /// Removed, but perhaps still with requests inside.
    retired: VecDeque<u32>,
    /// Ids that do not fit a slot's words.
    long_names: HashMap<u32, Box<str>>,
    pub(super) hand: Hand,
    /// The numbers of the terms in the directory in force.
    pub(super) terms: TermsNumbers,
    /// How many tenants are configured.
    configured: usize,
    /// How many each parent has directly beneath it, by its slot.
    children: HashMap<u32, u32>,
    /// What eviction must know of, too.
    pub(super) kept: Kept,
}

/// What lives beside the slots.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) meters: Arc<Segments<Meter>>,
    pub(crate) attempts: Arc<Attempts>,
    /// Who must be out of a slot before it is vacant.
    pub(crate) visits: Arc<Visits>,
}

impl Registry {
    pub(crate) fn new(hasher: IdHasher, kept: Kept) -> Self {
        Self {
            hasher,
            fresh: 0,
            free: vec![],
            retired: VecDeque::new(),
            long_names: HashMap::new(),
            hand: Hand::default(),
            terms: TermsNumbers::default(),
            configured: 0,
            children: HashMap::new(),
            kept,
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
            self.reclaim(slab, RECLAIMED_AT_ONCE);
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
        self.reclaim(slab, usize::MAX);
    }

    /// One such slot.
    pub(super) fn retire_one(&mut self, slot: u32, slab: &Slab) {
        if slab.get(slot).vacate(&self.kept.visits) {
            self.release(slot);
        } else {
            self.retired.push_back(slot);
        }
    }

    /// Another directory is in force.
    pub(super) fn follow(&mut self, terms: TermsNumbers, configured: usize, children: HashMap<u32, u32>) {
        (self.terms, self.configured, self.children) = (terms, configured, children);
    }

    /// How many tenants are configured.
    pub(crate) const fn configured(&self) -> usize {
        self.configured
    }

    /// Whether the tenant in a slot was made for an unknown id.
    pub(crate) fn is_made(&self, slot: u32) -> bool {
        self.hand.has(slot)
    }

    /// Whether somebody is beneath the tenant in a slot.
    pub(crate) fn is_parent(&self, slot: u32) -> bool {
        self.children.contains_key(&slot)
    }

    /// So many tenants more are configured.
    pub(super) const fn grow(&mut self, tenants: usize) {
        self.configured += tenants;
    }

    /// One less is.
    pub(super) const fn shrink(&mut self) {
        self.configured -= 1;
    }

    /// Somebody moves from one parent to another.
    pub(super) fn move_child(&mut self, from: Option<u32>, to: Option<u32>) {
        if let Some(to) = to {
            *self.children.entry(to).or_default() += 1;
        }
        if let Some(from) = from
            && let Some(children) = self.children.get_mut(&from)
        {
            *children -= 1;
            if *children == 0 {
                self.children.remove(&from);
            }
        }
    }

    /// A vacated slot: free.
    pub(super) fn release(&mut self, slot: u32) {
        self.long_names.remove(&slot);
        self.free.push(slot);
    }

    pub(super) fn long_name(&self, slot: u32) -> Option<String> {
        self.long_names.get(&slot).map(|name| name.to_string())
    }

    /// Looks at so many of those that have retired.
    fn reclaim(&mut self, slab: &Slab, most: usize) {
        for _ in 0..most.min(self.retired.len()) {
            if let Some(slot) = self.retired.pop_front() {
                self.retire_one(slot, slab);
            }
        }
    }
}

const RECLAIMED_AT_ONCE: usize = 8;
