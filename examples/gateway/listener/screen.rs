//! What no route should see.

use http::{
    HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Version,
    header::{CONNECTION, CONTENT_LENGTH, COOKIE, TRANSFER_ENCODING},
};
use tenantry_tower::{grpc, rejection::Problem};

use super::Limits;
use crate::refusals::HEADERS_TOO_LARGE;

/// Why a request is refused before anybody asks whose it is.
pub(super) fn refusal<B>(request: &Request<B>, limits: &Limits) -> Option<Problem> {
    let headers = request.headers();
    // hyper counts the fields of HTTP/1.1 only. Over HTTP/2 each costs 32 bytes more than its text, also at an endpoint, which may end the connection that all tenants share.
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if !limits.head().hold(headers, target) {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Some(Problem::new(status, HEADERS_TOO_LARGE, "The request's header fields are too large"));
    }
    if !is_framed_plainly(headers) {
        let status = StatusCode::NOT_IMPLEMENTED;
        return Some(Problem::new(status, "TRANSFER_CODING", "The only transfer coding here is chunked"));
    }
    if length(headers).is_some_and(|length| length > limits.max_body_bytes() as u64) {
        return Some(too_large());
    }
    None
}

/// RFC 9113 §8.2.3: over HTTP/2 cookies may come in several fields, which are one to everybody else.
pub(super) fn join_cookies(headers: &mut HeaderMap) {
    let crumbs = headers.get_all(COOKIE);
    if crumbs.iter().nth(1).is_none() {
        return;
    }
    let whole = crumbs.iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b"; "[..]);
    headers.insert(COOKIE, HeaderValue::from_bytes(&whole).expect("values of headers, joined, make one"));
}

/// Takes out what `Connection` names, now: later it could name away what the gateway itself has written.
pub(super) fn end_hop(headers: &mut HeaderMap) {
    if !headers.contains_key(CONNECTION) {
        return;
    }
    let values: Vec<HeaderValue> = headers.get_all(CONNECTION).iter().cloned().collect();
    let names = values.iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let mut is_upgrade = false;
    for name in names.filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok()) {
        match name.as_str() {
            "upgrade" => is_upgrade = true,
            // The proxy looks at these itself.
            "te" | "transfer-encoding" | "content-length" | "host" => {}
            _ => drop(headers.remove(name)),
        }
    }
    headers.remove(CONNECTION);
    if is_upgrade {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    }
}

fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "BODY_TOO_LARGE", "The request's body is too large")
}

/// hyper takes every list of codings that ends in `chunked`, takes the chunks away, and leaves the others on: nobody beyond would know of them.
/// RFC 9112 §6.1: 501 for a coding that is not understood.
fn is_framed_plainly(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => false,
    }
}

/// hyper has refused what is no number.
fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// gRPC over HTTP/2, by its client's word.
pub(crate) fn is_grpc<B>(request: &Request<B>) -> bool {
    request.version() == Version::HTTP_2 && grpc::is_grpc(request.headers())
}

#[cfg(test)]
mod tests {
    use http::header::CONTENT_TYPE;

    use super::*;

    #[test]
    fn cookies_that_come_in_parts_are_one_and_in_their_order() {
        let cookies = |parts: &[&'static str]| {
            let fields = parts.iter().map(|part| (COOKIE, HeaderValue::from_static(part)));
            let mut headers: HeaderMap =
                fields.chain([(CONTENT_TYPE, HeaderValue::from_static("a/b"))]).collect();
            join_cookies(&mut headers);
            (headers.get_all(COOKIE).iter().cloned().collect::<Vec<_>>(), headers.len())
        };
        assert_eq!(cookies(&[]), (vec![], 1));
        assert_eq!(cookies(&["a=1"]), (vec![HeaderValue::from_static("a=1")], 2));
        assert_eq!(
            cookies(&["a=1", "b=2; c=3", "d=4"]),
            (vec![HeaderValue::from_static("a=1; b=2; c=3; d=4")], 2)
        );
    }

    #[test]
    fn grpc_is_spoken_over_http_2() {
        let spoken = |version, kind| {
            is_grpc(&Request::post("/").version(version).header(CONTENT_TYPE, kind).body(()).unwrap())
        };
        assert!(spoken(Version::HTTP_2, "application/grpc"));
        assert!(
            !spoken(Version::HTTP_11, "application/grpc") && !spoken(Version::HTTP_2, "application/json")
        );
    }
}
