//! Counters as they stood at some moment, for rates.

use std::collections::HashMap;

use tenantry::{Stats, Time};

/// As many figures as [`Stats`] has.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) at: Time,
    tenants: HashMap<String, Tenant>,
    endpoints: HashMap<(String, String), [u64; 2]>,
}

#[derive(Clone, Copy, Debug)]
struct Tenant {
    completed: u64,
    rejected: u64,
    waited: bool,
}

impl Sample {
    pub(super) fn of(stats: &Stats, at: Time) -> Self {
        let tenant = |tenant: &tenantry::TenantStats| {
            let waited = tenant.waiting() > 0;
            (
                tenant.id().to_owned(),
                Tenant { completed: tenant.completed(), rejected: tenant.rejected(), waited },
            )
        };
        let endpoints = stats.pools().iter().flat_map(|pool| {
            let key = |address: &str| (pool.name().to_owned(), address.to_owned());
            pool.endpoints()
                .iter()
                .map(move |endpoint| (key(endpoint.address()), [endpoint.completed(), endpoint.failed()]))
        });
        Self { at, tenants: stats.tenants().iter().map(tenant).collect(), endpoints: endpoints.collect() }
    }

    /// Completed and rejected.
    pub(super) fn tenant(&self, id: &str) -> Option<[u64; 2]> {
        self.tenants.get(id).map(|tenant| [tenant.completed, tenant.rejected])
    }

    /// Whether it had requests that waited.
    pub(super) fn waited(&self, id: &str) -> bool {
        self.tenants.get(id).is_some_and(|tenant| tenant.waited)
    }

    /// Completed and failed.
    pub(super) fn endpoint(&self, pool: &str, address: &str) -> Option<[u64; 2]> {
        self.endpoints.get(&(pool.to_owned(), address.to_owned())).copied()
    }
}
