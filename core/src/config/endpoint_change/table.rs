//! How changes of a pool's endpoints are written.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::config::{
    ConfigError, EndpointChange, EndpointSpec, Format,
    error::key,
    format::{parse, read},
    short::{Short, Table},
};

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ChangesTable {
    remove: Vec<String>,
    add: Vec<Short<EndpointSpec>>,
    reweigh: BTreeMap<String, u32>,
    drain: Vec<String>,
    resume: Vec<String>,
}

impl EndpointChange {
    /// Reads the changes of one pool's endpoints: a table with lists of addresses to `remove`, `drain` and `resume`, a list of endpoints to `add`, each
    /// written as in the document, and a table `reweigh` of addresses and weights. They are made in the order remove, add, reweigh, drain,
    /// resume, whatever order they are written in. Paths in errors begin where the document has the pool's endpoints.
    ///
    /// ```
    /// use tenantry::{EndpointChange, Format};
    ///
    /// let text = r#"{ "add": [{ "address": "http://10.0.0.3:8080", "weight": 2 }], "drain": ["http://10.0.0.1:8080"] }"#;
    /// let changes = EndpointChange::list_from_text("api", text, Format::Json)?;
    /// assert_eq!((changes.len(), changes[1].address()), (2, "http://10.0.0.1:8080"));
    /// let error = EndpointChange::list_from_text("api", r#"{ "add": [{ "adress": "x" }] }"#, Format::Json).expect_err("a key is misspelt");
    /// assert_eq!(error.path(), "pools.api.endpoints.add[0].adress");
    /// # Ok::<(), tenantry::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// The first thing that is wrong with its shape. What it names is looked up when a balancer takes it.
    pub fn list_from_text(pool: &str, text: &str, format: Format) -> Result<Vec<Self>, ConfigError> {
        let pool = key(pool);
        let tree = parse(text, format, &format!("pools.{pool}.endpoints"))?;
        let Table(table) = read::<Table<ChangesTable>>(&tree, &["pools", &pool, "endpoints"])?;
        let ChangesTable { remove, add, reweigh, drain, resume } = table;
        let mut changes: Vec<Self> = remove.into_iter().map(Self::Remove).collect();
        changes.extend(add.into_iter().map(|Short(endpoint)| Self::Add(endpoint)));
        changes.extend(reweigh.into_iter().map(|(address, weight)| Self::Reweigh(address, weight)));
        changes.extend(drain.into_iter().map(Self::Drain));
        changes.extend(resume.into_iter().map(Self::Resume));
        Ok(changes)
    }
}
