//! The second step: a request enters its tenant and the limited parents above it, and is charged to all of them, or to none.
//!
//! A refusal touches nothing: every cap is tried before any quota, and every quota is looked at before any is charged. Only when
//! another thread takes the last of something in between is it taken back.

use smallvec::SmallVec;

use super::{
    charged::{Above, Charged, Own},
    state::State,
};
use crate::{
    limit::{self, Charge, Demand, Holder, Metered, Moment, Refusal},
    rejection::Rejection,
    tenant::{Ancestor, Directory, Entry, EntryError, Found, Limits, Tenant, Terms},
    time::Time,
};

/// Whom a request comes in as.
#[derive(Clone, Copy)]
pub(super) struct Visitor<'a> {
    pub(super) found: Found,
    pub(super) tenant: Tenant<'a>,
    pub(super) terms: &'a Terms,
    pub(super) directory: &'a Directory,
    /// The edition of it that `found` is from.
    pub(super) edition: u64,
    /// Whose pool it is a guest of.
    pub(super) owner: Option<Entry>,
}

/// Why a request does not come in.
pub(super) enum NotIn {
    /// The slot has become another tenant's since it was found: look again.
    Stale,
    Refused(Rejection),
}

/// What a level has been charged, before it is known whether all of them pass.
struct Passed {
    charge: Charge,
    metered: Option<Metered>,
}

/// Others whose limits count for a request: its parents, the nearest first, then the owner of the pool and its parents.
type Others<'a> = SmallVec<[(Entry, &'a Limits); 4]>;

impl State {
    /// Lets a request in and charges it.
    #[inline(always)]
    pub(super) fn charge(
        &self,
        visitor: &Visitor<'_>,
        demand: &Demand<'_>,
        now: Time,
        charged: &mut Charged,
    ) -> Result<(), NotIn> {
        let Visitor { found, tenant, terms, edition, owner, .. } = *visitor;
        let limits = terms.limits();
        tenant.enter(found.generation, limits.max_in_flight()).map_err(|error| match error {
            EntryError::Stale => NotIn::Stale,
            EntryError::Full => {
                tenant.reject();
                NotIn::Refused(Rejection::TooManyInFlight { limit: limits.max_in_flight() })
            }
        })?;
        let plain = terms.ancestors().is_empty() && !limits.is_metered() && owner.is_none();
        (charged.found, charged.edition, charged.quotas) = (found, edition, limits.quotas_number());
        let passed = if plain {
            limit::charge_into(&mut charged.charge, &tenant, limits.quotas(), demand.cost, now)
                .map_err(refused)
        } else {
            self.charge_all(visitor, demand, now, charged)
        };
        passed.map_err(|rejection| {
            tenant.reject();
            tenant.leave();
            NotIn::Refused(rejection)
        })
    }

    /// Charges the tenant, every limited parent, and the pool's owner.
    #[inline(never)]
    fn charge_all(
        &self,
        visitor: &Visitor<'_>,
        demand: &Demand<'_>,
        now: Time,
        charged: &mut Charged,
    ) -> Result<(), Rejection> {
        let Visitor { found, terms, .. } = *visitor;
        let inside = self.enter_others(&self.others(visitor))?;
        let mut levels: SmallVec<[(Entry, &Limits); 5]> = SmallVec::new();
        levels.push((found.entry(), terms.limits()));
        levels.extend(inside.iter().copied());
        let metered = levels.iter().any(|(_, limits)| limits.is_metered());
        let moment = if metered { self.moment(now) } else { Moment { uptime: now, unix: 0 } };
        let passed = self.charge_levels(&levels, demand, &moment).map_err(|refusal| {
            self.leave_above(inside.iter().map(|(entry, _)| *entry));
            refused(refusal)
        })?;
        let mut passed = passed.into_iter();
        let own = passed.next().expect("the tenant's own is the first");
        let link = |next, ((entry, limits), Passed { charge, metered }): (&(Entry, &Limits), Passed)| {
            let quotas = limits.quotas_number();
            Some(Box::new(Above { entry: *entry, quotas, charge, metered: metered.map(Box::new), next }))
        };
        charged.above = levels[1..].iter().zip(passed).rev().fold(None, link);
        charged.metered = metered.then(|| Box::new(Own { metered: own.metered, reported: vec![] }));
        charged.charge = own.charge;
        Ok(())
    }

    /// Charges every level, or none.
    fn charge_levels(
        &self,
        levels: &[(Entry, &Limits)],
        demand: &Demand<'_>,
        moment: &Moment,
    ) -> Result<SmallVec<[Passed; 5]>, Refusal> {
        let looks = levels.iter().flat_map(|&(entry, limits)| {
            let quotas = limit::look(&self.buckets(entry), limits.quotas(), demand.cost, moment.uptime);
            let meter =
                limits.is_metered().then(|| self.meter(entry).look(holder(entry, limits), demand, moment));
            [quotas.err(), meter.and_then(Result::err)]
        });
        if let Some(refusal) = looks.flatten().reduce(Refusal::and) {
            return Err(refusal);
        }
        let mut passed: SmallVec<[Passed; 5]> = SmallVec::new();
        for &(entry, limits) in levels {
            match self.charge_level((entry, limits), demand, moment) {
                Ok(level) => passed.push(level),
                Err(refusal) => {
                    for (&(entry, limits), Passed { charge, metered }) in levels.iter().zip(&passed) {
                        limit::undo(&self.buckets(entry), limits.quotas(), charge, moment.uptime);
                        metered.iter().for_each(|metered| self.meter(entry).undo(metered, moment));
                    }
                    return Err(refusal);
                }
            }
        }
        for &(entry, limits) in levels {
            self.count_shadow_cap(entry, limits, moment);
        }
        Ok(passed)
    }

    /// Charges one level, or not at all.
    fn charge_level(
        &self,
        (entry, limits): (Entry, &Limits),
        demand: &Demand<'_>,
        moment: &Moment,
    ) -> Result<Passed, Refusal> {
        let charge = limit::charge(&self.buckets(entry), limits.quotas(), demand.cost, moment.uptime)?;
        if limits.rules().is_empty() {
            return Ok(Passed { charge, metered: None });
        }
        match self.meter(entry).reserve(holder(entry, limits), demand, moment) {
            Ok((metered, warnings)) => {
                self.warn(entry, warnings);
                Ok(Passed { charge, metered: Some(metered) })
            }
            Err(refusal) => {
                limit::undo(&self.buckets(entry), limits.quotas(), &charge, moment.uptime);
                Err(refusal)
            }
        }
    }

    fn count_shadow_cap(&self, entry: Entry, limits: &Limits, moment: &Moment) {
        let tenant = self.slab.get(entry.slot);
        if limits.shadow_in_flight().is_some_and(|cap| tenant.all_inside() > cap) {
            self.meter(entry).count_shadowed(holder(entry, limits), moment);
        }
    }

    /// Everybody else whose limits count for a request, each once.
    fn others<'a>(&self, visitor: &Visitor<'a>) -> Others<'a> {
        let Visitor { found, terms, directory, owner, .. } = *visitor;
        let mut others: Others<'a> = terms.ancestors().iter().map(Ancestor::limited).collect();
        // One that an update has removed meanwhile limits nobody any more.
        let host =
            owner.and_then(|owner| Some((owner, directory.terms_of(owner, &self.hasher, &self.slab)?)));
        if let Some((owner, host)) = host {
            let own = (!host.limits().is_none()).then_some((owner, host.limits()));
            for other in own.into_iter().chain(host.ancestors().iter().map(Ancestor::limited)) {
                if other.0 != found.entry() && others.iter().all(|(known, _)| *known != other.0) {
                    others.push(other);
                }
            }
        }
        others
    }

    /// Lets a request in with others, or with none of them. One that an update has removed meanwhile limits nobody any more.
    fn enter_others<'a>(&self, others: &[(Entry, &'a Limits)]) -> Result<Others<'a>, Rejection> {
        let mut inside = Others::new();
        for &(entry, limits) in others {
            let limit = limits.max_in_flight();
            match self.slab.get(entry.slot).enter_beneath(entry.generation, limit) {
                Ok(()) => inside.push((entry, limits)),
                Err(EntryError::Stale) => {}
                Err(EntryError::Full) => {
                    self.leave_above(inside.into_iter().map(|(entry, _)| entry));
                    return Err(Rejection::TooManyInFlight { limit });
                }
            }
        }
        Ok(inside)
    }
}

const fn holder(entry: Entry, limits: &Limits) -> Holder<'_> {
    Holder { generation: entry.generation, rules: limits.rules() }
}

pub(super) fn refused(refusal: Refusal) -> Rejection {
    match refusal {
        Refusal::Wait(retry_after) => Rejection::RateLimited { retry_after },
        Refusal::Spent(retry_after) => Rejection::BudgetExhausted { retry_after },
        Refusal::TooCostly(limit) => Rejection::CostTooHigh { limit },
    }
}
