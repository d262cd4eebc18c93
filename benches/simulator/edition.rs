//! A configuration in force, and what the checks must know of it.

use serde_json::Value;
use tenantry::{CapacitySpec, Config, TenantSpec, UnknownTenants};

use super::{
    checks::{PoolTerms, TenantTerms},
    plan::{LoadPlan, PoolPlan},
    tree::{Tree, spec_of},
};

/// A configuration, and what is to be checked by it. Tests set the latter otherwise, and see that it is noticed.
#[derive(Clone, Debug)]
pub(crate) struct Edition {
    pub(crate) config: Config,
    pub(crate) tree: Tree,
    pub(crate) pools: Vec<PoolTerms>,
    /// By tenant.
    pub(crate) tenants: Vec<TenantTerms>,
    /// The most tenants that a balancer may know.
    pub(crate) most_tenants: usize,
}

impl Edition {
    pub(super) fn new(
        config: Config,
        document: &Value,
        tenants: &[String],
        pools: &[PoolPlan],
        loads: &[LoadPlan],
    ) -> Self {
        let made = match config.unknown_tenants() {
            UnknownTenants::Template { max, .. } => usize::try_from(*max).unwrap_or(usize::MAX),
            _ => 0,
        };
        let widest = |at| loads.iter().filter(move |load| load.pool == at).map(|load| load.spec.seats).max();
        let pool = |(at, pool): (usize, &PoolPlan)| {
            pool_terms(&config, document, pool, widest(at).unwrap_or(1).max(1))
        };
        let spec = |tenant: &String| spec_of(&config, tenant);
        Self {
            tree: Tree::new(&config, tenants),
            pools: pools.iter().enumerate().map(pool).collect(),
            tenants: tenants.iter().map(|tenant| tenant_terms(spec(tenant), pools)).collect(),
            most_tenants: made.saturating_add(config.tenants().len()),
            config,
        }
    }
}

fn pool_terms(config: &Config, document: &Value, plan: &PoolPlan, widest: u32) -> PoolTerms {
    let name = &plan.name;
    let spec = &config.pools()[name];
    let mut tenants = config.tenants().values().chain(config.templates().values());
    let listed = |address: &String| spec.endpoints().iter().any(|endpoint| endpoint.address() == address);
    PoolTerms {
        name: name.clone(),
        widest,
        guarded: tenants.any(|tenant| !tenant.seats().is_none()),
        caps: plan.addresses.iter().map(|address| cap(document, name, address)).collect(),
        listed: plan.addresses.iter().map(listed).collect(),
        per_tenant: spec.queue().per_tenant(),
        total: spec.queue().total(),
        capacity: match spec.capacity() {
            CapacitySpec::Fixed(seats) => Some(seats.get()),
            _ => None,
        },
    }
}

fn tenant_terms(spec: Option<&TenantSpec>, pools: &[PoolPlan]) -> TenantTerms {
    let names = spec.and_then(TenantSpec::pools);
    let granted =
        |pool: &PoolPlan| names.is_none_or(|names| names.iter().any(|grant| grant.pool() == pool.name));
    TenantTerms { pools: pools.iter().map(granted).collect() }
}

/// An endpoint's own cap.
fn cap(document: &Value, pool: &str, address: &str) -> Option<u32> {
    let endpoints = document["pools"][pool]["endpoints"].as_array()?;
    let endpoint = endpoints.iter().find(|endpoint| endpoint["address"] == address)?;
    u32::try_from(endpoint["max_in_flight"].as_u64()?).ok()
}
