//! How a cooldown is written.

use serde::Deserialize;

use super::{
    CooldownScope, CooldownSpec,
    rate::parse_duration,
    short::{Period, ShortForm},
};

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct CooldownTable {
    #[serde(default)]
    scope: ScopeName,
    longest: Option<Period>,
    #[serde(default)]
    strict: bool,
}

#[derive(Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum ScopeName {
    #[default]
    Endpoint,
    Credential,
    Model,
}

impl ShortForm for CooldownSpec {
    type Table = CooldownTable;
    const EXPECTED: &'static str = "the longest cooldown such as \"5m\", \"off\", or a table { scope = \"credential\", longest = \"5m\", strict = true }";

    fn from_table(table: CooldownTable) -> Result<Self, String> {
        let scope = match table.scope {
            ScopeName::Endpoint => CooldownScope::Endpoint,
            ScopeName::Credential => CooldownScope::Credential,
            ScopeName::Model => CooldownScope::Model,
        };
        let spec = Self::new().with_scope(scope);
        let spec = table.longest.map_or(spec, |Period(time)| spec.with_longest(time));
        Ok(if table.strict { spec.strict() } else { spec })
    }

    fn from_text(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self::off());
        }
        parse_duration(text)
            .map(|time| Self::new().with_longest(time))
            .ok_or_else(|| format!("give {}", Self::EXPECTED))
    }
}
