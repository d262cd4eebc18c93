//! The second step and its undoing: a request enters its tenant and the limited parents above it, and is charged to all of them, or to none.
//!
//! A refusal touches nothing: every cap is tried before any quota, and every quota is looked at before any is charged. Only when
//! another thread takes the last of something in between is it taken back.

use smallvec::SmallVec;

use super::{snapshot::Snapshot, state::State};
use crate::{
    limit::{self, Charge, Refusal},
    outcome::Outcome,
    rejection::Rejection,
    tenant::{Ancestor, Entry, EntryError, Found, Limits, Tenant, Terms},
    time::Time,
};

/// A request inside its tenant, and what it is charged there and above.
#[derive(Debug)]
pub(super) struct Charged {
    pub(super) found: Found,
    /// The edition of the directory that `found` is from.
    edition: u64,
    /// The number of the quotas that it is charged to.
    quotas: u32,
    charge: Charge,
    /// The nearest parent that has limits.
    above: Option<Box<Above>>,
}

/// The same request beneath a parent.
#[derive(Debug)]
struct Above {
    entry: Entry,
    quotas: u32,
    charge: Charge,
    /// The next one up. A list, so that a lease without such parents carries one word for them.
    next: Option<Box<Self>>,
}

/// The parents that a request is inside of, the nearest first.
type Inside<'a> = SmallVec<[&'a Ancestor; 4]>;

/// Whom a request comes in as.
#[derive(Clone, Copy)]
pub(super) struct Visitor<'a> {
    pub(super) found: Found,
    pub(super) tenant: &'a Tenant,
    pub(super) terms: &'a Terms,
}

/// Why a request does not come in.
pub(super) enum NotIn {
    /// The slot has become another tenant's since it was found: look again.
    Stale,
    Refused(Rejection),
}

impl State {
    /// Lets a request in and charges it.
    #[inline(always)]
    pub(super) fn charge(
        &self,
        visitor: &Visitor<'_>,
        edition: u64,
        cost: u64,
        now: Time,
    ) -> Result<Charged, NotIn> {
        let Visitor { found, tenant, terms } = *visitor;
        let limits = terms.limits();
        tenant.enter(found.generation, limits.max_in_flight()).map_err(|error| match error {
            EntryError::Stale => NotIn::Stale,
            EntryError::Full => {
                tenant.reject();
                NotIn::Refused(Rejection::TooManyInFlight { limit: limits.max_in_flight() })
            }
        })?;
        let mut above = None;
        let charge = if terms.ancestors().is_empty() {
            limit::charge(tenant.buckets(), limits.quotas(), cost, now).map_err(refused)
        } else {
            self.charge_all(visitor, &mut above, cost, now)
        };
        let charge = charge.map_err(|rejection| {
            tenant.reject();
            tenant.leave();
            NotIn::Refused(rejection)
        })?;
        Ok(Charged { found, edition, quotas: limits.quotas_number(), charge, above })
    }

    /// Charges the tenant and every limited parent.
    #[inline(never)]
    fn charge_all(
        &self,
        visitor: &Visitor<'_>,
        above: &mut Option<Box<Above>>,
        cost: u64,
        now: Time,
    ) -> Result<Charge, Rejection> {
        let terms = visitor.terms;
        let inside = self.enter_above(terms.ancestors())?;
        let own = (visitor.found.entry(), terms.limits());
        let levels = || std::iter::once(own).chain(inside.iter().map(|above| (above.entry, &above.limits)));
        let buckets = |entry: Entry| self.slab.get(entry.slot).buckets();
        let looked = levels()
            .filter_map(|(entry, limits)| limit::look(buckets(entry), limits.quotas(), cost, now).err());
        if let Some(refusal) = looked.reduce(Refusal::and) {
            self.leave_above(inside.iter().map(|above| above.entry));
            return Err(refused(refusal));
        }
        let mut charges: SmallVec<[Charge; 4]> = SmallVec::new();
        for (entry, limits) in levels() {
            match limit::charge(buckets(entry), limits.quotas(), cost, now) {
                Ok(charge) => charges.push(charge),
                Err(refusal) => {
                    for ((entry, limits), charge) in levels().zip(&charges) {
                        limit::undo(buckets(entry), limits.quotas(), charge, now);
                    }
                    self.leave_above(inside.iter().map(|above| above.entry));
                    return Err(refused(refusal));
                }
            }
        }
        let mut charges = charges.into_iter();
        let own = charges.next().expect("the tenant's own is the first");
        let link = |next, (ancestor, charge): (&&Ancestor, Charge)| {
            let quotas = ancestor.limits.quotas_number();
            Some(Box::new(Above { entry: ancestor.entry, quotas, charge, next }))
        };
        *above = inside.iter().zip(charges).rev().fold(None, link);
        Ok(own)
    }

    /// Lets a request into the parents, or into none of them. One that an update has removed meanwhile limits nobody any more.
    fn enter_above<'a>(&self, ancestors: &'a [Ancestor]) -> Result<Inside<'a>, Rejection> {
        let mut inside = Inside::new();
        for ancestor in ancestors {
            let Entry { slot, generation } = ancestor.entry;
            let limit = ancestor.limits.max_in_flight();
            match self.slab.get(slot).enter_beneath(generation, limit) {
                Ok(()) => inside.push(ancestor),
                Err(EntryError::Stale) => {}
                Err(EntryError::Full) => {
                    self.leave_above(inside.into_iter().map(|above: &Ancestor| above.entry));
                    return Err(Rejection::TooManyInFlight { limit });
                }
            }
        }
        Ok(inside)
    }

    fn leave_above(&self, entries: impl Iterator<Item = Entry>) {
        entries.for_each(|entry| self.slab.get(entry.slot).leave_beneath());
    }

    /// The request goes, its charge stays.
    #[inline]
    pub(super) fn leave(&self, tenant: &Tenant, charged: &Charged) {
        tenant.leave();
        if charged.above.is_some() {
            self.leave_above(charged.above().map(|above| above.entry));
        }
    }

    /// Takes all of a charge back: the request did not run. What was charged to other quotas than those in force stays.
    #[cold]
    pub(super) fn undo(&self, snapshot: &Snapshot, charged: &Charged, now: Time) {
        self.at_every_level(snapshot, charged, |entry, limits, (quotas, charge)| {
            if limits.quotas_number() == quotas {
                limit::undo(self.slab.get(entry.slot).buckets(), limits.quotas(), charge, now);
            }
        });
    }

    /// Corrects a charge to what the request really cost. Under other quotas than it was charged to, debt is owed at the new
    /// rates, and nothing is given back at them.
    #[cold]
    pub(super) fn settle_cost(&self, snapshot: &Snapshot, charged: &Charged, actual: u64, now: Time) {
        self.at_every_level(snapshot, charged, |entry, limits, (quotas, charge)| {
            let same = limits.quotas_number() == quotas;
            let actual = if same { actual } else { actual.max(charge.cost()) };
            limit::settle(self.slab.get(entry.slot).buckets(), limits.quotas(), charge, actual, now);
        });
    }

    /// The tenant and the parents that a request is inside of, with the limits that are in force there now.
    fn at_every_level(
        &self,
        snapshot: &Snapshot,
        charged: &Charged,
        visit: impl Fn(Entry, &Limits, (u32, &Charge)),
    ) {
        let directory = &snapshot.directory;
        // In the edition that it came in by, nobody needs to be looked up.
        let known = (directory.edition() == charged.edition).then(|| directory.terms(&charged.found));
        let limits = |entry| match known {
            Some(terms) if entry == charged.found.entry() => Some(terms.limits()),
            Some(terms) => {
                terms.ancestors().iter().find(|above| above.entry == entry).map(|above| &above.limits)
            }
            None => directory.terms_of(entry, &self.hasher, &self.slab).map(Terms::limits),
        };
        let own = (charged.found.entry(), charged.quotas, &charged.charge);
        let above = charged.above().map(|above| (above.entry, above.quotas, &above.charge));
        for (entry, quotas, charge) in std::iter::once(own).chain(above) {
            if let Some(limits) = limits(entry) {
                visit(entry, limits, (quotas, charge));
            }
        }
    }
}

impl Charged {
    /// The limited parents, the nearest first.
    fn above(&self) -> impl Iterator<Item = &Above> {
        std::iter::successors(self.above.as_deref(), |above| above.next.as_deref())
    }

    /// The cost that was charged.
    pub(super) const fn cost(&self) -> u64 {
        self.charge.cost()
    }

    /// What it really cost, as far as that is known.
    pub(super) fn actual(&self, outcome: &Outcome) -> u64 {
        outcome.cost().unwrap_or_else(|| self.cost())
    }
}

fn refused(refusal: Refusal) -> Rejection {
    match refusal {
        Refusal::Wait(retry_after) => Rejection::RateLimited { retry_after },
        Refusal::TooCostly(limit) => Rejection::CostTooHigh { limit },
    }
}
