//! `forwarded`: whose word counts on who asked, and for what.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenantry_tower::identity::Networks;

use crate::{identify::Gate, unfit::Unfit, values::networks};

/// `{ trusted = ["10.0.0.0/8"] }`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ForwardedTable {
    /// Those that `identify` trusts where it is left out.
    trusted: Option<Vec<String>>,
}

impl ForwardedTable {
    /// `gate` says whose word counts, unless the table does.
    pub(crate) fn hops(&self, gate: &Gate) -> Result<Networks, Unfit> {
        match &self.trusted {
            Some(list) => networks("gateway.forwarded.trusted", list),
            None => Ok(gate.hops().clone()),
        }
    }

    /// With who is trusted where it is not said.
    pub(crate) fn with_defaults(&self, trusted: &[String]) -> Self {
        Self { trusted: Some(self.trusted.clone().unwrap_or_else(|| trusted.to_vec())) }
    }
}
