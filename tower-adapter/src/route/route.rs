use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::Value;
use tenantry::TenantSpec;

use super::Methods;
use crate::{
    identity::{ClaimPath, Identity},
    tenant::TenantId,
};

/// One route: which requests it is for, who may take it, and what becomes of them.
///
/// ```
/// use tenantry::{Rate, TenantSpec};
/// use tenantry_tower::route::{Methods, Route};
///
/// let reports = Route::new("/reports")
///     .with_pool("reports")
///     .with_methods(Methods::parse(["GET"])?)
///     .with_tenants(["acme", "umbrella"])
///     .with_scopes(["reports:read"])
///     .with_cost(20)
///     .with_limits(TenantSpec::new().with_rate(Rate::per_second(5)));
/// # Ok::<(), tenantry_tower::route::MethodsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Route {
    pub(super) path: Arc<str>,
    pub(super) host: Option<Box<str>>,
    pub(super) methods: Option<Methods>,
    pub(super) tenants: Option<BTreeSet<Box<str>>>,
    pub(super) scopes: Vec<Box<str>>,
    pub(super) claims: Vec<(ClaimPath, Value)>,
    pub(super) limits: Option<TenantSpec>,
    pub(super) pool: Option<Arc<str>>,
    pub(super) cost: Option<u64>,
    pub(super) priority: Option<u8>,
    pub(super) timeout: Option<Duration>,
}

impl Route {
    /// The requests whose path starts with this one, whole segments only: `/api` covers `/api` and `/api/x`, not `/apix`; `/api/` covers what is beneath.
    pub fn new(path: impl Into<Arc<str>>) -> Self {
        Self {
            path: path.into(),
            host: None,
            methods: None,
            tenants: None,
            scopes: Vec::new(),
            claims: Vec::new(),
            limits: None,
            pool: None,
            cost: None,
            priority: None,
            timeout: None,
        }
    }

    /// Only for this host, or with `*.` for all beneath one: `api.example.com`, `*.example.com`. Default: all.
    #[must_use]
    pub fn with_host(mut self, host: impl Into<Box<str>>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// Only with these methods; where no route on the same path has another, it is refused. Default: all, also such as have no place in [`Methods`].
    #[must_use]
    pub const fn with_methods(mut self, methods: Methods) -> Self {
        self.methods = Some(methods);
        self
    }

    /// Only these tenants. Default: all.
    #[must_use]
    pub fn with_tenants<T: Into<Box<str>>>(mut self, tenants: impl IntoIterator<Item = T>) -> Self {
        self.tenants = Some(tenants.into_iter().map(Into::into).collect());
        self
    }

    /// Only credentials with all of these scopes. Default: none is asked for.
    #[must_use]
    pub fn with_scopes<S: Into<Box<str>>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Only credentials that claim this value here, or a list with it; again for another claim. Default: none is asked for.
    #[must_use]
    pub fn with_claim(mut self, path: ClaimPath, value: impl Into<Value>) -> Self {
        self.claims.push((path, value.into()));
        self
    }

    /// What each tenant may do on this route, apart from its own limits: the rates and budgets of this. Only limits of requests and cost count here; a request that
    /// is refused later, by the tenant's own limits or for want of a seat, has used them. Default: no limits.
    #[must_use]
    pub fn with_limits(mut self, each: TenantSpec) -> Self {
        self.limits = Some(each);
        self
    }

    /// The pool that serves it. Default: the only one.
    #[must_use]
    pub fn with_pool(mut self, pool: impl Into<Arc<str>>) -> Self {
        self.pool = Some(pool.into());
        self
    }

    /// What a request costs, in the unit of cost quotas. Default 1.
    #[must_use]
    pub const fn with_cost(mut self, cost: u64) -> Self {
        self.cost = Some(cost);
        self
    }

    /// How urgent its requests are among their own tenant's: 0 (most) to 7 (least). Default 3.
    #[must_use]
    pub const fn with_priority(mut self, priority: u8) -> Self {
        self.priority = Some(priority);
        self
    }

    /// How long its requests may wait for their turn. Default: the pool's queue timeout.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Whether the tenant may take it.
    pub(super) fn is_open_to(&self, tenant: Option<&TenantId>) -> bool {
        let Some(tenants) = &self.tenants else { return true };
        tenant.is_some_and(|tenant| tenants.contains(tenant.as_str()))
    }

    /// Whether the credentials allow it.
    pub(super) fn is_allowed_to(&self, identity: Option<&Identity>) -> bool {
        if self.scopes.is_empty() && self.claims.is_empty() {
            return true;
        }
        identity.is_some_and(|identity| {
            self.scopes.iter().all(|scope| identity.has_scope(scope))
                && self.claims.iter().all(|(path, value)| claims(identity.claim(path), value))
        })
    }
}

fn claims(claim: Option<&Value>, value: &Value) -> bool {
    match claim {
        Some(Value::Array(list)) => list.contains(value),
        Some(claim) => claim == value,
        None => false,
    }
}
