//! How long an answer asks to be left alone.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, header::RETRY_AFTER};

use super::limit::only;

/// `retry-after-ms`, which is the finer, else `Retry-After` (RFC 9110 §10.2.3): seconds, or a date, which is then measured from `now`.
pub(crate) fn retry_after(headers: &HeaderMap, now: impl FnOnce() -> SystemTime) -> Option<Duration> {
    let millis = only(headers, &RETRY_AFTER_MS).and_then(|text| text.parse().ok());
    if let Some(millis) = millis {
        return Some(Duration::from_millis(millis));
    }
    let value = only(headers, &RETRY_AFTER)?;
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now()).unwrap_or(Duration::ZERO))
}

const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
