//! Invariant 5, checked on what really ran: in any window of length t a tenant gets at most burst + rate·t.

use std::collections::BTreeMap;

use tenantry::Time;

use crate::setup::RatePlan;

/// Everything that was admitted under one config.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    edition: u32,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    tenant: &'static str,
    at: Time,
    /// What it cost, once it has run; a request that never ran costs nothing.
    ran: Option<u64>,
}

/// Where a request stands in the ledger.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    edition: u32,
    index: usize,
}

impl Ledger {
    pub(crate) fn charged(&mut self, tenant: &'static str, at: Time) -> Line {
        self.entries.push(Entry { tenant, at, ran: None });
        Line { edition: self.edition, index: self.entries.len() - 1 }
    }

    /// It got its lease, and counts with its reservation or with less.
    pub(crate) fn ran(&mut self, line: Line, cost: u64) {
        if line.edition == self.edition {
            let ran = &mut self.entries[line.index].ran;
            *ran = Some(ran.map_or(cost, |before| before.min(cost)));
        }
    }

    /// Checks what has run, and begins anew.
    pub(crate) fn close(&mut self, rates: &BTreeMap<&'static str, Vec<RatePlan>>) {
        for (tenant, rates) in rates {
            rates.iter().for_each(|rate| self.check(tenant, rate));
        }
        self.entries.clear();
        self.edition += 1;
    }

    fn check(&self, tenant: &str, rate: &RatePlan) {
        let interval = rate.period.as_nanos() / u128::from(rate.amount);
        let mut full_at = 0;
        for entry in self.entries.iter().filter(|entry| entry.tenant == tenant) {
            let Some(cost) = entry.ran else { continue };
            let units = if rate.by_cost { u128::from(cost) } else { 1 };
            let now = u128::from(entry.at.as_nanos());
            full_at = now.max(full_at) + units * interval;
            let latest = now + u128::from(rate.burst) * interval;
            assert!(
                full_at <= latest,
                "{tenant} got more than {rate:?} allows at {:?}: {:#?}",
                entry.at,
                self.entries
            );
        }
    }
}
