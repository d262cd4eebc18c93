//! A WebSocket's handshake as HTTP/2 has it: an extended CONNECT (RFC 8441).
//!
//! Whether an endpoint takes one is among its settings, which hyper-util's client shows to nobody; one that takes none says so by an error of the protocol.

use std::{error::Error, iter::successors};

use base64::{Engine, engine::general_purpose::STANDARD};
use h2::Reason;
use http::{
    HeaderValue, Method,
    header::{SEC_WEBSOCKET_KEY, UPGRADE},
    request::Parts,
};
use hyper::ext::Protocol;
use sha1::{Digest, Sha1};

/// What the client of a WebSocket's handshake wants to read before it believes that it has one (RFC 6455 §4.2.2), which no extended CONNECT is answered by. `None`: it is no such handshake.
pub(super) fn accept(Parts { method, headers, .. }: &Parts) -> Option<HeaderValue> {
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let key = keys.next().filter(|_| keys.next().is_none())?;
    let is_websocket = headers.get(UPGRADE)?.as_bytes().eq_ignore_ascii_case(WEBSOCKET.as_bytes());
    let hash = Sha1::new().chain_update(key.as_bytes()).chain_update(MAGIC).finalize();
    HeaderValue::try_from(STANDARD.encode(hash)).ok().filter(|_| is_websocket && *method == Method::GET)
}

/// Makes an extended CONNECT of the handshake, which is clean of what belongs to its client's connection.
pub(super) fn make(parts: &mut Parts) {
    parts.method = Method::CONNECT;
    parts.headers.remove(SEC_WEBSOCKET_KEY);
    parts.extensions.insert(Protocol::from_static(WEBSOCKET));
}

/// Whether the endpoint takes none. What it resets for another reason (`REFUSED_STREAM`, `INTERNAL_ERROR`) is a failure as any.
pub(super) fn is_refusal(error: &(dyn Error + 'static)) -> bool {
    let causes = successors(Some(error), |&cause| cause.source());
    let mut errors = causes.filter_map(|cause| cause.downcast_ref::<h2::Error>());
    errors.any(|error| {
        let reason = error.reason().filter(|_| error.is_remote());
        matches!(reason, Some(Reason::PROTOCOL_ERROR | Reason::HTTP_1_1_REQUIRED))
    })
}

const WEBSOCKET: &str = "websocket";

/// RFC 6455 §1.3.
const MAGIC: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn of(method: Method, fields: &[(&'static str, &'static str)]) -> Option<HeaderValue> {
        let mut request = Request::builder().method(method);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        accept(&request.body(()).expect("a request").into_parts().0)
    }

    const KEY: (&str, &str) = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");

    #[test]
    fn the_answer_to_a_key_is_the_specifications() {
        let accept = of(Method::GET, &[KEY, ("upgrade", "WebSocket")]).expect("a handshake");
        assert_eq!(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn what_is_no_handshake_is_answered_by_nothing() {
        let websocket = ("upgrade", "websocket");
        for none in [&[KEY, ("upgrade", "tcp")][..], &[KEY], &[websocket], &[KEY, KEY, websocket]] {
            assert_eq!(of(Method::GET, none), None, "{none:?}");
        }
        for method in [Method::POST, Method::HEAD, Method::OPTIONS] {
            assert_eq!(of(method.clone(), &[KEY, websocket]), None, "{method}");
        }
    }
}
