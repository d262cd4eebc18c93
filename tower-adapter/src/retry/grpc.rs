//! What a gRPC answer without a body says (*Trailers-Only*): its status is in its head. Source: gRFC A6.

use std::time::Duration;

use http::{HeaderMap, header::CONTENT_TYPE};

use super::Verdict;

pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    let rest = kind.and_then(|kind| kind.strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

pub(super) fn verdict(headers: &HeaderMap) -> Verdict {
    if headers.get("grpc-status").is_none_or(|status| status != UNAVAILABLE) {
        return Verdict::Final;
    }
    match headers.get("grpc-retry-pushback-ms").map(|wait| wait.to_str().ok()?.parse().ok()) {
        None => Verdict::FAILED,
        Some(Some(millis)) => Verdict::Failed { retry_after: Some(Duration::from_millis(millis)) },
        // Negative, or nothing that can be read: not to be tried again.
        Some(None) => Verdict::Final,
    }
}

const UNAVAILABLE: &str = "14";
