//! Fields that belong to one connection and go no further (RFC 9110 §7.6.1).

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONNECTION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING},
};

/// Takes out of a request what belongs to its client's connection. `TE: trailers` is said anew for ours, since trailers
/// pass through here.
pub(super) fn clean_request(headers: &mut HeaderMap) {
    if !headers.keys().any(is_hop_by_hop) {
        return;
    }
    let trailers = headers.get_all(TE).iter().any(wants_trailers);
    remove_hop_by_hop(headers);
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
        headers.insert(CONNECTION, HeaderValue::from_static("te"));
    }
}

/// Takes out of a response what belongs to its endpoint's connection.
pub(super) fn clean_response(headers: &mut HeaderMap) {
    if headers.keys().any(is_hop_by_hop) {
        remove_hop_by_hop(headers);
    }
}

/// HTTP/2 has no `Connection` (RFC 9113 §8.2.2), and says the host in `:authority`, which a `Host` must not contradict (§8.3.1).
pub(super) fn clean_for_http2(headers: &mut HeaderMap) {
    headers.remove(CONNECTION);
    headers.remove(HOST);
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(TRANSFER_ENCODING) {
        // RFC 9112 §6.3: Transfer-Encoding overrides Content-Length, which must not be forwarded then: it would cut the
        // body at a length that is not its own.
        headers.remove(CONTENT_LENGTH);
    }
    if headers.contains_key(CONNECTION) {
        for name in named_by_connection(headers) {
            headers.remove(name);
        }
    }
    let left: Vec<HeaderName> = headers.keys().filter(|name| is_hop_by_hop(name)).cloned().collect();
    for name in left {
        headers.remove(name);
    }
}

/// Most messages have none of them, and one look at each name is less than a search for each of nine; told apart by their lengths first.
pub(super) fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "http2-settings"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Whether `Connection` declares this field to be its own.
pub(super) fn names(headers: &HeaderMap, name: &HeaderName) -> bool {
    named_by_connection(headers).contains(name)
}

/// The fields that `Connection` declares to be its own.
fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect()
}

/// Whether one of the transfer codings that `TE` lists is `trailers`.
fn wants_trailers(te: &HeaderValue) -> bool {
    te.as_bytes()
        .split(|byte| *byte == b',')
        .any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn what_belongs_to_the_connection_goes_no_further() {
        let mut headers = map(&[
            ("connection", "keep-alive, X-Private"),
            ("connection", " x-other ,,\""),
            ("x-private", "1"),
            ("x-other", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authenticate", "Basic"),
            ("proxy-authorization", "Basic c2VjcmV0"),
            ("te", "gzip;q=0.5"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("http2-settings", "AAMAAABk"),
            ("accept", "*/*"),
        ]);
        clean_response(&mut headers.clone());
        clean_request(&mut headers);
        assert_eq!(headers, map(&[("accept", "*/*")]));
    }

    #[test]
    fn the_wish_for_trailers_is_passed_on() {
        let mut headers = map(&[("te", "deflate, Trailers"), ("connection", "TE")]);
        clean_request(&mut headers);
        assert_eq!(headers, map(&[("te", "trailers"), ("connection", "te")]));
    }

    #[test]
    fn a_length_beside_a_transfer_coding_is_not_forwarded() {
        for clean in [clean_request, clean_response] {
            let mut headers = map(&[("content-length", "5"), ("transfer-encoding", "chunked")]);
            clean(&mut headers);
            assert_eq!(headers, HeaderMap::new());
        }
    }
}
