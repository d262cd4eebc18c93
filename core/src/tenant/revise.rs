//! One tenant changes in a directory that is in use: in as many steps with a million tenants as with ten, where nobody is beneath it.

use std::{collections::HashMap, sync::Arc};

use super::{
    Directory, Entry, Found, Registry, Slab, Terms,
    build::QuotaChange,
    directory::{MOST_SLOTS, Unknown},
    terms_list::TermsNumbers,
};
use crate::{
    admission::Level,
    id::{IdHasher, IdKey},
    limit::Moment,
    sync::Ordering,
    time::Time,
};

/// A tenant as it is to be.
#[derive(Debug)]
pub(crate) struct Revision<'a> {
    pub(crate) id: &'a str,
    pub(crate) key: IdKey,
    /// Without what its parent makes of them.
    pub(crate) terms: Terms,
    pub(crate) parent: Option<Entry>,
    /// Where it has others beneath it: its level.
    pub(crate) group: Option<Level>,
}

/// What has become of it.
#[derive(Debug)]
pub(crate) struct Revised {
    pub(crate) entry: Entry,
    /// To be published, if there is one; else the directory in use has it.
    pub(crate) next: Option<Directory>,
}

impl Directory {
    /// Puts a tenant in, or other terms to it. `None` when there are no slots left. Under the registry's lock.
    pub(crate) fn revise(
        &self,
        revision: Revision<'_>,
        registry: &mut Registry,
        slab: &Slab,
        now: Time,
    ) -> Option<Revised> {
        let Revision { id, key, mut terms, parent, group } = revision;
        if let Some(parent) = parent {
            let way = self.terms_of_slot(parent.slot, registry.hasher(), slab)?.way_up(parent);
            terms.put_beneath(parent, way);
        }
        let old = self.find(&key, slab);
        let slot = match old {
            Some(found) => found.slot,
            None => registry.allocate(id, &key.words, slab)?,
        };
        let entry = Entry { slot, generation: slab.get(slot).generation() };
        let newcomer = usize::from(old.is_none() || registry.hand.has(slot));
        let (tenants, hasher) = (self.most_with(registry, newcomer), registry.hasher().clone());
        let next = match group {
            Some(group) => Some(self.rebuilt(registry, slab, tenants, |old| {
                let beneath = old.is_within(group.key);
                if beneath {
                    self.beneath_changed(old, (entry, &terms), group, (&hasher, slab))
                } else {
                    old.clone()
                }
            })),
            None if self.is_outgrown(registry, tenants) => {
                Some(self.rebuilt(registry, slab, tenants, Terms::clone))
            }
            None => None,
        };
        let target = next.as_ref().unwrap_or(self);
        if let Some(change) = old.and_then(|found| QuotaChange::between(slot, self.terms(&found), &terms)) {
            change.apply(slab, now);
        }
        let from = old.and_then(|found| self.terms(&found).parent()).map(|parent| parent.slot);
        target.insert(key.hash, slot, registry.terms.number(terms, &target.terms));
        target.revised();
        registry.move_child(from, parent.map(|parent| parent.slot));
        registry.grow(newcomer);
        if registry.hand.dismiss(slot) {
            target.made.fetch_sub(1, Ordering::Relaxed);
        }
        Some(Revised { entry, next })
    }

    /// Makes a tenant a group, so that others can be beneath it.
    pub(crate) fn make_group(&self, found: &Found, group: u64, registry: &mut Registry, slab: &Slab) {
        let terms = self.terms(found);
        if !terms.is_within(group) {
            let number = registry.terms.number(terms.clone().into_group(group), &self.terms);
            let key = registry.hasher().key_of(slab.get(found.slot).words());
            self.insert(key.hash, found.slot, number);
            self.revised();
        }
    }

    /// Takes a configured tenant out. Where unknown ones are made, it goes on as one of them, with what it has used; where as many are made as may be,
    /// until that has come back.
    pub(crate) fn dismiss(&self, found: &Found, registry: &mut Registry, slab: &Slab, moment: &Moment) {
        let old = self.terms(found);
        registry.move_child(old.parent().map(|parent| parent.slot), None);
        registry.shrink();
        match self.unknown {
            Unknown::Made { terms, most, .. } => {
                let is_full = self.made.load(Ordering::Relaxed) >= most;
                let own = (found.slot, &**old.limits().quotas());
                if is_full && registry.vacate_as_new(own, slab, moment, |_| true) {
                    self.remove(found.slot, registry, slab);
                    registry.release(found.slot);
                } else {
                    self.go_on_as_made(found.slot, (old, terms), registry, (slab, moment));
                }
            }
            Unknown::Refused => {
                self.remove(found.slot, registry, slab);
                registry.retire_one(found.slot, slab);
            }
        }
        self.revised();
    }

    /// Whoever has a slot is made from here on, on these terms in place of its own.
    fn go_on_as_made(
        &self,
        slot: u32,
        (own, terms): (&Terms, u32),
        registry: &mut Registry,
        (slab, moment): (&Slab, &Moment),
    ) {
        if let Some(change) = QuotaChange::between(slot, own, self.terms.get(terms)) {
            change.apply(slab, moment.uptime);
        }
        let key = registry.hasher().key_of(slab.get(slot).words());
        self.insert(key.hash, slot, terms);
        self.made.fetch_add(1, Ordering::Relaxed);
        registry.hand.add(slot, slab, moment.uptime);
    }

    /// How many tenants there may be, with so many more configured.
    fn most_with(&self, registry: &Registry, newcomers: usize) -> usize {
        let made = match self.unknown {
            // More than that are made where some were taken out and had not come back to what they may use.
            Unknown::Made { most, .. } => most.max(self.made.load(Ordering::Relaxed)) as usize,
            Unknown::Refused => 0,
        };
        registry.configured() + newcomers + made
    }

    /// Whether it has no room for so many, or many terms that nobody has.
    fn is_outgrown(&self, registry: &Registry, tenants: usize) -> bool {
        !self.has_room_for(tenants)
            || registry.terms.given() as usize > (2 * tenants + BLOATED).min(MOST_SLOTS as usize - 1)
    }

    /// The same tenants in a new table with room for so many.
    fn rebuilt(
        &self,
        registry: &mut Registry,
        slab: &Slab,
        tenants: usize,
        terms_now: impl Fn(&Terms) -> Terms,
    ) -> Self {
        // With room to grow, so that the next one is far away.
        let (mut next, mut numbers) = (Self::sized(tenants + tenants / 4 + 8), TermsNumbers::default());
        let mut moved: HashMap<u32, u32> = HashMap::new();
        let mut number = |old: u32, next: &Self| {
            *moved.entry(old).or_insert_with(|| numbers.number(terms_now(self.terms.get(old)), &next.terms))
        };
        for (slot, old) in self.entries() {
            let key = registry.hasher().key_of(slab.get(slot).words());
            next.insert(key.hash, slot, number(old, &next));
        }
        if let Unknown::Made { terms, most, overflow, idle } = self.unknown {
            next.unknown = Unknown::Made { terms: number(terms, &next), most, overflow, idle };
        }
        next.made.store(self.made.load(Ordering::Relaxed), Ordering::Relaxed);
        next.sweep_from.store(self.sweep_from.load(Ordering::Relaxed), Ordering::Relaxed);
        next.set_edition_after(self);
        registry.terms = numbers;
        next
    }

    /// The terms of somebody beneath a group that has changed: its level, and the limits on the way up.
    fn beneath_changed(
        &self,
        old: &Terms,
        (changed, now): (Entry, &Terms),
        group: Level,
        (hasher, slab): (&IdHasher, &Slab),
    ) -> Terms {
        let mut terms = old.clone().with_group(group);
        let Some(parent) = old.parent() else { return terms };
        // From the top down, each with those above it.
        let up = |entry: &Entry| self.terms_of_slot(entry.slot, hasher, slab)?.parent();
        let chain: Vec<Entry> = std::iter::successors(Some(parent), up).collect();
        let way = chain.into_iter().rev().fold(Arc::default(), |above: Arc<[_]>, entry| {
            let own = if entry == changed { Some(now) } else { self.terms_of_slot(entry.slot, hasher, slab) };
            let Some(own) = own else { return above };
            own.own_way(entry, &above)
        });
        terms.put_beneath(parent, way);
        terms
    }
}

/// So many terms more than tenants are not worth a new directory.
const BLOATED: usize = 1_024;
