use tenantry::{Balancer, Config, ConfigError, Rejection, Request, TenantSpec, UnknownTenants};

use crate::tenant::TenantId;

/// What each tenant may do on one route, apart from all else it does: a balancer of the route's own, of which only the limits are asked.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    balancer: Balancer,
    config: Config,
}

impl Limits {
    pub(super) fn new(each: TenantSpec) -> Result<Self, ConfigError> {
        let config = Config::new()
            .with_template(TEMPLATE, each)
            .with_unknown_tenants(UnknownTenants::template(TEMPLATE, MOST_TENANTS));
        Ok(Self { balancer: Balancer::new(config.clone())?, config })
    }

    /// These, with what tenants have used of those before.
    pub(super) fn going_on_with(self, before: &Self) -> Self {
        let Self { balancer, config } = self;
        match before.balancer.reconfigure(config.clone()) {
            Ok(()) => Self { balancer: before.balancer.clone(), config },
            // Not of a configuration that a balancer was made of.
            Err(_) => Self { balancer, config },
        }
    }

    pub(super) fn charge(&self, tenant: &TenantId, cost: u64) -> Result<(), Rejection> {
        self.balancer.check(&Request::new(tenant.as_str()).cost(cost))
    }
}

const TEMPLATE: &str = "each";
/// As many as the balancer's own default; more share one.
const MOST_TENANTS: u32 = 100_000;
