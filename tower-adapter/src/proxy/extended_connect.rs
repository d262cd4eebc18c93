//! A WebSocket's handshake as HTTP/2 has it: an extended CONNECT (RFC 8441).
//!
//! Whether an endpoint takes one is among its settings, which hyper-util's client shows to nobody; one that takes none resets the stream, and that stream alone.

use base64::{Engine, engine::general_purpose::STANDARD};
use http::{
    HeaderMap, HeaderValue, Method,
    header::{SEC_WEBSOCKET_KEY, UPGRADE},
    request::Parts,
};
use hyper::ext::Protocol;
use sha1::{Digest, Sha1};

/// What the client of a WebSocket's handshake wants to read before it believes that it has one (RFC 6455 §4.2.2), which no extended CONNECT is answered by. `None`: it is no such handshake.
pub(super) fn accept(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    let key = keys.next().filter(|_| keys.next().is_none())?;
    let is_websocket = headers.get(UPGRADE)?.as_bytes().eq_ignore_ascii_case(WEBSOCKET.as_bytes());
    let hash = Sha1::new().chain_update(key.as_bytes()).chain_update(MAGIC).finalize();
    HeaderValue::try_from(STANDARD.encode(hash)).ok().filter(|_| is_websocket)
}

/// Makes an extended CONNECT of the handshake, which is clean of what belongs to its client's connection.
pub(super) fn make(parts: &mut Parts) {
    parts.method = Method::CONNECT;
    parts.headers.remove(SEC_WEBSOCKET_KEY);
    parts.extensions.insert(Protocol::from_static(WEBSOCKET));
}

const WEBSOCKET: &str = "websocket";

/// RFC 6455 §1.3.
const MAGIC: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fields: &[(&'static str, &'static str)]) -> Option<HeaderValue> {
        let fields = fields
            .iter()
            .map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value)));
        accept(&HeaderMap::from_iter(fields))
    }

    #[test]
    fn the_answer_to_a_key_is_the_specifications() {
        let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(
            of(&[key, ("upgrade", "WebSocket")]).expect("a handshake"),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
        for none in [&[key, ("upgrade", "tcp")][..], &[key], &[("upgrade", "websocket")]] {
            assert_eq!(of(none), None, "{none:?}");
        }
    }

    #[test]
    fn of_two_keys_none_is_answered() {
        let mut headers = HeaderMap::new();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        for key in ["one", "two"] {
            headers.append(SEC_WEBSOCKET_KEY, HeaderValue::from_static(key));
        }
        assert_eq!(accept(&headers), None);
    }
}
