//! Building the next directory: who is kept, who is new, and which parents' limits count for whom.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use super::{
    Directory, Entry, Registry, Slab, Terms, directory::Unknown, terms::Ancestor, terms_list::TermsNumbers,
};
use crate::{
    id::{IdKey, IdWords},
    limit::{self, Moment, Quota},
    sync::Ordering,
    time::Time,
};

/// What a directory is built from.
pub(crate) struct Listing<'a> {
    pub(crate) tenants: Vec<Listed<'a>>,
    pub(crate) made: Option<MadeSpec<'a>>,
}

/// How tenants are made, and for how long they may be idle.
pub(crate) struct MadeSpec<'a> {
    pub(crate) template: Listed<'a>,
    pub(crate) most: u32,
    pub(crate) idle: Duration,
}

/// A tenant as it is configured, or the template of made ones.
pub(crate) struct Listed<'a> {
    /// Empty for the template.
    pub(crate) id: &'a str,
    pub(crate) terms: Terms,
    pub(crate) parent: Option<&'a str>,
}

impl Directory {
    /// Builds the next directory. Tenants of `previous` that are still wanted keep their state; the others' slots retire.
    /// `None` when there are more tenants than slots.
    pub(crate) fn build(
        listing: Listing<'_>,
        previous: &Self,
        registry: &mut Registry,
        slab: &Slab,
        moment: &Moment,
    ) -> Option<(Self, Vec<QuotaChange>)> {
        let mut changes = Changes::default();
        // Slots first: a parent's is part of its children's terms.
        let mut placed: Vec<(IdKey, u32)> = Vec::with_capacity(listing.tenants.len());
        for listed in &listing.tenants {
            let key = registry.hasher().key(listed.id)?;
            let slot = match previous.find(&key, slab) {
                Some(found) => changes.note(found.slot, previous.terms(&found), &listed.terms),
                None => registry.allocate(listed.id, &key.words, slab)?,
            };
            placed.push((key, slot));
        }
        let configured = listing.tenants.len();
        let mut kept: HashSet<u32> = placed.iter().map(|&(_, slot)| slot).collect();
        let mut ancestry = Ancestry::of(&listing, &placed, slab);
        let overflow = match (&listing.made, previous.unknown) {
            (None, _) => None,
            (Some(_), Unknown::Made { overflow, .. }) => Some(overflow),
            (Some(_), Unknown::Refused) => Some(registry.allocate("", &IdWords::OVERFLOW, slab)?),
        };
        kept.extend(overflow);
        // Nothing is refused any more.
        let most = listing.made.as_ref().map_or(0, |made| made.most as usize);
        let made = match overflow {
            Some(_) => {
                let others = previous.entries().filter(|&(slot, _)| kept.insert(slot)).collect();
                previous.stay_made(others, most, registry, (slab, moment))
            }
            None => vec![],
        };
        let mut next = Self::sized(configured + most.max(made.len()));
        let mut numbers = TermsNumbers::default();
        for (listed, (key, slot)) in listing.tenants.into_iter().zip(placed) {
            next.insert(key.hash, slot, numbers.number(ancestry.complete(listed), &next.terms));
        }
        if let (Some(MadeSpec { template, most, idle }), Some(overflow)) = (listing.made, overflow) {
            let terms = ancestry.complete(template);
            let number = numbers.number(terms.clone(), &next.terms);
            if let Unknown::Made { terms: old, .. } = previous.unknown {
                changes.note(overflow, previous.terms.get(old), &terms);
            }
            next.unknown = Unknown::Made { terms: number, most, overflow, idle };
            for &(slot, old) in &made {
                let key = registry.hasher().key_of(slab.get(slot).words());
                next.insert(key.hash, changes.note(slot, previous.terms.get(old), &terms), number);
            }
            next.made.store(u32::try_from(made.len()).unwrap_or(u32::MAX), Ordering::Relaxed);
        }
        registry.retire(previous.slots().filter(|slot| !kept.contains(slot)), slab);
        registry.hand.follow(made.into_iter().map(|(slot, _)| slot).collect(), slab, moment.uptime);
        registry.follow(numbers, configured, ancestry.children);
        next.set_edition_after(previous);
        Some((next, changes.0))
    }

    /// Who of those that are not configured any more goes on as made: slots and old terms. Beyond the bound only whoever has not come back to
    /// what it may use yet; the others' slots are free from here on.
    fn stay_made(
        &self,
        mut made: Vec<(u32, u32)>,
        most: usize,
        registry: &mut Registry,
        (slab, moment): (&Slab, &Moment),
    ) -> Vec<(u32, u32)> {
        let mut beyond = made.len().saturating_sub(most);
        made.retain(|&(slot, terms)| {
            let quotas = self.terms.get(terms).limits().quotas();
            let goes = beyond > 0 && registry.vacate_as_new((slot, quotas), slab, moment, |_| true);
            if goes {
                registry.release(slot);
                beyond -= 1;
            }
            !goes
        });
        made
    }
}

/// The parents of one listing: each with its limits, if it has any, and its own parent.
struct Ancestry<'a> {
    parents: HashMap<&'a str, (Entry, Option<Ancestor>, Option<&'a str>)>,
    /// The limited parents from a parent up to the root, itself the first: built once for all of its children.
    ways: HashMap<&'a str, Arc<[Ancestor]>>,
    /// How many each parent has directly beneath it, by its slot; the template counts as one.
    children: HashMap<u32, u32>,
}

impl<'a> Ancestry<'a> {
    fn of(listing: &Listing<'a>, placed: &[(IdKey, u32)], slab: &Slab) -> Self {
        let template = listing.made.iter().map(|made| &made.template);
        let named: HashSet<&str> =
            listing.tenants.iter().chain(template).filter_map(|listed| listed.parent).collect();
        let parents = listing.tenants.iter().zip(placed).filter(|(listed, _)| named.contains(listed.id));
        let parent = |(listed, &(_, slot)): (&Listed<'a>, &(IdKey, u32))| {
            let entry = Entry { slot, generation: slab.get(slot).generation() };
            (listed.id, (entry, Ancestor::of(entry, &listed.terms), listed.parent))
        };
        Self { parents: parents.map(parent).collect(), ways: HashMap::new(), children: HashMap::new() }
    }

    /// A tenant's terms with the limits above it.
    fn complete(&mut self, listed: Listed<'a>) -> Terms {
        let mut terms = listed.terms;
        if let Some(parent) = listed.parent {
            let way = self.way(parent);
            let (entry, ..) = self.parents[parent];
            *self.children.entry(entry.slot).or_default() += 1;
            terms.put_beneath(entry, way);
        }
        terms
    }

    fn way(&mut self, parent: &'a str) -> Arc<[Ancestor]> {
        if let Some(known) = self.ways.get(parent) {
            return Arc::clone(known);
        }
        let (_, own, next) =
            self.parents.get(parent).cloned().expect("validated: a parent is one of the tenants");
        let above = next.map(|next| self.way(next)).unwrap_or_default();
        let way = match own {
            Some(own) => std::iter::once(own).chain(above.iter().cloned()).collect(),
            None => above,
        };
        self.ways.insert(parent, Arc::clone(&way));
        way
    }
}

/// A tenant whose quotas an update changes.
#[derive(Debug)]
pub(crate) struct QuotaChange {
    slot: u32,
    old: Arc<[Quota]>,
    new: Arc<[Quota]>,
}

impl QuotaChange {
    /// What changes for whoever has a slot, if anything.
    pub(super) fn between(slot: u32, old: &Terms, new: &Terms) -> Option<Self> {
        let (old, new) = (old.limits(), new.limits());
        let changes = old.quotas_number() != new.quotas_number();
        changes.then(|| Self { slot, old: Arc::clone(old.quotas()), new: Arc::clone(new.quotas()) })
    }

    /// Carries what was used over to the new quotas.
    pub(crate) fn apply(&self, slab: &Slab, now: Time) {
        limit::carry_over(&slab.get(self.slot), &self.old, &self.new, now);
    }
}

#[derive(Default)]
struct Changes(Vec<QuotaChange>);

impl Changes {
    /// Notes whether a kept tenant's quotas change; returns its slot.
    fn note(&mut self, slot: u32, old: &Terms, new: &Terms) -> u32 {
        self.0.extend(QuotaChange::between(slot, old, new));
        slot
    }
}
