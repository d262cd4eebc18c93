//! `routes`: which requests go to which pool, and who may send them.

use std::collections::BTreeMap;

use http::HeaderName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tenantry::{Config, Format, TenantSpec, UnknownTenants};
use tenantry_tower::{
    identity::ClaimPath,
    route::{Methods, Route, Routes},
};

use crate::{
    again::{Hedge, Retry},
    mirror::MirrorTable,
    unfit::Unfit,
    values::{Name, Prefix},
};

/// One of `routes`.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RouteTable {
    path: Prefix,
    pool: String,
    host: Option<String>,
    methods: Option<Vec<String>>,
    tenants: Option<Vec<String>>,
    #[serde(default)]
    scopes: Vec<String>,
    #[serde(default)]
    claims: BTreeMap<String, Value>,
    rate: Option<Value>,
    budget: Option<Value>,
    #[serde(default = "cost")]
    cost: u64,
    #[serde(default = "priority")]
    priority: u8,
    key: Option<Key>,
    retry: Option<Retry>,
    hedge: Option<Hedge>,
    mirror: Option<MirrorTable>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
struct Key {
    header: Name,
}

impl RouteTable {
    /// Without rules.
    pub(crate) fn everything_to(pool: &str) -> Self {
        Self {
            path: Prefix("/".to_owned()),
            pool: pool.to_owned(),
            host: None,
            methods: None,
            tenants: None,
            scopes: Vec::new(),
            claims: BTreeMap::new(),
            rate: None,
            budget: None,
            cost: cost(),
            priority: priority(),
            key: None,
            retry: None,
            hedge: None,
            mirror: None,
        }
    }

    /// The one that goes without saying.
    pub(crate) fn for_only_pool_of(balancer: &Config) -> Result<Self, Unfit> {
        let pools: Vec<&str> = balancer.pools().keys().map(String::as_str).collect();
        match *pools {
            [pool] => Ok(Self::everything_to(pool)),
            [] => Err(no_pool()),
            _ => {
                let fix = format!(
                    "add routes that say which pool serves what; the pools are: {}",
                    pools.join(", ")
                );
                Err(Unfit::hidden("gateway.routes", fix))
            }
        }
    }

    /// What a request's path starts with.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path.0
    }

    /// The pool that serves it.
    #[must_use]
    pub fn pool(&self) -> &str {
        &self.pool
    }

    /// Whether and how its requests are tried again.
    #[must_use]
    pub const fn retry(&self) -> Option<&Retry> {
        self.retry.as_ref()
    }

    /// Whether and when they are sent a second time.
    #[must_use]
    pub const fn hedge(&self) -> Option<Hedge> {
        self.hedge
    }

    /// Whether some are copied, and where to.
    pub(crate) const fn mirror(&self) -> Option<&MirrorTable> {
        self.mirror.as_ref()
    }

    /// The header whose value is the key for hash strategies.
    #[must_use]
    pub fn key_header(&self) -> Option<&HeaderName> {
        self.key.as_ref().map(|key| &key.header.0)
    }

    /// As the library has it. Errors name the field alone.
    pub(crate) fn route(&self) -> Result<Route, Unfit> {
        let mut route =
            Route::new(self.path()).with_pool(self.pool()).with_scopes(self.scopes.iter().cloned());
        if let Some(host) = &self.host {
            route = route.with_host(host.as_str());
        }
        if let Some(methods) = &self.methods {
            let wrong = |error| Unfit::new("methods", format!("{methods:?}"), error);
            route = route.with_methods(Methods::parse(methods).map_err(wrong)?);
        }
        if let Some(tenants) = &self.tenants {
            route = route.with_tenants(tenants.iter().cloned());
        }
        for (path, value) in &self.claims {
            route = route.with_claim(ClaimPath::new(path.as_str()), value.clone());
        }
        if let Some(limits) = self.limits()? {
            route = route.with_limits(limits);
        }
        if self.priority > 7 {
            return Err(Unfit::new("priority", self.priority.to_string(), "write 0 (most urgent) to 7"));
        }
        Ok(route.with_cost(self.cost).with_priority(self.priority))
    }

    /// The same with what its limits leave unsaid.
    pub(crate) fn with_defaults(&self) -> Self {
        let Ok(Some(limits)) = self.limits() else { return self.clone() };
        let mut tree = Config::new().with_tenant(TEMPLATE, limits).to_tree();
        let mut take = |field: &str, said: &Option<Value>| {
            said.as_ref().map(|_| tree["tenants"][TEMPLATE][field].take())
        };
        let (rate, budget) = (take("rate", &self.rate), take("budget", &self.budget));
        Self { rate, budget, ..self.clone() }
    }

    /// Each tenant's on this route, written as a tenant's own.
    fn limits(&self) -> Result<Option<TenantSpec>, Unfit> {
        let fields = [("rate", &self.rate), ("budget", &self.budget)];
        let fields = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?)));
        let table: Map<String, Value> = fields.collect();
        if table.is_empty() {
            return Ok(None);
        }
        let spec = TenantSpec::from_text(TEMPLATE, &Value::Object(table).to_string(), Format::Json);
        let wrong = |error: tenantry::ConfigError| {
            let path = error.path().strip_prefix("tenants.").and_then(|path| path.strip_prefix(TEMPLATE));
            let field = path.unwrap_or_else(|| error.path()).trim_start_matches('.').to_owned();
            Unfit::new(field, error.value(), error.fix())
        };
        spec.map(Some).map_err(wrong)
    }

    /// What only the whole document tells.
    fn check(&self, balancer: &Config) -> Result<(), Unfit> {
        if !balancer.pools().contains_key(&self.pool) {
            let pools: Vec<&str> = balancer.pools().keys().map(String::as_str).collect();
            let fix = format!("name one of the pools: {}", pools.join(", "));
            return Err(Unfit::new("pool", format!("{:?}", self.pool), fix));
        }
        if let Some(mirror) = &self.mirror {
            mirror.check(self.pool(), balancer)?;
        }
        let are_all_known = !matches!(balancer.unknown_tenants(), UnknownTenants::Reject);
        for (index, tenant) in self.tenants.iter().flatten().enumerate() {
            if !are_all_known && !balancer.tenants().contains_key(tenant) {
                let fix = format!("name a tenant, or add it: [tenants.{tenant}]");
                return Err(Unfit::new(format!("tenants[{index}]"), format!("{tenant:?}"), fix));
            }
        }
        Ok(())
    }
}

/// All of them.
pub(crate) fn map(tables: &[RouteTable], balancer: &Config) -> Result<Routes, Unfit> {
    if balancer.pools().is_empty() {
        return Err(no_pool());
    }
    let at = |index: usize, unfit: Unfit| Unfit {
        path: format!("gateway.routes[{index}].{}", unfit.path),
        ..unfit
    };
    let mut routes = Vec::new();
    for (index, table) in tables.iter().enumerate() {
        table.check(balancer).map_err(|unfit| at(index, unfit))?;
        routes.push(table.route().map_err(|unfit| at(index, unfit))?);
    }
    Routes::new(routes).map_err(|error| {
        let table = &tables[error.index()];
        let value = match error.field() {
            "path" => format!("{:?}", table.path()),
            "host" => format!("{:?}", table.host.as_deref().unwrap_or_default()),
            _ => String::new(),
        };
        at(error.index(), Unfit::new(error.field(), value, &error))
    })
}

fn no_pool() -> Unfit {
    Unfit::hidden("pools", "add a pool: [pools.api] with endpoints = [\"http://10.0.0.1:8080\"]")
}

/// What a request costs where nobody says it.
const fn cost() -> u64 {
    1
}

/// In the middle of 0 (most urgent) to 7: the core's own.
const fn priority() -> u8 {
    3
}

const TEMPLATE: &str = "each";
