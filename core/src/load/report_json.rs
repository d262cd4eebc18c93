//! Load reports as JSON.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};

use super::{LoadReport, LoadReportError};

/// The message's fields, under the names that protobuf's JSON form has for them. A field twice is an error of serde's own.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Document {
    #[serde(alias = "cpuUtilization")]
    cpu_utilization: f64,
    #[serde(alias = "memUtilization")]
    mem_utilization: f64,
    #[serde(alias = "applicationUtilization")]
    application_utilization: f64,
    #[serde(alias = "rpsFractional")]
    rps_fractional: f64,
    eps: f64,
    #[serde(alias = "namedMetrics")]
    named_metrics: Metrics,
    utilization: Metrics,
    #[serde(alias = "requestCost")]
    request_cost: Metrics,
}

/// Numbers by name, each name once and none empty.
#[derive(Default)]
struct Metrics(BTreeMap<String, f64>);

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MetricsVisitor;
        impl<'de> Visitor<'de> for MetricsVisitor {
            type Value = Metrics;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("numbers by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Metrics, A::Error> {
                let mut metrics = BTreeMap::new();
                while let Some((name, value)) = entries.next_entry()? {
                    super::report_header::insert(&mut metrics, name, value).map_err(A::Error::custom)?;
                }
                Ok(Metrics(metrics))
            }
        }
        deserializer.deserialize_map(MetricsVisitor)
    }
}

impl LoadReport {
    /// Reads the JSON form. JSON has no infinite numbers, and one that is too large is an error.
    pub(super) fn from_json(text: &str) -> Result<Self, LoadReportError> {
        // serde would take a list for a structure, too.
        if !text.trim_start().starts_with('{') {
            return Err(LoadReportError::Malformed);
        }
        let document: Document = serde_json::from_str(text).map_err(|_| LoadReportError::Malformed)?;
        Ok(Self {
            cpu_utilization: document.cpu_utilization,
            mem_utilization: document.mem_utilization,
            application_utilization: document.application_utilization,
            rps: document.rps_fractional,
            eps: document.eps,
            named_metrics: document.named_metrics.0,
            utilizations: document.utilization.0,
            request_cost: document.request_cost.0,
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_name_twice_is_refused_wherever_it_stands() {
        for text in [
            r#"{"eps": 1, "eps": 2}"#,
            r#"{"cpu_utilization": 1, "cpuUtilization": 2}"#,
            r#"{"named_metrics": {"a": 1, "a": 1}}"#,
            r#"{"named_metrics": {"": 1}}"#,
            r#"{"eps": 1e999}"#,
            r#"{"eps": "1"}"#,
            r#"[1]"#,
        ] {
            assert_eq!(LoadReport::from_json(text), Err(LoadReportError::Malformed), "{text}");
        }
    }
}
