use std::{error, time::Duration};

use http::{Request, Version, uri::Authority};
use http_body::Body;
use hyper_util::{
    client::legacy::{Builder, Client, ResponseFuture, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};

use super::{
    address,
    connect_to::ConnectTo,
    connector::{self, Connector},
    upload::Upload,
};

/// The connections to some endpoints, and what is spoken over them. Clones share the connections.
pub(super) struct Wire<B> {
    client: Client<Connector, Upload<B>>,
    builder: Builder,
    connector: Connector,
    pub(super) is_http2: bool,
    pub(super) is_secure: bool,
}

impl<B> Wire<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn error::Error + Send + Sync>>,
{
    /// HTTP/1.1 without TLS.
    pub(super) fn plain() -> Self {
        let (builder, connector) = (builder(), connector::plain(http_connector()));
        Self {
            client: builder.build(connector.clone()),
            builder,
            connector,
            is_http2: false,
            is_secure: false,
        }
    }

    /// Sends this over a connection that it may share.
    pub(super) fn send(&self, request: Request<Upload<B>>) -> ResponseFuture {
        self.client.request(request)
    }

    /// Sends this over a connection of its own, whose authority is for the request to name.
    pub(super) fn send_alone(&self, request: Request<Upload<B>>, authority: Authority) -> ResponseFuture {
        let (mut parts, body) = request.into_parts();
        let connector = ConnectTo::new(self.connector.clone(), parts.uri.clone());
        parts.uri = address::with_authority(parts.uri, authority);
        // Nothing is kept where nothing is shared: a kept connection of HTTP/2 would be the next request's, too.
        let client = self.builder.clone().pool_max_idle_per_host(0).build(connector);
        client.request(Request::from_parts(parts, body))
    }

    /// What is spoken over them.
    pub(super) const fn version(&self) -> Version {
        if self.is_http2 { Version::HTTP_2 } else { Version::HTTP_11 }
    }

    /// Over this connector.
    #[cfg(feature = "tls")]
    pub(super) fn new(connector: Connector, is_secure: bool, is_http2: bool) -> Self {
        let mut builder = builder();
        if is_http2 {
            builder.timer(TokioTimer::new()).http2_only(true);
            // A connection of which nothing is heard is found out while requests wait on it.
            builder.http2_keep_alive_interval(PING_INTERVAL).http2_keep_alive_timeout(PING_TIMEOUT);
            builder.http2_adaptive_window(true);
        }
        Self { client: builder.build(connector.clone()), builder, connector, is_http2, is_secure }
    }
}

impl<B> Clone for Wire<B> {
    fn clone(&self) -> Self {
        let (client, builder, connector) =
            (self.client.clone(), self.builder.clone(), self.connector.clone());
        Self { client, builder, connector, is_http2: self.is_http2, is_secure: self.is_secure }
    }
}

pub(crate) fn http_connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector
}

fn builder() -> Builder {
    let mut builder = Client::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_TIMEOUT).set_host(false);
    builder
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Below the 75 s after which nginx closes an idle connection, so that we close first.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

#[cfg(feature = "tls")]
const PING_INTERVAL: Duration = Duration::from_secs(20);

#[cfg(feature = "tls")]
const PING_TIMEOUT: Duration = Duration::from_secs(10);
