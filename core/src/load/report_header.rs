//! Load reports as HTTP headers carry them.
//!
//! Source: the ORCA header forms of Envoy and gRPC: `endpoint-load-metrics: TEXT cpu_utilization:0.7,…`, `JSON {…}`, `BIN …`, and gRPC's
//! `endpoint-load-metrics-bin`. *Where we differ*: the text form knows `utilization.` and `request_cost.` beside `named_metrics.`; the JSON
//! form takes numbers only, not numbers in quotes.

use std::{collections::BTreeMap, error::Error, fmt};

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};

use super::LoadReport;

/// Why a load report cannot be read. It then counts as not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadReportError {
    /// It is none of `TEXT`, `JSON` and `BIN`.
    Format,
    /// It breaks off, or is not written as its form demands.
    Malformed,
    /// A value is no finite number.
    Number,
    /// A metric stands there twice.
    Duplicate,
    /// There is no metric of this name.
    UnknownMetric,
    /// A metric has no name or no value.
    Empty,
}

impl LoadReport {
    /// Reads the value of the header `endpoint-load-metrics`, in any of its forms.
    ///
    /// ```
    /// use tenantry::{LoadReport, LoadReportError};
    ///
    /// let report = LoadReport::from_header(b"TEXT cpu_utilization:0.7,rps_fractional:1000")?;
    /// assert_eq!((report.cpu_utilization(), report.rps()), (0.7, 1000.0));
    /// assert_eq!(LoadReport::from_header(b"TEXT cpu_utilization:nan"), Err(LoadReportError::Number));
    /// # Ok::<(), LoadReportError>(())
    /// ```
    ///
    /// # Errors
    /// [`LoadReportError`]; then there is no report, not even a part of one.
    pub fn from_header(value: &[u8]) -> Result<Self, LoadReportError> {
        let text = str::from_utf8(value).map_err(|_| LoadReportError::Malformed)?.trim();
        match text.split_once(' ') {
            Some(("TEXT", metrics)) => from_text(metrics),
            Some(("JSON", document)) => Self::from_json(document),
            Some(("BIN", encoded)) => Self::from_binary_header(encoded.trim().as_bytes()),
            _ => Err(LoadReportError::Format),
        }
    }

    /// Reads the value of the header or trailer `endpoint-load-metrics-bin`: base64, padded or not, of the protobuf message.
    ///
    /// # Errors
    /// [`LoadReportError`].
    pub fn from_binary_header(value: &[u8]) -> Result<Self, LoadReportError> {
        let message = BASE64.decode(value).map_err(|_| LoadReportError::Malformed)?;
        Self::from_protobuf(&message)
    }

    /// Sets a metric of one of the maps.
    fn put(&mut self, name: &str, value: f64) -> Result<(), LoadReportError> {
        let (map, key) = match name.split_once('.') {
            Some(("named_metrics", key)) => (&mut self.named_metrics, key),
            Some(("utilization", key)) => (&mut self.utilizations, key),
            Some(("request_cost", key)) => (&mut self.request_cost, key),
            _ => return Err(LoadReportError::UnknownMetric),
        };
        insert(map, key.to_owned(), value)
    }
}

impl fmt::Display for LoadReportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Format => "the load report begins with none of TEXT, JSON and BIN",
            Self::Malformed => "the load report breaks off or is not written as its form demands",
            Self::Number => "a value in the load report is no finite number",
            Self::Duplicate => "a metric stands twice in the load report",
            Self::UnknownMetric => "the load report has a metric that there is not",
            Self::Empty => "a metric in the load report has no name or no value",
        })
    }
}

impl Error for LoadReportError {}

/// One metric more; its name is new and not empty.
pub(super) fn insert(
    map: &mut BTreeMap<String, f64>,
    name: String,
    value: f64,
) -> Result<(), LoadReportError> {
    if name.is_empty() {
        return Err(LoadReportError::Empty);
    }
    match map.insert(name, value) {
        None => Ok(()),
        Some(_) => Err(LoadReportError::Duplicate),
    }
}

/// `name:value`, separated by commas.
fn from_text(metrics: &str) -> Result<LoadReport, LoadReportError> {
    let (mut report, mut seen) = (LoadReport::new(), [false; 5]);
    for metric in metrics.split(',') {
        let (name, value) = metric.split_once(':').ok_or(LoadReportError::Empty)?;
        let (name, value) = (name.trim(), number(value.trim())?);
        let place =
            ["cpu_utilization", "mem_utilization", "application_utilization", "rps_fractional", "eps"]
                .iter()
                .position(|known| *known == name);
        let Some(place) = place else {
            report.put(name, value)?;
            continue;
        };
        if std::mem::replace(&mut seen[place], true) {
            return Err(LoadReportError::Duplicate);
        }
        *[
            &mut report.cpu_utilization,
            &mut report.mem_utilization,
            &mut report.application_utilization,
            &mut report.rps,
            &mut report.eps,
        ][place] = value;
    }
    Ok(report)
}

fn number(text: &str) -> Result<f64, LoadReportError> {
    if text.is_empty() {
        return Err(LoadReportError::Empty);
    }
    text.parse().ok().filter(|value: &f64| value.is_finite()).ok_or(LoadReportError::Number)
}

/// gRPC leaves the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../../vectors/orca-headers.json")).expect("JSON")
    }

    #[test]
    fn text_and_json_say_the_same() {
        let vectors = vectors();
        let good = &vectors["ok"];
        let metric = |name: &str| good["parsed"][name].as_f64().unwrap();
        let expected = LoadReport {
            cpu_utilization: metric("cpu_utilization"),
            mem_utilization: metric("mem_utilization"),
            application_utilization: metric("application_utilization"),
            rps: metric("rps_fractional"),
            eps: metric("eps"),
            named_metrics: serde_json::from_value(good["parsed"]["named_metrics"].clone()).unwrap(),
            ..LoadReport::new()
        };
        for form in ["text", "json"] {
            assert_eq!(
                LoadReport::from_header(good[form].as_str().unwrap().as_bytes()),
                Ok(expected.clone())
            );
        }
    }

    #[test]
    fn every_bad_header_is_refused() {
        let vectors = vectors();
        let bad = vectors["errors"].as_array().unwrap();
        assert_eq!(bad.len(), 13);
        for case in bad {
            let header = case[0].as_str().unwrap().replace("{..,", "{\"eps\": 2,");
            let refused = LoadReport::from_header(header.as_bytes());
            let expected = match case[1].as_str().unwrap() {
                "unsupported format" => LoadReportError::Format,
                "not a number" | "NaN" | "infinity" => LoadReportError::Number,
                "duplicate" => LoadReportError::Duplicate,
                "unsupported" => LoadReportError::UnknownMetric,
                "empty key" | "empty value" => LoadReportError::Empty,
                "invalid json" | "unknown field rejected" | "invalid" => LoadReportError::Malformed,
                reason => unreachable!("{reason}"),
            };
            assert_eq!(refused, Err(expected), "{case}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            for prefix in [&b""[..], b"TEXT ", b"JSON ", b"BIN "] {
                drop(LoadReport::from_header(&[prefix, &bytes].concat()));
            }
            drop(LoadReport::from_protobuf(&bytes));
            drop(LoadReport::from_binary_header(&bytes));
        }

        #[test]
        fn what_is_written_as_text_is_read(cpu in 0.0..2.0_f64, rps in 0.0..1e9_f64, named in -1e9..1e9_f64) {
            let header = format!("TEXT cpu_utilization:{cpu}, rps_fractional:{rps},named_metrics.queue:{named}");
            let report = LoadReport::from_header(header.as_bytes()).unwrap();
            prop_assert_eq!((report.cpu_utilization(), report.rps()), (cpu, rps));
            prop_assert_eq!(report.named_metrics().get("queue"), Some(&named));
        }
    }
}
