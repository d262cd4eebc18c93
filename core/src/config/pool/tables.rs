//! A pool's tiers, subset and slow start, as the document writes them.

use serde::Deserialize;

use crate::config::{
    SlowStartSpec, SubsetSpec, TiersSpec,
    rate::parse_duration,
    short::{Period, ShortForm},
};

#[derive(Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, expecting = "a table of an overprovisioning and a panic threshold")]
pub(in crate::config) struct TiersTable {
    overprovisioning: Option<f64>,
    panic: Option<u32>,
}

impl From<TiersTable> for TiersSpec {
    fn from(table: TiersTable) -> Self {
        let spec =
            table.overprovisioning.map_or(Self::new(), |factor| Self::new().with_overprovisioning(factor));
        table.panic.map_or(spec, |percent| spec.with_panic_percent(percent))
    }
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "a table of a size, an instance and a number of instances")]
pub(in crate::config) struct SubsetTable {
    size: u32,
    instance: u32,
    instances: u32,
}

impl From<SubsetTable> for SubsetSpec {
    fn from(table: SubsetTable) -> Self {
        Self::new(table.size, table.instance, table.instances)
    }
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct SlowStartTable {
    window: Period,
    aggression: Option<f64>,
    minimum: Option<u32>,
}

impl ShortForm for SlowStartSpec {
    type Table = SlowStartTable;
    const EXPECTED: &'static str =
        "a duration such as \"30s\", or a table { window = \"30s\", aggression = 1.0, minimum = 10 }";

    fn from_table(table: SlowStartTable) -> Result<Self, String> {
        let Period(window) = table.window;
        let straight = Self::over(window);
        let spec = table.aggression.map_or(straight, |aggression| straight.with_aggression(aggression));
        Ok(table.minimum.map_or(spec, |percent| spec.with_minimum_percent(percent)))
    }

    fn from_text(text: &str) -> Result<Self, String> {
        parse_duration(text).map(Self::over).ok_or_else(|| format!("give {}", Self::EXPECTED))
    }
}
