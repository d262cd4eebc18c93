//! Reading how much of a tenant's limits is used.

use super::state::State;
use crate::{
    limit::{self, Holder, Mode},
    stats::LimitStats,
    tenant::{Entry, Limits},
};

impl State {
    pub(super) fn limits_of(&self, id: &str) -> Option<Vec<LimitStats>> {
        let (now, snapshot) = (self.uptime(self.clock.now()), self.published.load());
        let found = snapshot.directory.find_surely(&self.hasher.key(id)?, &self.slab)?;
        let moment = self.moment(now);
        let terms = snapshot.directory.terms(&found);
        let own = std::iter::once((found.entry(), terms.limits()));
        let levels = own.chain(terms.ancestors().iter().map(|above| (above.entry, &above.limits)));
        let of_level = |(entry, limits): (Entry, &Limits)| {
            let tenant = self.name_of(entry);
            let used = limit::used(self.slab.get(entry.slot).buckets(), limits.quotas(), now);
            let mut all: Vec<LimitStats> = limits
                .quotas()
                .iter()
                .zip(used)
                .map(|(quota, used)| LimitStats {
                    tenant: tenant.clone(),
                    unit: if quota.counts_cost() { "cost" } else { "requests" }.to_owned(),
                    is_budget: false,
                    is_shadow: false,
                    amount: quota.burst(),
                    used,
                })
                .collect();
            if !limits.rules().is_empty() {
                let holder = Holder { generation: entry.generation, rules: limits.rules() };
                let readings = self.meters.allocate(entry.slot).used(holder, &moment);
                all.extend(limits.rules().iter().zip(readings).map(|(rule, (used, amount))| LimitStats {
                    tenant: tenant.clone(),
                    unit: rule.measure.key().to_owned(),
                    is_budget: rule.cause == limit::Cause::Budget,
                    is_shadow: rule.mode == Mode::Shadow,
                    amount,
                    used,
                }));
            }
            all
        };
        Some(levels.flat_map(of_level).collect())
    }

    /// A tenant's id. Takes the registry's lock where it is a long one.
    pub(super) fn name_of(&self, entry: Entry) -> String {
        let tenant = self.slab.get(entry.slot);
        tenant.short_name().unwrap_or_else(|| tenant.name(entry.slot, &self.registry.lock().tenants))
    }
}
