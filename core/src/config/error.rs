//! What is wrong with a configuration, where, and how to put it right.

use std::{error, fmt};

/// One thing that a configuration cannot be used with.
///
/// ```
/// use tenantry::{Balancer, Config, PoolSpec, TenantSpec};
///
/// let config = Config::new()
///     .with_pool("api", PoolSpec::new(["http://10.0.0.1:8080"]))
///     .with_tenant("acme", TenantSpec::new().with_pools(["apl"]));
/// let error = Balancer::new(config).expect_err("there is no pool `apl`");
/// assert_eq!(error.path(), "tenants.acme.pools[0]");
/// assert_eq!(error.value(), "\"apl\"");
/// assert_eq!(error.fix(), "name one of the pools: api");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    path: String,
    value: String,
    fix: String,
}

impl ConfigError {
    pub(crate) fn new(path: impl Into<String>, value: impl fmt::Display, fix: impl Into<String>) -> Self {
        Self { path: path.into(), value: shortened(value.to_string()), fix: fix.into() }
    }

    /// Where: the keys from the root, as in `pools.api.endpoints[0].weight`; `.` is the whole document.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The value that stands there, as JSON writes it; empty where there is none.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What would be right.
    #[must_use]
    pub fn fix(&self) -> &str {
        &self.fix
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.value.is_empty() {
            write!(f, "{}: {}", self.path, self.fix)
        } else {
            write!(f, "{}: {} cannot be used: {}", self.path, self.value, self.fix)
        }
    }
}

impl error::Error for ConfigError {}

/// A key as a part of a path: quoted where it would be read otherwise.
pub(crate) fn key(name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'));
    if plain { name.to_owned() } else { format!("{name:?}") }
}

/// Text as JSON would quote it.
pub(crate) fn quoted(text: &str) -> String {
    format!("{text:?}")
}

fn shortened(value: String) -> String {
    if value.chars().count() <= LONGEST_VALUE {
        return value;
    }
    value.chars().take(LONGEST_VALUE).chain(['…']).collect()
}

const LONGEST_VALUE: usize = 120;
