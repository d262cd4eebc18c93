//! From HTTP to another protocol on the same connection (RFC 9110 §7.8): whose wish is passed on, and what becomes of it.

use std::{error::Error, time::Duration};

use http::{
    Extensions, HeaderMap, HeaderValue, Method, Response, StatusCode, Version,
    header::{CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT, TE, UPGRADE},
    request::Parts,
};
use hyper::upgrade::{self, OnUpgrade};

use super::{Hangup, ResponseBody, extended_connect, headers, tunnel};
use crate::balance::Tunnel;

/// A client's wish to go on in another protocol.
pub(super) struct Upgrade {
    protocol: HeaderValue,
    /// Towards HTTP/2: what the endpoint will not say.
    accept: Option<HeaderValue>,
    client: OnUpgrade,
    idle_timeout: Option<Duration>,
    /// What the request's extensions hold is held until the tunnel ends.
    kept: Extensions,
}

impl Upgrade {
    /// The wish of a request without a body, if it has one that may be passed on over this version of HTTP: one protocol, over HTTP/1.1. Not to another version of HTTP or to TLS:
    /// what then came would be requests that nobody here has seen (h2c smuggling). Towards HTTP/2 only a WebSocket can be asked for, and only by GET: an extended CONNECT says nothing of the method for which it stands.
    pub(super) fn of(parts: &mut Parts, towards: Version, idle_timeout: Option<Duration>) -> Option<Self> {
        let protocol = wish(parts).filter(|_| parts.method != Method::CONNECT)?.clone();
        let accept = match towards {
            Version::HTTP_2 => Some(extended_connect::accept(parts)?),
            _ => None,
        };
        let client = parts.extensions.remove::<OnUpgrade>()?;
        Some(Self { protocol, accept, client, idle_timeout, kept: parts.extensions.clone() })
    }

    /// Asks the endpoint for the same.
    pub(super) fn ask(&self, parts: &mut Parts) {
        parts.headers.remove(TE);
        if self.is_extended_connect() {
            extended_connect::make(parts);
        } else {
            self.name(&mut parts.headers);
        }
    }

    /// Whether it is asked for by one.
    pub(super) const fn is_extended_connect(&self) -> bool {
        self.accept.is_some()
    }

    /// Whether this is how an endpoint says that it takes no extended CONNECT.
    pub(super) fn is_refusal(&self, error: &(dyn Error + 'static)) -> bool {
        self.is_extended_connect() && extended_connect::is_refusal(error)
    }

    /// Makes of the answer to an extended CONNECT the upgrade's for which it stands.
    pub(super) fn translate<B>(&self, response: &mut Response<B>) {
        let Some(accept) = self.accept.clone().filter(|_| response.status() == StatusCode::OK) else {
            return;
        };
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        self.name(response.headers_mut());
        response.headers_mut().insert(SEC_WEBSOCKET_ACCEPT, accept);
    }

    /// Whether a 101 changes to the protocol that was asked for.
    pub(super) fn is_granted(&self, headers: &HeaderMap) -> bool {
        protocol(headers)
            .is_some_and(|granted| granted.as_bytes().eq_ignore_ascii_case(self.protocol.as_bytes()))
    }

    /// Joins both sides, as soon as the client has the answer, and tells it so.
    pub(super) fn open(self, response: &mut Response<ResponseBody>) {
        let endpoint = upgrade::on(&mut *response);
        let driver = response.body_mut().driver();
        headers::clean_response(response.headers_mut());
        response.headers_mut().remove(CONTENT_LENGTH);
        self.name(response.headers_mut());
        let open = Tunnel::new();
        response.extensions_mut().insert(open.clone());
        let Self { client, idle_timeout, kept, .. } = self;
        // It is open from now on, while its client has yet to hear of it, and until its connections are gone.
        let mut hangup = kept.get::<Hangup>().map(Hangup::listen);
        tokio::spawn(async move {
            // It ends as soon as the connection is HTTP no longer.
            let driven = async {
                if let Some(driver) = driver {
                    driver.await.ok();
                }
            };
            let (ends, ()) = tokio::join!(async { tokio::try_join!(client, endpoint) }, driven);
            if let Ok(ends) = ends {
                tunnel::join(ends, idle_timeout, hangup.as_mut()).await;
                open.close();
            }
            drop((kept, hangup));
        });
    }

    fn name(&self, headers: &mut HeaderMap) {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, self.protocol.clone());
    }
}

/// Whether a request asks for another protocol, in a way that may be passed on.
pub(crate) fn asks_for_another_protocol(head: &Parts) -> bool {
    head.method == Method::CONNECT || wish(head).is_some()
}

/// The protocol that it asks for by `Upgrade`. What else stands there (`h2c`, with which some clients begin all of their connections) is nobody's business but the listener's.
fn wish(head: &Parts) -> Option<&HeaderValue> {
    let named = protocol(&head.headers).filter(|protocol| !is_http(protocol));
    named.filter(|_| head.version == Version::HTTP_11)
}

/// Whether this is the answer that ends HTTP on its connection.
pub(super) fn is_switch<B>(response: &Response<B>) -> bool {
    response.status() == StatusCode::SWITCHING_PROTOCOLS
}

/// The one protocol that `Upgrade` names, where `Connection` says that it holds for this connection.
fn protocol(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut named = headers.get_all(UPGRADE).iter();
    let protocol = named.next().filter(|_| headers::names(headers, &UPGRADE))?;
    let is_one = named.next().is_none() && !protocol.is_empty() && !protocol.as_bytes().contains(&b',');
    is_one.then_some(protocol)
}

fn is_http(protocol: &HeaderValue) -> bool {
    let name = protocol.as_bytes().split(|byte| *byte == b'/').next().unwrap_or_default().trim_ascii();
    let begins = |never: &&str| {
        name.get(..never.len()).is_some_and(|start| start.eq_ignore_ascii_case(never.as_bytes()))
    };
    NEVER.iter().any(begins)
}

/// What their names begin with (`h2c-14`, `SPDY/3.1`, `HTTP/2.0`).
const NEVER: [&str; 5] = ["http", "h2", "h3", "spdy", "tls"];

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(fields: &[(&'static str, &'static str)]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let protocol = protocol(&headers).filter(|protocol| !is_http(protocol));
        protocol.map(|protocol| protocol.to_str().unwrap().to_owned())
    }

    #[test]
    fn one_protocol_that_connection_names_is_asked_for() {
        let connection = ("connection", "keep-alive, Upgrade");
        assert_eq!(asked(&[connection, ("upgrade", "websocket")]).as_deref(), Some("websocket"));
        assert_eq!(asked(&[connection, ("upgrade", "tcp/2")]).as_deref(), Some("tcp/2"));
        assert_eq!(asked(&[("upgrade", "websocket")]), None);
        assert_eq!(asked(&[("connection", "keep-alive"), ("upgrade", "websocket")]), None);
        assert_eq!(asked(&[connection]), None);
        assert_eq!(asked(&[connection, ("upgrade", "")]), None);
        assert_eq!(asked(&[connection, ("upgrade", "websocket"), ("upgrade", "tcp")]), None);
        assert_eq!(asked(&[connection, ("upgrade", "websocket, tcp")]), None);
    }

    #[test]
    fn no_wish_for_another_http_or_tls_is_one() {
        let connection = ("connection", "upgrade, http2-settings");
        for protocol in
            ["h2c", "H2C", " h2c", "h2", "h3", "HTTP/2.0", "http/1.1", "https", "TLS/1.0", "tls", "h2c/1"]
        {
            assert_eq!(asked(&[connection, ("upgrade", protocol)]), None, "{protocol}");
        }
        assert_eq!(asked(&[connection, ("upgrade", "websocket, h2c")]), None);
    }
}
