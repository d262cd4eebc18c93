//! How an endpoint is written.

use serde::Deserialize;

use super::{EndpointSpec, Rate, document::one_or_list, short::ShortForm};

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct EndpointTable {
    address: String,
    weight: Option<u32>,
    max_in_flight: Option<u32>,
    #[serde(default)]
    priority: u32,
    zone: Option<String>,
    credential: Option<String>,
    model: Option<String>,
    #[serde(default)]
    drain: bool,
    #[serde(default, deserialize_with = "one_or_list")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::config::schema::OneOrList<Rate>"))]
    rate: Vec<Rate>,
}

impl ShortForm for EndpointSpec {
    type Table = EndpointTable;
    const EXPECTED: &'static str =
        "an address, or a table { address = \"http://10.0.0.1:8080\", weight = 2 }";

    fn from_table(table: EndpointTable) -> Result<Self, String> {
        let mut spec =
            Self::new(table.address).with_weight(table.weight.unwrap_or(1)).with_priority(table.priority);
        spec = table.rate.into_iter().fold(spec, Self::with_rate);
        if let Some(requests) = table.max_in_flight {
            spec = spec.with_max_in_flight(requests);
        }
        if let Some(zone) = table.zone {
            spec = spec.with_zone(zone);
        }
        if let Some(credential) = table.credential {
            spec = spec.with_credential(credential);
        }
        if let Some(model) = table.model {
            spec = spec.with_model(model);
        }
        Ok(if table.drain { spec.draining() } else { spec })
    }

    fn from_text(text: &str) -> Result<Self, String> {
        Ok(Self::new(text))
    }
}
