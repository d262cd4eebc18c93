//! Sends a request to the endpoint that was picked for it: [`ReverseProxy`], HTTP/1.1 towards the endpoints, with the feature `tls` also TLS and HTTP/2.
//!
//! - **Streaming** both ways: a frame goes on as it comes, nothing is collected. Backpressure passes through.
//! - **Connections** to endpoints are kept and used again, until nobody has used one for 60 s. A request that meets a kept connection
//!   which the endpoint has just closed goes over another, as long as none of it was sent. Over HTTP/1.1 a request that finds none free
//!   opens one, and hyper reads and writes in the task of the request and of its answer's body; one of HTTP/2 is shared by all requests to its endpoint, and opened, with TLS, within 10 s.
//! - **Where to** is the [`PickedEndpoint`](crate::balance::PickedEndpoint) among the request's extensions:
//!   `http://host:port` or `host:port`, with a `Transport` (feature `tls`) also `https://host:port`. Path and query stay byte for byte as they came.
//! - **Host** stays as the client sent it ([`HostPolicy`] changes that): what Envoy, HAProxy, Traefik and Caddy do, and
//!   what an application needs for its links and cookies. (nginx sends the endpoint's name unless told otherwise.)
//! - **Hop-by-hop** fields go no further, in either direction: `Connection` and all that it names, `Keep-Alive`,
//!   `Proxy-Connection`, `TE` (but `trailers`), `Transfer-Encoding`, `Upgrade`, `Proxy-Authenticate`,
//!   `Proxy-Authorization` (RFC 9110 §7.6.1).
//! - **Upgrades** (RFC 9110 §7.8) of HTTP/1.1 are passed on, WebSockets first of all: where the client asks for one protocol and the endpoint grants it by 101,
//!   both connections become one tunnel, with backpressure; an end on one side goes on to the other, which may still send. The lease is held until the
//!   tunnel ends, and so is whatever the request's extensions hold; a [`Hangup`] among them ends it from outside. Towards HTTP/2 a WebSocket is asked for by an extended CONNECT (RFC 8441) over a connection of its own, and answered by 200. Never passed on: other versions of HTTP, and TLS (h2c smuggling); a wish with a body; one
//!   for anything but a WebSocket, or by anything but GET, towards HTTP/2. Any other status is an ordinary answer. The request must come from hyper's server (`with_upgrades`), and its extensions with it. `CONNECT` is refused.
//! - **Framing** is made anew for each side. A request with both `Content-Length` and `Transfer-Encoding` is read by the
//!   latter and forwarded without the former; one without exactly one valid `Host` is refused (RFC 9112 §3.2, §6.3): a name or an address,
//!   and at most one port. Of an answer the length is one number, however often it is said, and the
//!   transfer coding `chunked`, or the answer is none ([`Error::Endpoint`]).
//! - **Trailers** pass in both directions, but for those that are about a connection or its framing, and towards the endpoint those that
//!   only a head may say (RFC 9110 §6.5.1): where the request goes, who sends it and what its body is, and whatever its head has said already.
//! - **Who asked** is told in `Forwarded` (RFC 7239) and `X-Forwarded-For`, to which this hop appends, and in `X-Forwarded-Proto` and
//!   `X-Forwarded-Host`, which hold one value: the first hop's. What peers say there that are no [trusted hops](ReverseProxy::with_trusted_hops), by default anybody,
//!   is taken off before, as are all other fields named `X-Forwarded-*`, so that no client can invent them. Put a [`Peer`] into the extensions; without one it is `unknown`.
//! - No `Via`: nginx as an endpoint stops compressing when it sees one.
//! - **Nothing is retried** once a byte was sent.
//!
//! What fails is an [`Error`], with the [status](Error::status) that a client should see; and where the client is to
//! blame, the endpoint is [excused](crate::balance::PickedEndpoint::excuse).

mod address;
mod connection;
#[cfg_attr(not(feature = "tls"), path = "plain_connector.rs")]
mod connector;
mod error;
#[cfg_attr(not(feature = "tls"), path = "no_extended_connect.rs")]
mod extended_connect;
mod failure;
mod forwarded;
mod framing;
mod future;
mod hangup;
mod headers;
mod http1;
#[cfg_attr(not(feature = "tls"), path = "no_http2.rs")]
mod http2;
mod kept;
#[cfg_attr(not(feature = "tls"), path = "no_line.rs")]
mod line;
mod peer;
mod response_body;
mod rest;
mod service;
mod targets;
mod trailers;
#[cfg(feature = "tls")]
mod transport;
mod tunnel;
#[cfg_attr(not(feature = "tls"), path = "never_unprocessed.rs")]
mod unprocessed;
mod upgrade;
mod upload;
mod wire;
mod wires;

pub(crate) use address::{endpoint, target, without_credential};
#[cfg(all(feature = "identity-jwt", feature = "tls"))]
pub(crate) use connector::secure;
pub use error::Error;
pub use future::ResponseFuture;
pub use hangup::Hangup;
pub use peer::Peer;
pub use response_body::ResponseBody;
pub use service::{HostPolicy, ReverseProxy};
#[cfg(feature = "tls")]
pub use transport::Transport;
pub(crate) use upgrade::asks_for_another_protocol;
#[cfg(all(feature = "identity-jwt", feature = "tls"))]
pub(crate) use wire::http_connector;
