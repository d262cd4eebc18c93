//! What a gRPC answer without a body says (*Trailers-Only*): its status is in its head. Source: gRFC A6.

use http::HeaderMap;

use super::Verdict;
use crate::grpc;

pub(super) fn verdict(headers: &HeaderMap) -> Verdict {
    if grpc::status(headers) != Some(grpc::UNAVAILABLE) {
        return Verdict::Final;
    }
    match grpc::pushback(headers) {
        None => Verdict::FAILED,
        Some(Some(wait)) => Verdict::Failed { retry_after: Some(wait) },
        // Negative, or nothing that can be read: not to be tried again.
        Some(None) => Verdict::Final,
    }
}
