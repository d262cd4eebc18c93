//! What the balancer says of itself, for the checks to compare.

use super::{
    checks::{Party, Reading, Stated},
    engine::Engine,
    plan::PoolPlan,
    record::PoolSample,
};

impl Engine<'_> {
    /// What the balancer says of its pools, and of the tenants that this step was about; now and then, of all.
    pub(super) fn reading(&mut self) -> Reading {
        let changed = self.books.book.take_changed();
        if self.steps.is_multiple_of(EVERYBODY_EACH) {
            return self.reading_of_all();
        }
        Reading { pools: self.pools(), tenants: self.tenants(changed), known_tenants: None }
    }

    pub(super) fn reading_of_all(&self) -> Reading {
        let tenants = self.tenants(0..self.plan.tenants.len());
        Reading { pools: self.pools(), known_tenants: Some(tenants.len()), tenants }
    }

    pub(super) fn pools(&self) -> Vec<PoolSample> {
        self.plan.pools.iter().map(|pool| self.pool(pool)).collect()
    }

    fn pool(&self, planned: &PoolPlan) -> PoolSample {
        self.balancer.pool_stats(&planned.name).map_or_else(PoolSample::default, |pool| PoolSample {
            capacity: pool.capacity(),
            in_flight: pool.in_flight(),
            waiting: pool.waiting(),
        })
    }

    /// A request was refused on the spot, and nobody else was turned away for it: no counter may have changed.
    pub(super) fn check_refusal(&mut self, party: Party) {
        let quiet = self.rung.lock().expect("nobody panics while noting a number").is_empty();
        if quiet {
            let pool = self.pool(&self.plan.pools[party.pool]);
            let tenant = self.tenants([party.tenant]).pop();
            let found = self.books.book.check_refusal(party.pool, pool, tenant);
            self.books.found.extend(found);
        }
    }

    fn tenants(&self, which: impl IntoIterator<Item = usize>) -> Vec<Stated> {
        let stated = |tenant: usize| {
            let stats = self.balancer.tenant_stats(&self.plan.tenants[tenant])?;
            Some(Stated { tenant, in_flight: stats.in_flight(), waiting: stats.waiting() })
        };
        which.into_iter().filter_map(stated).collect()
    }
}

/// After how many steps all tenants are compared, and not only those of the step.
const EVERYBODY_EACH: u64 = 1_024;
