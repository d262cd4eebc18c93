//! A probe's answer, as it is written and read.

use std::time::Duration;

use serde_json::{Value, json};
use tenantry::ProbeReport;

/// As JSON.
pub(super) fn write(report: &ProbeReport) -> String {
    let micros = report.latency().map(|latency| u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
    json!({ "rif": report.rif(), "latency_us": micros }).to_string()
}

/// What an endpoint said, if it can be understood.
pub(super) fn read(text: &[u8]) -> Option<ProbeReport> {
    let value: Value = serde_json::from_slice(text).ok()?;
    let rif = value.get("rif")?.as_u64()?;
    let report = ProbeReport::new(u32::try_from(rif).unwrap_or(u32::MAX));
    match value.get("latency_us") {
        None | Some(Value::Null) => Some(report),
        Some(micros) => Some(report.with_latency(Duration::from_micros(micros.as_u64()?))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let known = ProbeReport::new(7).with_latency(Duration::from_micros(80_500));
        assert_eq!(write(&known), r#"{"latency_us":80500,"rif":7}"#);
        for report in [known, ProbeReport::new(0)] {
            assert_eq!(read(write(&report).as_bytes()), Some(report));
        }
    }

    #[test]
    fn a_missing_latency_is_unknown_and_other_keys_are_ignored() {
        assert_eq!(read(br#"{"rif":1}"#), Some(ProbeReport::new(1)));
        assert_eq!(read(br#"{"rif":99999999999,"cpu":0.5}"#), Some(ProbeReport::new(u32::MAX)));
    }

    #[test]
    fn what_makes_no_sense_is_no_answer() {
        for text in ["", "{}", "3", "OK", r#"{"rif":-1}"#, r#"{"rif":1.5}"#, r#"{"rif":1,"latency_us":"2"}"#]
        {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }
}
