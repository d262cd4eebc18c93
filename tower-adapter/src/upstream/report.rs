use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, StatusCode};
use tenantry::UpstreamReport;

use super::{
    anthropic, ietf,
    limit::{Found, Kind, scarcest},
    retry_after::retry_after,
    suffixed,
};

/// What the head of an answer says of its endpoint's limits; empty where it says nothing.
///
/// ```
/// use http::{HeaderMap, HeaderValue, StatusCode};
/// use std::time::Duration;
///
/// let mut headers = HeaderMap::new();
/// headers.insert("x-ratelimit-remaining-requests", HeaderValue::from_static("59"));
/// headers.insert("x-ratelimit-reset-requests", HeaderValue::from_static("6m0s"));
/// let report = tenantry_tower::upstream::read(StatusCode::OK, &headers);
/// let requests = report.requests().unwrap();
/// assert_eq!(requests.remaining(), 59);
/// assert_eq!(requests.reset_in(Duration::ZERO), Some(Duration::from_secs(360)));
/// ```
#[must_use]
pub fn read(status: StatusCode, headers: &HeaderMap) -> UpstreamReport {
    read_at(status, headers, || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// The same at a time since 1970.
pub(super) fn read_at(
    status: StatusCode,
    headers: &HeaderMap,
    unix: impl Fn() -> Duration,
) -> UpstreamReport {
    let mut found: Vec<Found> = ietf::read(headers);
    suffixed::read(headers, &mut found);
    anthropic::read(headers, &mut found);
    let mut report = UpstreamReport::new();
    if !found.is_empty() {
        let unix = unix();
        if let Some(limit) = scarcest(&found, Kind::Requests, unix) {
            report = report.with_requests(limit);
        }
        if let Some(limit) = scarcest(&found, Kind::Cost, unix) {
            report = report.with_cost(limit);
        }
    }
    let asks = matches!(status.as_u16(), 429 | 503 | 529);
    let wait = asks.then(|| retry_after(headers, || UNIX_EPOCH + unix())).flatten();
    match wait {
        Some(wait) => report.with_retry_after(wait),
        None => report,
    }
}
