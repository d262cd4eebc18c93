//! A route's `mirror`: a share of its requests, once more, to another pool.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenantry::{Config, TenantSpec};
use tenantry_tower::{mirror::MirrorLayer, share::Share, tenant::TenantId};

use crate::{routes::RouteTable, unfit::Unfit};

/// `mirror = { pool = "next", share = 0.05, tenant = "mirror", body_limit = 65536 }`; the last two may be left out.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MirrorTable {
    pool: String,
    share: f64,
    #[serde(default = "tenant")]
    tenant: String,
    #[serde(default = "body_limit")]
    body_limit: usize,
}

impl MirrorTable {
    /// Where copies go.
    pub(crate) fn pool(&self) -> &str {
        &self.pool
    }

    /// Whose copies are.
    pub(crate) fn tenant(&self) -> TenantId {
        TenantId::new(self.tenant.as_str())
    }

    pub(crate) fn layer<M>(&self, copies: M) -> MirrorLayer<M> {
        let share = Share::new(self.share).expect("it was checked");
        MirrorLayer::new(copies, share).with_tenant(self.tenant.as_str()).with_body_limit(self.body_limit)
    }

    /// What only the whole document tells. Errors name the field alone.
    pub(crate) fn check(&self, of_route: &str, balancer: &Config) -> Result<(), Unfit> {
        Share::new(self.share).map_err(|_| {
            Unfit::new("mirror.share", self.share.to_string(), "write a number from 0 to 1, as 0.05")
        })?;
        let mut others = balancer.pools().keys().map(String::as_str).filter(|pool| *pool != of_route);
        if others.clone().any(|pool| pool == self.pool) {
            return Ok(());
        }
        let fix = match others.next() {
            None => "add another pool: copies shall not burden the route's own".to_owned(),
            Some(first) => {
                let all = others.fold(first.to_owned(), |all, pool| all + ", " + pool);
                format!("name another pool than the route's: {all}")
            }
        };
        Err(Unfit::new("mirror.pool", format!("{:?}", self.pool), fix))
    }
}

/// With the tenants whose copies are: each has its own share and limits, so that copies take nothing from those of clients. One that the document does not name has no limits.
pub(crate) fn with_tenants(balancer: Config, routes: &[RouteTable]) -> Config {
    routes.iter().filter_map(RouteTable::mirror).fold(balancer, |balancer, mirror| {
        if balancer.tenants().contains_key(&mirror.tenant) {
            return balancer;
        }
        balancer.with_tenant(mirror.tenant.as_str(), TenantSpec::new())
    })
}

fn tenant() -> String {
    "mirror".to_owned()
}

/// As of retries.
const fn body_limit() -> usize {
    64 << 10
}
