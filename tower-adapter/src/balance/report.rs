//! Load reports in headers and trailers: taken for the balancer, and taken out, because what an endpoint says of itself is nothing for
//! the tenant to see.

use http::{HeaderMap, HeaderName};
use tenantry::LoadReport;

/// Takes the report out. `None` where there is none, or one that cannot be read: a header that stands there twice, say. The binary form goes before
/// the others, as in Envoy and gRPC.
pub(super) fn take(headers: &mut HeaderMap) -> Option<LoadReport> {
    // Most answers have none, and looking through the names is less than a search for each of two.
    if !headers.keys().any(|name| *name == TEXT || *name == BINARY) {
        return None;
    }
    let binary = only(headers, &BINARY, LoadReport::from_binary_header);
    let text = only(headers, &TEXT, LoadReport::from_header);
    headers.remove(&BINARY);
    headers.remove(&TEXT);
    binary.or(text)
}

fn only<E>(
    headers: &HeaderMap,
    name: &HeaderName,
    read: impl FnOnce(&[u8]) -> Result<LoadReport, E>,
) -> Option<LoadReport> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { read(value.as_bytes()).ok() }
}

const TEXT: HeaderName = HeaderName::from_static("endpoint-load-metrics");
const BINARY: HeaderName = HeaderName::from_static("endpoint-load-metrics-bin");

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn cpu(lines: &[(&'static str, &'static str)]) -> Option<f64> {
        let mut headers = headers(lines);
        let report = take(&mut headers);
        assert!(headers.is_empty(), "{headers:?}");
        report.map(|report| report.cpu_utilization())
    }

    #[test]
    fn each_form_is_read_and_taken_out_and_the_binary_one_goes_before() {
        let text = ("endpoint-load-metrics", "TEXT cpu_utilization:0.7");
        let json = ("endpoint-load-metrics", "JSON {\"cpu_utilization\": 0.6}");
        let binary = ("endpoint-load-metrics-bin", "CQAAAAAAAOA/");
        assert_eq!(cpu(&[]), None);
        assert_eq!(cpu(&[text]), Some(0.7));
        assert_eq!(cpu(&[json]), Some(0.6));
        assert_eq!(cpu(&[text, binary]), Some(0.5));
    }

    #[test]
    fn what_cannot_be_read_counts_as_not_sent_and_is_taken_out_all_the_same() {
        let text = ("endpoint-load-metrics", "TEXT cpu_utilization:0.7");
        assert_eq!(cpu(&[text, text]), None, "which of the two?");
        assert_eq!(cpu(&[("endpoint-load-metrics", "TEXT cpu_utilization:much")]), None);
        assert_eq!(cpu(&[text, ("endpoint-load-metrics-bin", "!")]), Some(0.7));
    }
}
