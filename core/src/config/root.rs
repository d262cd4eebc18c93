//! The whole configuration.

use std::{
    collections::{BTreeMap, HashSet},
    time::Duration,
};

use super::{ConfigError, EndpointSpec, PoolSpec, TenantSpec, error::quoted};
use crate::{affinity::Secret, id::LONGEST_ID};

/// What happens to tenant ids that the configuration does not name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnknownTenants {
    /// They are refused. The default.
    #[default]
    Reject,
    /// A tenant is made on a template's terms; past `max` made ones, newcomers share one tenant.
    Template {
        /// The template's name.
        name: String,
        /// The most that are made. Default 100 000. Tenants that an update takes out, or makes too many, go on beyond that while they owe something.
        max: u32,
        /// A made tenant that asks for nothing for so long, with nothing in flight and its quotas full again, is evicted: its place goes
        /// to a newcomer. Default 10 minutes.
        idle: Duration,
    },
}

impl UnknownTenants {
    /// Made from the template `name`, at most `max`, evicted after 10 minutes of idleness.
    #[must_use]
    pub fn template(name: impl Into<String>, max: u32) -> Self {
        Self::Template { name: name.into(), max, idle: IDLE }
    }

    /// For how long a made tenant may be idle, from 1 ms to 24 days. Default 10 minutes.
    #[must_use]
    pub fn with_idle(self, idle: Duration) -> Self {
        match self {
            Self::Template { name, max, .. } => Self::Template { name, max, idle },
            Self::Reject => Self::Reject,
        }
    }
}

/// Everything a balancer is told: pools, tenants, templates.
///
/// ```
/// use tenantry::{Balancer, Config, PoolSpec, TenantSpec, UnknownTenants};
///
/// let config = Config::new()
///     .with_pool("api", PoolSpec::new(["http://10.0.0.1:8080", "http://10.0.0.2:8080"]))
///     .with_tenant("acme", TenantSpec::new().with_weight(3))
///     .with_template("free", TenantSpec::new())
///     .with_unknown_tenants(UnknownTenants::template("free", 100_000));
/// let balancer = Balancer::new(config)?;
/// # Ok::<(), tenantry::ConfigError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    pub(super) unknown_tenants: UnknownTenants,
    pub(super) pools: BTreeMap<String, PoolSpec>,
    pub(super) tenants: BTreeMap<String, TenantSpec>,
    pub(super) templates: BTreeMap<String, TenantSpec>,
    pub(super) dimensions: Vec<String>,
    pub(super) seed: Option<u64>,
    pub(super) affinity_keys: Vec<Secret>,
    #[cfg(feature = "config")]
    pub(super) sections: BTreeMap<String, serde_json::Value>,
}

impl Config {
    /// No pools, no tenants; unknown ones are refused.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a pool.
    #[must_use]
    pub fn with_pool(mut self, name: impl Into<String>, pool: PoolSpec) -> Self {
        self.pools.insert(name.into(), pool);
        self
    }

    /// Adds or replaces a tenant.
    #[must_use]
    pub fn with_tenant(mut self, id: impl Into<String>, tenant: TenantSpec) -> Self {
        self.tenants.insert(id.into(), tenant);
        self
    }

    /// Adds or replaces a template.
    #[must_use]
    pub fn with_template(mut self, name: impl Into<String>, template: TenantSpec) -> Self {
        self.templates.insert(name.into(), template);
        self
    }

    /// What happens to unknown ids. Default: refused.
    #[must_use]
    pub fn with_unknown_tenants(mut self, unknown: UnknownTenants) -> Self {
        self.unknown_tenants = unknown;
        self
    }

    /// What rates and budgets may count beside requests and cost, such as `input_units` and `output_units`: at most 8 names of letters, digits
    /// and `_`. Default: nothing.
    #[must_use]
    pub fn with_dimensions<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.dimensions = names.into_iter().map(Into::into).collect();
        self
    }

    /// The seed of every random choice. Default: drawn from the system once per balancer.
    #[must_use]
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The secrets that session tokens are signed with: the first signs, the others are still accepted, so that secrets can be rotated. Instances
    /// that shall understand each other's tokens share them. At most 8, each of 16 bytes or more. Default: one that is drawn by the balancer, and
    /// with which its tokens end.
    #[must_use]
    pub fn with_affinity_keys<K: Into<Box<[u8]>>>(mut self, secrets: impl IntoIterator<Item = K>) -> Self {
        self.affinity_keys = secrets.into_iter().map(Secret::new).collect();
        self
    }

    pub(crate) fn affinity_keys(&self) -> &[Secret] {
        &self.affinity_keys
    }

    /// What happens to unknown ids.
    #[must_use]
    pub const fn unknown_tenants(&self) -> &UnknownTenants {
        &self.unknown_tenants
    }

    /// The pools by name.
    #[must_use]
    pub const fn pools(&self) -> &BTreeMap<String, PoolSpec> {
        &self.pools
    }

    /// The tenants by id.
    #[must_use]
    pub const fn tenants(&self) -> &BTreeMap<String, TenantSpec> {
        &self.tenants
    }

    /// The templates by name.
    #[must_use]
    pub const fn templates(&self) -> &BTreeMap<String, TenantSpec> {
        &self.templates
    }

    /// What is counted beside requests and cost.
    #[must_use]
    pub fn dimensions(&self) -> &[String] {
        &self.dimensions
    }

    /// The seed, if one is set.
    #[must_use]
    pub const fn seed(&self) -> Option<u64> {
        self.seed
    }

    /// A part of the document that is not the core's: `gateway`. The gateway reads it.
    #[cfg(feature = "config")]
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&serde_json::Value> {
        self.sections.get(name)
    }

    /// Endpoints that a pool has beside those of the configuration. One that it names itself is as it says.
    pub(crate) fn add_endpoints(&mut self, pool: &str, endpoints: &[&EndpointSpec]) {
        let Some(spec) = self.pools.get_mut(pool) else { return };
        let named: HashSet<String> =
            spec.endpoints().iter().map(|named| named.address().to_owned()).collect();
        let others = endpoints.iter().filter(|endpoint| !named.contains(endpoint.address()));
        spec.endpoints.extend(others.map(|endpoint| (*endpoint).clone()));
    }

    /// The parents of a tenant or a template, the nearest first.
    pub(crate) fn parents_of<'a>(
        &'a self,
        spec: &'a TenantSpec,
    ) -> impl Iterator<Item = (&'a str, &'a TenantSpec)> {
        let up = |spec: &'a TenantSpec| {
            let id = spec.parent()?;
            Some((id, self.tenants.get(id)?))
        };
        std::iter::successors(up(spec), move |&(_, spec)| up(spec))
    }
}

pub(super) fn validate_name(path: &str, name: &str) -> Result<(), ConfigError> {
    if RESERVED.contains(&name) {
        return Err(ConfigError::new(path, quoted(name), "give another name: statistics use this one"));
    }
    if name.is_empty() || name.len() > LONGEST_ID {
        return Err(ConfigError::new(path, quoted(name), format!("give a name of 1 to {LONGEST_ID} bytes")));
    }
    Ok(())
}

/// What statistics call the tenant that newcomers past the bound share, and the sum of those not listed. No tenant's id.
pub(crate) const OVERFLOW: &str = "(overflow)";
pub(crate) const OTHER: &str = "(other)";
pub(crate) const RESERVED: [&str; 2] = [OVERFLOW, OTHER];
/// Tenants from the topmost parent down.
pub(crate) const DEEPEST: usize = 8;
const IDLE: Duration = Duration::from_secs(600);
/// Well below the slots that there are, so that an update never runs out of them half-way.
pub(crate) const MOST_TENANTS: usize = 12_000_000;
