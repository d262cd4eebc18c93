//! Taking the ledger of a running balancer, and putting one back.

use std::time::Duration;

use super::{Balancer, state::State};
use crate::{
    ledger::{Ledger, Restored, TenantRecord},
    limit::{self, Holder, Moment},
    sync::Ordering,
    tenant::{Directory, Entry, Registry},
};

impl Balancer {
    /// What tenants have used of their limits now, to be [restored](Self::restore) after a restart: tenants that have nothing to remember are
    /// not in it. Requests in flight are in it as they were declared. New tenants wait for a moment while it is taken,
    /// requests do not.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.state().ledger()
    }

    /// Puts back what tenants had used when the ledger was taken, under the limits that are in force now: buckets have refilled and windows have
    /// passed in between as the calendar says. Where a tenant has used more since the start, that counts, so restoring twice
    /// restores nothing twice. Call it before the first request: until then limits are as new.
    pub fn restore(&self, ledger: &Ledger) -> Restored {
        self.state().restore(ledger)
    }

    /// How many requests have been charged for good since a ledger was first asked for: leases that ended, and checks that passed. A ledger
    /// lacks at most those that were settled [after it](Ledger::settlements), and knows those in flight as they were declared.
    #[must_use]
    pub fn settlements(&self) -> u64 {
        self.state().settlements.load(Ordering::Acquire)
    }
}

impl State {
    /// What every tenant has used, a stretch of slots at a time: new tenants wait for one stretch at most.
    pub(super) fn ledger(&self) -> Ledger {
        // Whatever is settled from here on may be missing from it.
        self.settlements_count.store(true, Ordering::Relaxed);
        let settlements = self.settlements.load(Ordering::Acquire);
        let moment = self.moment(self.uptime(self.clock.now()));
        let (mut tenants, mut next) = (vec![], 0);
        loop {
            let register = self.registry.lock();
            let directory = &self.published.load().directory;
            let end = register.tenants.slots().min(next + STRETCH);
            tenants.extend(
                (next..end).filter_map(|slot| self.record(slot, directory, &register.tenants, &moment)),
            );
            if next == end {
                return Ledger { taken: moment.unix, settlements, tenants };
            }
            next = end;
        }
    }

    /// What whoever has a slot has used, if that is anything. Under the registry's lock.
    fn record(
        &self,
        slot: u32,
        directory: &Directory,
        registry: &Registry,
        moment: &Moment,
    ) -> Option<TenantRecord> {
        if !directory.has(slot, &self.hasher, &self.slab) {
            return None;
        }
        let tenant = self.slab.get(slot);
        let terms = directory.terms_of_slot(slot, &self.hasher, &self.slab)?;
        let quotas = limit::records(&tenant, terms.limits().quotas(), moment);
        let meter = self.meters.try_get(slot);
        let limits = meter.map_or_else(Vec::new, |meter| meter.records(tenant.generation(), moment));
        let id = (!directory.is_overflow(slot)).then(|| tenant.name(slot, registry));
        (!quotas.is_empty() || !limits.is_empty()).then_some(TenantRecord { id, quotas, limits })
    }

    pub(super) fn restore(&self, ledger: &Ledger) -> Restored {
        let moment = self.moment(self.uptime(self.clock.now()));
        // Where the clock was set back, as if it had just been taken.
        let ago = Duration::from_nanos(moment.unix.saturating_sub(ledger.taken));
        let mut restored = Restored::default();
        for record in &ledger.tenants {
            match self.restore_tenant(record, ago, &moment) {
                Some(()) => restored.tenants += 1,
                None => restored.left_out += 1,
            }
        }
        restored
    }

    fn restore_tenant(&self, record: &TenantRecord, ago: Duration, moment: &Moment) -> Option<()> {
        // Nobody is evicted meanwhile, and no update comes in between.
        let mut register = self.registry.lock();
        let snapshot = self.published.load();
        let directory = &snapshot.directory;
        let slot = match &record.id {
            None => directory.overflow_slot()?,
            Some(id) => {
                let key = self.hasher.key(id)?;
                let found = directory.find(&key, &self.slab);
                let make = || directory.make((id, &key), &mut register.tenants, &self.slab, moment);
                // Who would have no bucket of its own is left out, not added to those who share one.
                found.or_else(make).map(|found| found.slot).filter(|&slot| !directory.is_overflow(slot))?
            }
        };
        let limits = directory.terms_of_slot(slot, &self.hasher, &self.slab)?.limits();
        let entry = Entry { slot, generation: self.slab.get(slot).generation() };
        limit::restore(&self.buckets(entry), &record.quotas, limits.quotas(), ago, moment);
        if limits.is_metered() && !record.limits.is_empty() {
            let holder = Holder { generation: entry.generation, rules: limits.rules() };
            self.meter(entry).restore(holder, &record.limits, ago, moment);
        }
        Some(())
    }
}

/// How many slots are read under one hold of the registry's lock.
const STRETCH: u32 = 1_024;
