//! A list of endpoints that stands alone, in a file of its own.

use serde::Deserialize;
use serde_json::Value;

use super::{
    ConfigError, EndpointSpec, Format,
    endpoint::validate_list,
    error::key,
    format::{parse, read},
    short::{Short, Table},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with the key endpoints")]
struct ListTable {
    endpoints: Vec<Short<EndpointSpec>>,
}

impl EndpointSpec {
    /// Reads a list of endpoints, each as it stands in the document: the list itself (JSON, YAML), or a table with the one key `endpoints`.
    ///
    /// ```
    /// use tenantry::{EndpointSpec, Format};
    ///
    /// let text = r#"["http://10.0.0.1:8080", { "address": "http://10.0.0.2:8080", "weight": 2 }]"#;
    /// let endpoints = EndpointSpec::list_from_text(text, Format::Json)?;
    /// assert_eq!(endpoints[1].weight(), 2);
    ///
    /// let text = r#"{ "endpoints": [{ "address": "http://10.0.0.1:8080", "wieght": 2 }] }"#;
    /// let error = EndpointSpec::list_from_text(text, Format::Json).expect_err("a key is misspelt");
    /// assert_eq!(error.path(), "endpoints[0].wieght");
    /// # Ok::<(), tenantry::ConfigError>(())
    /// ```
    ///
    /// # Errors
    /// The first thing that is wrong with its shape, or with a value.
    pub fn list_from_text(text: &str, format: Format) -> Result<Vec<Self>, ConfigError> {
        list(text, format, &[])
    }

    /// The same of one pool's: paths are the document's.
    pub(crate) fn list_of_pool(pool: &str, text: &str, format: Format) -> Result<Vec<Self>, ConfigError> {
        list(text, format, &["pools", &key(pool)])
    }
}

/// A list that stands beneath `above`.
fn list(text: &str, format: Format, above: &[&str]) -> Result<Vec<EndpointSpec>, ConfigError> {
    let tree = parse(text, format, ".")?;
    let root = [above, &["endpoints"]].concat();
    let endpoints = if let Value::Array(_) = tree {
        read::<Vec<Short<EndpointSpec>>>(&tree, &root)?
    } else {
        read::<Table<ListTable>>(&tree, above)?.0.endpoints
    };
    let endpoints: Vec<EndpointSpec> = endpoints.into_iter().map(|Short(endpoint)| endpoint).collect();
    // As in a pool: each address once, each value within its bounds.
    validate_list(&endpoints, &root.join("."))?;
    Ok(endpoints)
}
