//! How attempts are told from one another on the wire, so that retries within retries do not multiply.
//!
//! An attempt that is not the first carries `x-attempt-count` (2, 3, …), a gRPC call also `grpc-previous-rpc-attempts` (gRFC A6). A request that comes
//! with such a mark is somebody's retry already and is tried once. An answer after several attempts carries the count, too, and whoever
//! called does not try again.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::grpc;

/// How often a request was sent before this answer; among the extensions of every answer of a [`Retry`](super::Retry).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts(pub(super) u32);

impl Attempts {
    /// At least 1.
    #[must_use]
    pub const fn count(self) -> u32 {
        self.0
    }
}

/// Whether it is an attempt after others.
pub(crate) fn says_repeated(headers: &HeaderMap) -> bool {
    count(headers, &ATTEMPT_COUNT) > 1 || count(headers, &GRPC_PREVIOUS) > 0
}

/// Says that it is the `count`-th attempt.
pub(crate) fn mark_request(headers: &mut HeaderMap, count: u32) {
    headers.insert(ATTEMPT_COUNT, HeaderValue::from(count));
    if grpc::is_grpc(headers) {
        headers.insert(GRPC_PREVIOUS, HeaderValue::from(count.saturating_sub(1)));
    }
}

/// Says how many attempts there were, where there was more than one.
pub(super) fn mark_answer(headers: &mut HeaderMap, count: u32) {
    if count > 1 {
        headers.insert(ATTEMPT_COUNT, HeaderValue::from(count));
    }
}

fn count(headers: &HeaderMap, name: &HeaderName) -> u64 {
    let count = headers.get(name).and_then(|value| value.to_str().ok()?.parse().ok());
    count.unwrap_or(0)
}

const ATTEMPT_COUNT: HeaderName = HeaderName::from_static("x-attempt-count");
const GRPC_PREVIOUS: HeaderName = HeaderName::from_static("grpc-previous-rpc-attempts");
