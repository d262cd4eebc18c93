use std::{error, fmt};

use http::StatusCode;
use tower::BoxError;

/// Why a request got no answer from its endpoint.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Nothing among the request's extensions says where it shall go: no
    /// [`BalanceLayer`](crate::balance::BalanceLayer) around the proxy.
    NoEndpoint,
    /// The endpoint's address is not `http://host:port` or `host:port`.
    Address {
        /// The address as it stands in the pool, without what stands before an `@`.
        address: Box<str>,
    },
    /// The request names no host, or several, or what cannot be one.
    Host,
    /// The request asks for a tunnel (`CONNECT`).
    Tunnel,
    /// The client stopped sending its request's body, or its body broke off with an [`io::ErrorKind::TimedOut`](std::io::ErrorKind::TimedOut).
    ClientStalled,
    /// The request's body is too long: it broke off with a [`LengthLimitError`](http_body_util::LengthLimitError).
    BodyTooLarge(BoxError),
    /// The client broke off while it sent its request's body.
    ClientGone(BoxError),
    /// No connection to the endpoint.
    Connect(BoxError),
    /// The endpoint broke off before its answer, or answered in what is not HTTP, or may be read in several ways.
    Endpoint(BoxError),
    /// The endpoint, which speaks HTTP/2, has not looked at the request: it went away before, or refused it alone. The request may go elsewhere, whatever it is.
    Unprocessed(BoxError),
    /// The endpoint speaks HTTP/2 and takes no extended CONNECT, which a WebSocket is there.
    NoExtendedConnect(BoxError),
    /// The endpoint changed to another protocol (101), which nobody asked it for.
    Switched,
    /// The endpoint took too long to begin its answer.
    TimedOut,
}

impl Error {
    /// The status that the client should see.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::NoEndpoint | Self::Address { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Host | Self::ClientGone(_) => StatusCode::BAD_REQUEST,
            Self::Tunnel | Self::NoExtendedConnect(_) => StatusCode::NOT_IMPLEMENTED,
            Self::ClientStalled => StatusCode::REQUEST_TIMEOUT,
            Self::BodyTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Connect(_) | Self::Endpoint(_) | Self::Unprocessed(_) | Self::Switched => {
                StatusCode::BAD_GATEWAY
            }
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// A stable code for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoEndpoint => "NOTHING_PICKED",
            Self::Address { .. } => "BAD_ADDRESS",
            Self::Host => "BAD_HOST",
            Self::Tunnel => "NO_TUNNELS",
            Self::ClientStalled => "CLIENT_STALLED",
            Self::BodyTooLarge(_) => "BODY_TOO_LARGE",
            Self::ClientGone(_) => "CLIENT_GONE",
            Self::Connect(_) => "CONNECT_FAILED",
            Self::Endpoint(_) => "ENDPOINT_FAILED",
            Self::Unprocessed(_) => "NOT_PROCESSED",
            Self::NoExtendedConnect(_) => "NO_EXTENDED_CONNECT",
            Self::Switched => "ENDPOINT_SWITCHED",
            Self::TimedOut => "ENDPOINT_TIMED_OUT",
        }
    }

    /// What a client may know: no addresses.
    pub(crate) const fn title(&self) -> &'static str {
        match self {
            Self::NoEndpoint => "The proxy was not told where to send the request",
            Self::Address { .. } => "The proxy cannot use the address of the endpoint",
            Self::Host => "The request must name exactly one host",
            Self::Tunnel => "The proxy opens no tunnels",
            Self::ClientStalled => "The request stopped coming",
            Self::BodyTooLarge(_) => "The request's body is too large",
            Self::ClientGone(_) => "The request broke off",
            Self::Connect(_) => "No connection to the endpoint",
            Self::Endpoint(_) => "The endpoint broke off, or its answer is not HTTP",
            Self::Unprocessed(_) => "The endpoint has not looked at the request",
            Self::NoExtendedConnect(_) => "The endpoint takes no WebSockets",
            Self::Switched => "The endpoint changed to another protocol unasked",
            Self::TimedOut => "The endpoint took too long",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title())?;
        match self {
            Self::Address { address } => write!(f, ": {address}"),
            _ => Ok(()),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::BodyTooLarge(error)
            | Self::ClientGone(error)
            | Self::Connect(error)
            | Self::Endpoint(error)
            | Self::Unprocessed(error)
            | Self::NoExtendedConnect(error) => Some(&**error),
            _ => None,
        }
    }
}
