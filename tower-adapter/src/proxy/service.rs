use std::{
    error, fmt, mem,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{
    HeaderMap, HeaderValue, Method, Request, Response, Version,
    header::{HOST, TRANSFER_ENCODING},
    request::Parts,
    uri::Authority,
};
use http_body::Body;
use tower::Service;

use super::{
    Error, Peer, ResponseBody, ResponseFuture, address, forwarded, headers, targets::Target, trailers::Said,
    upgrade::Upgrade, upload::Upload, wires::Wires,
};
use crate::{balance::PickedEndpoint, host::Host, identity::Networks};

/// Forwards each request to the endpoint that was picked for it. Clones share their connections.
///
/// ```
/// use bytes::Bytes;
/// use http::Request;
/// use http_body_util::Empty;
/// use tenantry_tower::{balance::PickedEndpoint, proxy::ReverseProxy};
/// use tower::ServiceExt;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let proxy = ReverseProxy::new();
/// let mut request = Request::get("/orders?page=2").header("host", "shop.example").body(Empty::<Bytes>::new())?;
/// request.extensions_mut().insert(PickedEndpoint::new("http://127.0.0.1:9")); // BalanceLayer does this
///
/// let error = proxy.oneshot(request).await.unwrap_err(); // nobody listens on port 9
/// assert_eq!(error.status(), 502);
/// # Ok(())
/// # }
/// ```
pub struct ReverseProxy<B> {
    /// Shared, because services are cloned for every request.
    wires: Arc<Wires<B>>,
    patience: Option<Duration>,
    tunnel_idle_timeout: Option<Duration>,
    host: HostPolicy,
    /// Shared, too.
    hops: Arc<Networks>,
}

/// What an endpoint sees as `Host`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostPolicy {
    /// What the client sent. The default.
    #[default]
    Preserve,
    /// The endpoint's own `host:port`; what the client sent is in `X-Forwarded-Host` and `Forwarded`.
    Endpoint,
}

impl<B> ReverseProxy<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn error::Error + Send + Sync>>,
{
    /// A proxy that gives up connecting after 5 s, and waiting for an answer to begin after 60 s without a sign of life.
    #[must_use]
    pub fn new() -> Self {
        Self {
            wires: Arc::new(Wires::plain()),
            patience: Some(RESPONSE_TIMEOUT),
            tunnel_idle_timeout: Some(TUNNEL_IDLE_TIMEOUT),
            host: HostPolicy::default(),
            hops: Arc::default(),
        }
    }

    /// How long the endpoint may show no sign of life (take nothing of the request, begin no answer) before it counts as
    /// failed; `None`: for ever. Default 60 s, as nginx's `proxy_read_timeout`. A client that stops sending for as long
    /// is [`Error::ClientStalled`].
    #[must_use]
    pub fn with_response_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.patience = timeout.into();
        self
    }

    /// How long a tunnel (what an upgraded connection is) may be open while neither side moves a byte; `None`: for ever, also
    /// when a client has gone without a word. Default 60 s, as nginx.
    #[must_use]
    pub fn with_tunnel_idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.tunnel_idle_timeout = timeout.into();
        self
    }

    /// What endpoints see as `Host`. Default: [`HostPolicy::Preserve`].
    #[must_use]
    pub const fn with_host(mut self, policy: HostPolicy) -> Self {
        self.host = policy;
        self
    }

    /// Whose word counts on who asked, for what host and by which scheme: peers in these networks, whose `Forwarded` and `X-Forwarded-*` go on. What
    /// everybody else says there is replaced. Default: nobody's.
    #[must_use]
    pub fn with_trusted_hops(mut self, hops: Networks) -> Self {
        self.hops = Arc::new(hops);
        self
    }

    /// Whether the proxy can dial an endpoint's address: for those who want to know before the first request.
    ///
    /// # Errors
    /// [`Error::Address`] where it is not `http://host:port`, `host:port`, or `https://host:port`. The last one takes a transport for its pool.
    pub fn check_address(address: &str) -> Result<(), Error> {
        address::endpoint(address).map(drop)
    }

    #[cfg(feature = "tls")]
    pub(super) fn insert(&mut self, pool: Box<str>, wire: super::wire::Wire<B>) {
        self.wires = Arc::new(self.wires.with(pool, wire));
    }

    /// Makes the request the endpoint's. What it shall see as host.
    fn readdress(
        &self,
        parts: &mut Parts,
        (picked, target): (&PickedEndpoint, &Target<B>),
        is_http2: bool,
    ) -> Result<HeaderValue, Error> {
        if parts.method == Method::CONNECT {
            return Err(client_error(picked, Error::Tunnel));
        }
        let host = host(parts).ok_or_else(|| client_error(picked, Error::Host))?;
        headers::clean_request(&mut parts.headers);
        let peer = parts.extensions.get::<Peer>();
        if peer.is_some_and(|peer| self.hops.contains(peer.address().ip())) {
            forwarded::forget_lookalikes(&mut parts.headers);
        } else {
            forwarded::forget(&mut parts.headers);
        }
        forwarded::add(&mut parts.headers, peer, &host);
        let host = match self.host {
            HostPolicy::Preserve => host,
            HostPolicy::Endpoint => value(&target.authority),
        };
        let uri = mem::take(&mut parts.uri);
        parts.uri = if is_http2 {
            headers::clean_for_http2(&mut parts.headers);
            target.absolute(uri)
        } else {
            parts.headers.insert(HOST, host.clone());
            address::origin(uri)
        };
        parts.version = Version::HTTP_11;
        Ok(host)
    }

    fn send(&self, request: Request<B>) -> Result<ResponseFuture, Error> {
        let (mut parts, body) = request.into_parts();
        let picked = parts.extensions.remove::<PickedEndpoint>().ok_or(Error::NoEndpoint)?;
        let wire = self.wires.of(picked.pool());
        let is_upgradable = body.is_end_stream();
        let upgrade = if is_upgradable {
            Upgrade::of(&mut parts, wire.version(), self.tunnel_idle_timeout)
        } else {
            None
        };
        let target = wire.target(picked.address())?;
        let host = self.readdress(&mut parts, (&picked, &target), wire.is_http2())?;
        if let Some(upgrade) = &upgrade {
            upgrade.ask(&mut parts);
        }
        if !wire.is_http2() {
            frame(&mut parts.headers, &body);
        }
        // Behind a body of a known length HTTP/1.1 has none.
        let may_have_trailers = wire.is_http2() || parts.headers.contains_key(TRANSFER_ENCODING);
        let said =
            if may_have_trailers && !body.is_end_stream() { Said::by(&parts) } else { Said::default() };
        let upload = Upload::new(body, picked.clone(), said);
        let watch = upload.watch();
        let request = Request::from_parts(parts, upload);
        let is_alone = upgrade.as_ref().is_some_and(Upgrade::is_extended_connect);
        let call = match wire.http2().filter(|_| is_alone) {
            Some(http2) => {
                let authority = Authority::try_from(host.as_bytes());
                http2.send_alone(request, authority.map_err(|_| client_error(&picked, Error::Host))?)
            }
            None => wire.send(target, request),
        };
        Ok(ResponseFuture::sent(call, (picked, watch), self.patience, upgrade))
    }
}

impl<B> Service<Request<B>> for ReverseProxy<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn error::Error + Send + Sync>>,
{
    type Response = Response<ResponseBody>;
    type Error = Error;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        self.send(request).unwrap_or_else(ResponseFuture::failed)
    }
}

/// What the endpoint is not to blame for.
fn client_error(picked: &PickedEndpoint, error: Error) -> Error {
    picked.excuse();
    error
}

/// The one host that the request is for, with its port.
fn host(parts: &Parts) -> Option<HeaderValue> {
    let host = Host::of(parts).ok()??;
    match parts.headers.get(HOST).filter(|_| parts.uri.authority().is_none()) {
        Some(field) => Some(field.clone()),
        None => HeaderValue::from_str(host.as_str()).ok(),
    }
}

fn value(authority: &Authority) -> HeaderValue {
    HeaderValue::from_str(authority.as_str()).expect("an authority is visible ASCII")
}

/// Says `chunked` for a body of unknown length, which hyper otherwise leaves out of a `GET`.
fn frame(headers: &mut HeaderMap, body: &impl Body) {
    if !body.is_end_stream() && body.size_hint().exact().is_none() {
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
}

impl<B> Default for ReverseProxy<B>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn error::Error + Send + Sync>>,
{
    fn default() -> Self {
        Self::new()
    }
}

impl<B> Clone for ReverseProxy<B> {
    fn clone(&self) -> Self {
        let Self { patience, tunnel_idle_timeout, host, .. } = *self;
        let (wires, hops) = (Arc::clone(&self.wires), Arc::clone(&self.hops));
        Self { wires, patience, tunnel_idle_timeout, host, hops }
    }
}

impl<B> fmt::Debug for ReverseProxy<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReverseProxy")
            .field("patience", &self.patience)
            .field("tunnel_idle_timeout", &self.tunnel_idle_timeout)
            .field("host", &self.host)
            .field("hops", &self.hops)
            .finish_non_exhaustive()
    }
}

const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);
const TUNNEL_IDLE_TIMEOUT: Duration = Duration::from_secs(60);
