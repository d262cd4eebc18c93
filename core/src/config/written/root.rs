use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Entries;
use crate::config::{Config, UnknownTenants};

impl Config {
    /// The effective form: the tree of a document that says all of this, with every default written out. [Sections](Self::section) that are not the core's are
    /// left out. Secrets are not shown: the keys that sign sessions and the values of headers stand there as `(not shown)`, in a form that can be read.
    ///
    /// Read again, it is this configuration but for the secrets. A [custom strategy](crate::StrategySpec::Custom) has no form in the document, and stands there as
    /// `"custom"`, which is refused.
    ///
    /// ```
    /// use tenantry::{Config, Format};
    ///
    /// let config = Config::from_text(r#"{ "pools": { "api": { "endpoints": ["http://10.0.0.1:8080"] } } }"#, Format::Json)?;
    /// let tree = config.to_tree();
    /// assert_eq!(tree["pools"]["api"]["queue"]["timeout"], "10s");
    /// assert_eq!(Config::from_text(&tree.to_string(), Format::Json)?, config);
    /// # Ok::<(), tenantry::ConfigError>(())
    /// ```
    #[must_use]
    pub fn to_tree(&self) -> Value {
        let secrets = (1..=self.affinity_keys.len()).map(|number| format!("(not shown: secret {number})"));
        let secrets: Vec<String> = secrets.collect();
        let affinity = (!secrets.is_empty()).then(|| Entries::new().with("keys", secrets));
        Entries::new()
            .with("unknown_tenants", unknown(&self.unknown_tenants))
            .with("dimensions", self.dimensions.clone())
            .with_some("seed", self.seed)
            .with_some("affinity", affinity)
            .with("pools", tables(&self.pools))
            .with("tenants", tables(&self.tenants))
            .with("templates", tables(&self.templates))
            .into()
    }
}

fn tables<'a, T>(tables: &'a BTreeMap<String, T>) -> Map<String, Value>
where
    Entries: From<&'a T>,
{
    tables.iter().map(|(name, table)| (name.clone(), Entries::from(table).into())).collect()
}

fn unknown(unknown: &UnknownTenants) -> Value {
    match unknown {
        UnknownTenants::Reject => "reject".into(),
        UnknownTenants::Template { name, max, idle } => {
            Entries::new().with("template", name.as_str()).with("max", *max).with_time("idle", *idle).into()
        }
    }
}
