//! `anthropic-ratelimit-tokens-remaining` and its kin: what it counts stands before what it says, resets are RFC 3339.

use http::{HeaderMap, HeaderName};

use super::limit::{Fields, Found, Kind, Role, only};

pub(super) fn read(headers: &HeaderMap, found: &mut Vec<Found>) {
    for (names, kind) in &LIMITS {
        let mut fields = Fields::default();
        for ((_, role), name) in Role::ALL.iter().zip(names) {
            fields.put(*role, only(headers, name));
        }
        found.extend(fields.found(*kind));
    }
}

const fn names(limit: &'static str, remaining: &'static str, reset: &'static str) -> [HeaderName; 3] {
    [HeaderName::from_static(limit), HeaderName::from_static(remaining), HeaderName::from_static(reset)]
}

/// In the order of [`Role::ALL`].
static LIMITS: [([HeaderName; 3], Kind); 4] = [
    (
        names(
            "anthropic-ratelimit-requests-limit",
            "anthropic-ratelimit-requests-remaining",
            "anthropic-ratelimit-requests-reset",
        ),
        Kind::Requests,
    ),
    (
        names(
            "anthropic-ratelimit-tokens-limit",
            "anthropic-ratelimit-tokens-remaining",
            "anthropic-ratelimit-tokens-reset",
        ),
        Kind::Cost,
    ),
    (
        names(
            "anthropic-ratelimit-input-tokens-limit",
            "anthropic-ratelimit-input-tokens-remaining",
            "anthropic-ratelimit-input-tokens-reset",
        ),
        Kind::Cost,
    ),
    (
        names(
            "anthropic-ratelimit-output-tokens-limit",
            "anthropic-ratelimit-output-tokens-remaining",
            "anthropic-ratelimit-output-tokens-reset",
        ),
        Kind::Cost,
    ),
];
