//! `proxy_protocol`: who tells the gateway the addresses of its clients before their first byte.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenantry_tower::identity::Networks;

use crate::{unfit::Unfit, values::networks};

/// `{ trusted = ["10.0.0.0/8"] }`.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProxyProtocolTable {
    trusted: Vec<String>,
}

impl ProxyProtocolTable {
    pub(crate) fn proxies(&self) -> Result<Networks, Unfit> {
        const PATH: &str = "gateway.proxy_protocol.trusted";
        if self.trusted.is_empty() {
            let fix =
                "name the networks of the proxies that begin with such a header, or leave proxy_protocol out";
            return Err(Unfit::new(PATH, "[]", fix));
        }
        networks(PATH, &self.trusted)
    }
}
