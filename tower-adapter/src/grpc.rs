//! What gRPC's messages say of themselves; an answer by its head where it has no message (*Trailers-Only*), else by its trailers. Source: gRPC over HTTP/2 (`PROTOCOL-HTTP2.md`), gRFC A6.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};

/// Whether a request or an answer says that it is gRPC: `application/grpc`, with or without a format after it. Not gRPC-Web, whose trailers stand in its body.
#[must_use]
pub fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let rest = kind.and_then(|kind| kind.strip_prefix(b"application/grpc"));
    rest.is_some_and(|rest| matches!(rest.first(), None | Some(b'+' | b';')))
}

/// The status's number, where there is a status; one that cannot be read is [`UNKNOWN`].
pub(crate) fn status(headers: &HeaderMap) -> Option<u32> {
    let status = headers.get("grpc-status")?;
    Some(status.to_str().ok().and_then(|status| status.parse().ok()).unwrap_or(UNKNOWN))
}

/// How long the client waits for the end of a call, where it says so.
pub(crate) fn timeout(headers: &HeaderMap) -> Option<Duration> {
    let timeout = headers.get("grpc-timeout")?.to_str().ok()?;
    let (unit, digits) = (timeout.chars().last()?, timeout.get(..timeout.len() - 1)?);
    if !(1..=8).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        'H' => Duration::from_secs(number * 3_600),
        'M' => Duration::from_secs(number * 60),
        'S' => Duration::from_secs(number),
        'm' => Duration::from_millis(number),
        'u' => Duration::from_micros(number),
        'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

/// How long the server wishes to be left alone. `Some(None)`: for ever, or for what cannot be read.
#[expect(clippy::option_option, reason = "nothing said and never again are two things")]
pub(crate) fn pushback(headers: &HeaderMap) -> Option<Option<Duration>> {
    let wait = headers.get("grpc-retry-pushback-ms")?;
    Some(wait.to_str().ok().and_then(|wait| wait.parse().ok()).map(Duration::from_millis))
}

pub(crate) const OK: u32 = 0;
pub(crate) const CANCELLED: u32 = 1;
pub(crate) const UNKNOWN: u32 = 2;
pub(crate) const DEADLINE_EXCEEDED: u32 = 4;
pub(crate) const RESOURCE_EXHAUSTED: u32 = 8;
pub(crate) const INTERNAL: u32 = 13;
pub(crate) const UNAVAILABLE: u32 = 14;
pub(crate) const DATA_LOSS: u32 = 15;
/// The last that has a meaning, `UNAUTHENTICATED`.
pub(crate) const LAST: u32 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_is_what_says_so_to_the_letter() {
        let is = |kind: &'static str| {
            is_grpc(&HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]))
        };
        for kind in [
            "application/grpc",
            "application/grpc+proto",
            "application/grpc;charset=utf-8",
            "application/grpc; a=b",
        ] {
            assert!(is(kind), "{kind}");
        }
        for kind in ["application/grpcx", "application/grpc-web", "application/json", ""] {
            assert!(!is(kind), "{kind}");
        }
        assert!(!is_grpc(&HeaderMap::new()));
    }

    #[test]
    fn a_timeout_is_at_most_eight_digits_and_a_unit() {
        let of = |timeout: &'static str| {
            super::timeout(&HeaderMap::from_iter([(
                http::HeaderName::from_static("grpc-timeout"),
                HeaderValue::from_static(timeout),
            )]))
        };
        for (text, millis) in
            [("1H", 3_600_000), ("2M", 120_000), ("3S", 3_000), ("00000004m", 4), ("5000u", 5)]
        {
            assert_eq!(of(text), Some(Duration::from_millis(millis)), "{text}");
        }
        assert_eq!(of("99999999n"), Some(Duration::from_nanos(99_999_999)));
        for none in ["", "S", "1", "1s", "+1S", "-1S", "1.5S", "123456789S", "1 S", "1S "] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
