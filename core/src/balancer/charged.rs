//! What a request is charged, from its way in to its settling.
//!
//! A request is settled where it was charged, wherever an update moves its tenant meanwhile.

use super::{snapshot::Snapshot, state::State};
use crate::{
    event::Event,
    limit::{self, Actual, Buckets, Charge, Meter, Metered, Warnings},
    outcome::Outcome,
    rejection::Rejection,
    sync::Ordering,
    tenant::{Entry, Found, Limits, Tenant, Terms},
    time::Time,
};

/// A request inside its tenant, and what it is charged there and above.
#[derive(Debug, Default)]
pub(super) struct Charged {
    pub(super) found: Found,
    /// The edition of the directory that `found` is from.
    pub(super) edition: u64,
    /// The number of the quotas that it is charged to.
    pub(super) quotas: u32,
    pub(super) charge: Charge,
    /// Where somebody on its way up has a meter.
    pub(super) metered: Option<Box<Own>>,
    /// The nearest parent that has limits.
    pub(super) above: Option<Box<Above>>,
}

/// What only metered requests have.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) metered: Option<Metered>,
    /// What it has used of the dimensions, as far as that was reported.
    pub(super) reported: Vec<(Box<str>, u64)>,
}

/// The same request beneath a parent.
#[derive(Debug)]
pub(super) struct Above {
    pub(super) entry: Entry,
    pub(super) quotas: u32,
    pub(super) charge: Charge,
    pub(super) metered: Option<Box<Metered>>,
    /// The next one up. A list, so that a lease without such parents carries one word for them.
    pub(super) next: Option<Box<Self>>,
}

/// One level of what a request is charged.
#[derive(Clone, Copy)]
struct Level<'a> {
    entry: Entry,
    quotas: u32,
    charge: &'a Charge,
    metered: Option<&'a Metered>,
}

impl State {
    pub(super) fn buckets(&self, entry: Entry) -> impl Buckets {
        self.slab.get(entry.slot)
    }

    pub(super) fn meter(&self, entry: Entry) -> &Meter {
        self.meters.allocate(entry.slot)
    }

    /// Tells of marks that have been passed.
    pub(super) fn warn(&self, entry: Entry, warnings: Warnings) {
        for warning in warnings {
            self.events.add(Event::BudgetWarning {
                tenant: self.name_of(entry),
                unit: warning.measure.key().to_owned(),
                percent: warning.percent,
                used: warning.used,
                amount: warning.amount,
                ends_unix_s: warning.window.map(|(_, end)| end),
            });
        }
    }

    /// Takes down what a request has used of the dimensions so far.
    pub(super) fn report(&self, charged: &mut Charged, amounts: &[(&str, u64)]) -> Result<(), Rejection> {
        let names = || amounts.iter().map(|(name, _)| *name);
        self.published.read(|snapshot| snapshot.check_dimensions(names()))?;
        if let Some(own) = &mut charged.metered {
            own.reported.retain(|(known, _)| !names().any(|name| **known == *name));
            own.reported.extend(amounts.iter().map(|&(name, amount)| (name.into(), amount)));
        }
        Ok(())
    }

    pub(super) fn leave_above(&self, entries: impl Iterator<Item = Entry>) {
        entries.for_each(|entry| self.slab.get(entry.slot).leave_beneath());
    }

    /// The request has not run and goes.
    pub(super) fn leave(&self, tenant: Tenant<'_>, charged: &Charged) {
        tenant.leave();
        self.leave_above(charged.above().map(|above| above.entry));
    }

    /// The request is finished and goes, its charge stays.
    #[inline]
    pub(super) fn complete(&self, tenant: Tenant<'_>, charged: &Charged) {
        tenant.complete();
        if charged.above.is_some() {
            self.leave_above(charged.above().map(|above| above.entry));
        }
    }

    /// Takes all of a charge back: the request did not run. What was charged to other quotas than those in force stays.
    #[cold]
    pub(super) fn undo(&self, snapshot: &Snapshot, charged: &Charged, now: Time) {
        let moment = charged.is_metered().then(|| self.moment(now));
        self.at_every_level(snapshot, charged, |limits, level| {
            if limits.quotas_number() == level.quotas {
                limit::undo(&self.buckets(level.entry), limits.quotas(), level.charge, now);
            }
            if let (Some(metered), Some(moment)) = (level.metered, &moment) {
                self.meter(level.entry).undo(metered, moment);
            }
        });
    }

    /// Corrects a charge to what the request really used. Under other quotas than it was charged to, debt is owed at the new
    /// rates, and nothing is given back at them.
    #[cold]
    pub(super) fn settle_use(&self, snapshot: &Snapshot, charged: &Charged, cost: Option<u64>, now: Time) {
        let moment = charged.is_metered().then(|| self.moment(now));
        let reported = charged.metered.as_ref().map_or(&[][..], |own| &own.reported);
        let used = Actual { cost, amounts: reported };
        self.at_every_level(snapshot, charged, |limits, level| {
            let (buckets, charge) = (self.buckets(level.entry), level.charge);
            if let Some(actual) = cost {
                let same = limits.quotas_number() == level.quotas;
                let actual = if same { actual } else { actual.max(charge.cost()) };
                limit::settle(&buckets, limits.quotas(), charge, actual, now);
            }
            if let (Some(metered), Some(moment)) = (level.metered, &moment) {
                let warnings = self.meter(level.entry).settle(metered, &used, moment);
                self.warn(level.entry, warnings);
                if metered.slow_to() < 100 {
                    let cost = cost.unwrap_or_else(|| charge.cost());
                    limit::slow_down(&buckets, limits.quotas(), cost, metered.slow_to(), now);
                }
            }
        });
    }

    /// A request has been charged for good.
    #[inline]
    pub(super) fn count_settlement(&self) {
        if self.settlements_count.load(Ordering::Relaxed) {
            // Release: a ledger that counts it has it.
            self.settlements.fetch_add(1, Ordering::Release);
        }
    }

    /// The tenant and the parents that a request is inside of, with the limits that are in force there now.
    fn at_every_level(&self, snapshot: &Snapshot, charged: &Charged, visit: impl Fn(&Limits, Level<'_>)) {
        let directory = &snapshot.directory;
        // In the edition that it came in by, nobody needs to be looked up.
        let known = (directory.edition() == charged.edition).then(|| directory.terms(&charged.found));
        let limits = |entry| match known {
            Some(terms) if entry == charged.found.entry() => Some(terms.limits()),
            Some(terms) => {
                let above = terms.ancestors().iter().find(|above| above.entry == entry);
                // Else it is the owner of the pool, or a parent of that one.
                let host = || directory.terms_of(entry, &self.hasher, &self.slab).map(Terms::limits);
                above.map(|above| &above.limits).or_else(host)
            }
            None => directory.terms_of(entry, &self.hasher, &self.slab).map(Terms::limits),
        };
        for level in charged.levels() {
            if let Some(limits) = limits(level.entry) {
                visit(limits, level);
            }
        }
    }
}

impl Charged {
    /// The limited parents, the nearest first.
    fn above(&self) -> impl Iterator<Item = &Above> {
        std::iter::successors(self.above.as_deref(), |above| above.next.as_deref())
    }

    /// Every level, the tenant's own first.
    fn levels(&self) -> impl Iterator<Item = Level<'_>> {
        let own = Level {
            entry: self.found.entry(),
            quotas: self.quotas,
            charge: &self.charge,
            metered: self.metered.as_ref().and_then(|own| own.metered.as_ref()),
        };
        let above = self.above().map(|above| Level {
            entry: above.entry,
            quotas: above.quotas,
            charge: &above.charge,
            metered: above.metered.as_deref(),
        });
        std::iter::once(own).chain(above)
    }

    /// Whether somebody on its way up has a meter.
    pub(super) const fn is_metered(&self) -> bool {
        self.metered.is_some()
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
