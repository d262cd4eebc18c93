//! WebSockets over HTTP/2 (RFC 8441): an extended CONNECT is made the HTTP/1.1 upgrade for which it stands, before anybody asks about methods and paths.

use std::hash::{BuildHasher, RandomState};

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version,
    header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, UPGRADE},
};
use hyper::ext::Protocol;
use tenantry_tower::rejection::Problem;

/// Makes a handshake of it. Whether it was an extended CONNECT for WebSockets; others stay as they are, and are refused.
pub(super) fn translate<B>(request: &mut Request<B>) -> bool {
    let protocol = request.extensions().get::<Protocol>();
    if request.method() != Method::CONNECT || protocol.is_none_or(|protocol| protocol.as_str() != WEBSOCKET) {
        return false;
    }
    *request.method_mut() = Method::GET;
    *request.version_mut() = Version::HTTP_11;
    let headers = request.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static(WEBSOCKET));
    headers.insert(SEC_WEBSOCKET_KEY, key());
    true
}

/// Makes of the upgrade's answer the CONNECT's. One of 2xx that is no upgrade would pass for a tunnel.
pub(super) fn translate_answer<B>(response: &mut Response<B>) -> Result<(), Problem> {
    if response.status().is_success() {
        return Err(Problem::new(
            StatusCode::BAD_GATEWAY,
            "NOT_UPGRADED",
            "The endpoint speaks no WebSocket here",
        ));
    }
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        *response.status_mut() = StatusCode::OK;
        remove(response.headers_mut(), &[CONNECTION, UPGRADE, SEC_WEBSOCKET_ACCEPT]);
    }
    Ok(())
}

fn remove(headers: &mut HeaderMap, names: &[HeaderName]) {
    for name in names {
        headers.remove(name);
    }
}

/// RFC 6455 §4.1: 16 bytes that differ from one handshake to the next. They guard nothing here: no cache stands between us and the endpoint.
fn key() -> HeaderValue {
    let draw = |number: u8| RandomState::new().hash_one(number).to_be_bytes();
    let key = STANDARD.encode([draw(0), draw(1)].concat());
    HeaderValue::from_str(&key).expect("base64 is visible ASCII")
}

const WEBSOCKET: &str = "websocket";
