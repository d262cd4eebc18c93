//! The rules of ejection, as the document writes them.

use serde::Deserialize;

use super::{
    FailurePercentageSpec, LatencyOutlierSpec, OutlierSpec, SuccessRateSpec,
    short::{Period, Short, ShortForm},
};

#[derive(Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, expecting = "a table of ejection rules")]
pub(super) struct OutlierTable {
    consecutive_failures: Option<u32>,
    consecutive_gateway_failures: Option<u32>,
    interval: Option<Period>,
    success_rate: Option<Short<Rule<SuccessRateSpec>>>,
    failure_percentage: Option<Short<Rule<FailurePercentageSpec>>>,
    latency: Option<Short<Rule<LatencyOutlierSpec>>>,
    ejection: Option<Period>,
    longest_ejection: Option<Period>,
    max_ejected: Option<u32>,
    min_available: Option<u32>,
    shadow: bool,
}

impl From<OutlierTable> for OutlierSpec {
    fn from(table: OutlierTable) -> Self {
        let mut spec = Self::new();
        if let Some(failures) = table.consecutive_failures {
            spec = spec.with_consecutive_failures(failures);
        }
        if let Some(failures) = table.consecutive_gateway_failures {
            spec = spec.with_consecutive_gateway_failures(failures);
        }
        if let Some(Period(interval)) = table.interval {
            spec = spec.with_interval(interval);
        }
        if let Some(Short(Rule(rule))) = table.success_rate {
            spec = rule.map_or_else(|| spec.without_success_rate(), |rule| spec.with_success_rate(rule));
        }
        if let Some(Short(Rule(rule))) = table.failure_percentage {
            spec = rule
                .map_or_else(|| spec.without_failure_percentage(), |rule| spec.with_failure_percentage(rule));
        }
        if let Some(Short(Rule(rule))) = table.latency {
            spec = rule.map_or_else(|| spec.without_latency(), |rule| spec.with_latency(rule));
        }
        if let Some(Period(time)) = table.ejection {
            spec = spec.with_ejection(time);
        }
        if let Some(Period(time)) = table.longest_ejection {
            spec = spec.with_longest_ejection(time);
        }
        if let Some(percent) = table.max_ejected {
            spec = spec.with_max_ejected_percent(percent);
        }
        if let Some(endpoints) = table.min_available {
            spec = spec.with_min_available(endpoints);
        }
        if table.shadow { spec.in_shadow() } else { spec }
    }
}

/// A rule, or none.
pub(super) struct Rule<T>(Option<T>);

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct SuccessRateTable {
    factor: Option<f64>,
    min_endpoints: Option<u32>,
    min_requests: Option<u32>,
    #[serde(default)]
    shadow: bool,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct FailurePercentageTable {
    threshold: Option<u32>,
    min_endpoints: Option<u32>,
    min_requests: Option<u32>,
    #[serde(default)]
    shadow: bool,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct LatencyTable {
    factor: Option<f64>,
    floor: Option<Period>,
    min_endpoints: Option<u32>,
    min_requests: Option<u32>,
    #[serde(default)]
    shadow: bool,
}

/// What all tables have, put into what is there.
macro_rules! compared {
    ($spec:expr, $table:expr) => {{
        let spec = $table.min_endpoints.map_or($spec, |endpoints| $spec.with_min_endpoints(endpoints));
        let spec = $table.min_requests.map_or(spec, |requests| spec.with_min_requests(requests));
        Ok(Self(Some(if $table.shadow { spec.in_shadow() } else { spec })))
    }};
}

impl ShortForm for Rule<SuccessRateSpec> {
    type Table = SuccessRateTable;
    const EXPECTED: &'static str =
        "\"off\", or a table { factor = 1.9, min_endpoints = 5, min_requests = 100 }";

    fn from_table(table: SuccessRateTable) -> Result<Self, String> {
        let spec = SuccessRateSpec::new();
        let spec = table.factor.map_or(spec, |factor| spec.with_factor(factor));
        compared!(spec, table)
    }

    fn from_text(text: &str) -> Result<Self, String> {
        off(text, Self::EXPECTED)
    }
}

impl ShortForm for Rule<FailurePercentageSpec> {
    type Table = FailurePercentageTable;
    const EXPECTED: &'static str = "a percentage such as 30, \"off\", or a table { threshold = 30, min_endpoints = 2, min_requests = 50 }";

    fn from_table(table: FailurePercentageTable) -> Result<Self, String> {
        let spec = FailurePercentageSpec::new();
        let spec = table.threshold.map_or(spec, |percent| spec.with_threshold_percent(percent));
        compared!(spec, table)
    }

    fn from_text(text: &str) -> Result<Self, String> {
        off(text, Self::EXPECTED)
    }

    fn from_number(number: u64) -> Result<Self, String> {
        let percent = u32::try_from(number).unwrap_or(u32::MAX);
        Ok(Self(Some(FailurePercentageSpec::new().with_threshold_percent(percent))))
    }
}

impl ShortForm for Rule<LatencyOutlierSpec> {
    type Table = LatencyTable;
    const EXPECTED: &'static str =
        "\"off\", or a table { factor = 5.0, floor = \"10ms\", min_endpoints = 3, min_requests = 20 }";

    fn from_table(table: LatencyTable) -> Result<Self, String> {
        let spec = LatencyOutlierSpec::new();
        let spec = table.factor.map_or(spec, |factor| spec.with_factor(factor));
        let spec = table.floor.map_or(spec, |Period(floor)| spec.with_floor(floor));
        compared!(spec, table)
    }

    fn from_text(text: &str) -> Result<Self, String> {
        off(text, Self::EXPECTED)
    }
}

fn off<T>(text: &str, expected: &str) -> Result<Rule<T>, String> {
    if text == "off" { Ok(Rule(None)) } else { Err(format!("give {expected}")) }
}
