use std::{
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

use http::HeaderMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::patience::Patience;
use crate::values::Span;

/// `[gateway.limits]`: what one client may ask for at most.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    max_connections: NonZeroUsize,
    max_connections_per_client: Option<NonZeroUsize>,
    max_header_bytes: NonZeroUsize,
    max_headers: NonZeroUsize,
    header_timeout: Span,
    keep_alive_timeout: Span,
    max_body_bytes: usize,
    min_body_rate: u32,
    body_grace: Span,
    max_concurrent_streams: NonZeroU32,
    tunnel_idle_timeout: Span,
}

impl Limits {
    /// How many connections are open at once; further ones wait to be accepted. Default 10,000.
    #[must_use]
    pub const fn max_connections(&self) -> usize {
        self.max_connections.get()
    }

    /// How many of them one client may have, by its IPv4 address or IPv6 /64; further ones are closed. Default a quarter of them all. Trusted hops may have any number.
    #[must_use]
    pub fn max_connections_per_client(&self) -> usize {
        let quarter = (self.max_connections() / 4).max(1);
        self.max_connections_per_client.map_or(quarter, NonZeroUsize::get)
    }

    /// The same for a listener that has begun with others: it keeps its seats, of which a quarter is a quarter.
    pub(super) fn with_seats_of(self, begun: Self) -> Self {
        Self { max_connections: begun.max_connections, ..self }
    }

    /// The same with what follows from the rest.
    pub(crate) fn with_defaults(self) -> Self {
        Self { max_connections_per_client: NonZeroUsize::new(self.max_connections_per_client()), ..self }
    }

    /// How many bytes a request's line and fields may have (431 beyond). Default 32 KiB, as nginx's four buffers of 8 KiB.
    #[must_use]
    pub const fn max_header_bytes(&self) -> usize {
        self.max_header_bytes.get()
    }

    /// How many fields it may have (431 beyond). Default 100, as hyper.
    #[must_use]
    pub const fn max_headers(&self) -> usize {
        self.max_headers.get()
    }

    /// How long a request's head may take from its first byte, and the first one from the connection on. Default 10 s.
    #[must_use]
    pub const fn header_timeout(&self) -> Duration {
        self.header_timeout.0
    }

    /// How long a connection may be without a request. Default 75 s, as nginx's `keepalive_timeout`.
    #[must_use]
    pub const fn keep_alive_timeout(&self) -> Duration {
        self.keep_alive_timeout.0
    }

    /// How many bytes a request's body may have (413 beyond). Default 1 GiB.
    #[must_use]
    pub const fn max_body_bytes(&self) -> usize {
        self.max_body_bytes
    }

    /// What a head may have, and the fields behind a body.
    pub(super) const fn head(&self) -> HeadLimits {
        HeadLimits { fields: self.max_headers(), bytes: self.max_header_bytes() }
    }

    /// How long a client may be waited for, at this rate: default 240 bytes a second after a grace of 10 s, which are Kestrel's
    /// (`MinRequestBodyDataRate`, `MinResponseDataRate`; its grace is 5 s). `None` where the rate is 0: for ever.
    pub(super) fn patience(&self) -> Option<Patience> {
        NonZeroU32::new(self.min_body_rate).map(|rate| Patience::new(rate, self.body_grace.0))
    }

    /// How many requests may be open at once on one HTTP/2 connection. Default 128, as nginx.
    #[must_use]
    pub const fn max_concurrent_streams(&self) -> u32 {
        self.max_concurrent_streams.get()
    }

    /// How long a tunnel (a WebSocket, say) may be open while neither side moves a byte. Default 60 s, as nginx; `None` where it is `0s`: for ever.
    #[must_use]
    pub fn tunnel_idle_timeout(&self) -> Option<Duration> {
        Some(self.tunnel_idle_timeout.0).filter(|timeout| !timeout.is_zero())
    }

    /// How often a connection is looked at: as often as the shortest of its times needs.
    pub(super) fn shortest(&self) -> Duration {
        let grace = if self.min_body_rate == 0 { Duration::MAX } else { self.body_grace.0 };
        self.header_timeout().min(self.keep_alive_timeout()).min(grace).max(Duration::from_millis(10))
    }
}

/// How many fields there may be, and bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeadLimits {
    fields: usize,
    bytes: usize,
}

impl HeadLimits {
    /// Whether these fit, beside so many bytes. With four for each line's colon, space and end, as on the wire.
    pub(super) fn hold(self, fields: &HeaderMap, beside: usize) -> bool {
        let bytes = fields.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum::<usize>();
        fields.len() <= self.fields && beside + bytes <= self.bytes
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: size(10_000),
            max_connections_per_client: None,
            max_header_bytes: size(32 << 10),
            max_headers: size(100),
            header_timeout: Span(Duration::from_secs(10)),
            keep_alive_timeout: Span(Duration::from_secs(75)),
            max_body_bytes: 1 << 30,
            min_body_rate: 240,
            body_grace: Span(Duration::from_secs(10)),
            max_concurrent_streams: NonZeroU32::new(128).expect("it is not zero"),
            tunnel_idle_timeout: Span(Duration::from_secs(60)),
        }
    }
}

fn size(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).expect("it is not zero")
}
