use std::{io, pin::Pin, time::Duration};

use http::{Request, Response, Version, header::UPGRADE, uri::Scheme};
use http_body::Body as HttpBody;
use hyper::{
    body::Incoming,
    rt::{Read, Write, bounds::Http2ServerConnExec},
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::{Builder, UpgradeableConnection},
};
use tenantry_tower::{guard::ClientNetwork, mirror::MIRRORED, proxy::Peer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::watch,
    time::timeout,
};
use tower::BoxError;

use super::{
    InboundBody, Limits, Live,
    activity::Activity,
    answered::Answered,
    extended_connect,
    presence::Presence,
    proxy_protocol, screen,
    shown::Shown,
    stream::{Socket, WatchedStream},
    supervise::{Endable, supervise},
};
use crate::tls::Secure;

/// One connection's.
struct Visit {
    live: Live,
    peer: Peer,
    /// Over TLS.
    shown: Option<Shown>,
    activity: Activity,
}

/// Serves one connection to its end.
pub(super) async fn serve(live: Live, mut stream: TcpStream, peer: Peer, mut presence: Presence) {
    // Small frames (events, the last bytes of a body) shall not wait for an acknowledgement. A socket that cannot do
    // this still works.
    stream.set_nodelay(true).ok();
    let now = live.now();
    let (limits, acceptor) = (now.limits, now.secure.as_ref().map(Secure::acceptor));
    let is_announced = now.proxies.contains(peer.address().ip());
    drop(now);
    let mut stopped = presence.stopped();
    let peer = if is_announced {
        let announced = timeout(limits.header_timeout(), proxy_protocol::client(&mut stream));
        match unless_stopped(&mut stopped, announced).await {
            Some(Ok(Ok(client))) => client.map_or(peer, Peer::new),
            Some(Ok(Err(error))) if error.kind() == io::ErrorKind::InvalidData => {
                return live.now().router.refusals().note_no_proxy_header(peer.address().ip());
            }
            // It has gone, as who only looks whether somebody listens does, or the time is over.
            _ => return,
        }
    } else {
        peer
    };
    if !may_enter(&live, &limits, &peer, &mut presence) {
        return;
    }
    let visit = Visit { live, peer, shown: None, activity: Activity::new(&limits, presence.hangup()) };
    let Some((acceptor, verifier)) = acceptor else {
        let beginning = timeout(limits.header_timeout(), is_http1(&stream));
        let Some(Ok(Ok(is_http1))) = unless_stopped(&mut stopped, beginning).await else { return };
        return visit.http(stream, is_http1, limits, presence).await;
    };
    let shaking = timeout(limits.header_timeout(), acceptor.accept(stream));
    // Who does not get through the handshake is told so by TLS itself.
    let Some(Ok(Ok(stream))) = unless_stopped(&mut stopped, shaking).await else { return };
    let peer = visit.peer.clone().with_scheme(Scheme::HTTPS);
    let visit = Visit { peer, shown: Some(Shown::of(&stream, verifier)), ..visit };
    let is_http1 = stream.get_ref().1.alpn_protocol() == Some(b"http/1.1");
    visit.http(stream, is_http1, limits, presence).await;
}

/// Whether its client has not too many connections already, and is not banned with all who come from there. Hops speak for many clients, and who has no address is nobody in particular.
fn may_enter(live: &Live, limits: &Limits, peer: &Peer, presence: &mut Presence) -> bool {
    let (now, client) = (live.now(), peer.address().ip());
    if client.is_unspecified() || now.is_hop(client) {
        return true;
    }
    if now.guard.as_ref().is_some_and(|guard| guard.refuses(client)) {
        now.router.refusals().note_banned(client);
        return false;
    }
    let may = presence.enter(ClientNetwork::of(client), limits.max_connections_per_client());
    if !may {
        now.router.refusals().note_too_many(client);
    }
    may
}

/// Whether it begins as no preface of HTTP/2 does (RFC 9113 §3.4). Where it begins with `P` alone, nobody knows yet.
async fn is_http1(stream: &TcpStream) -> io::Result<bool> {
    let mut beginning = [0; 2];
    let length = stream.peek(&mut beginning).await?;
    Ok(length == 0 || !b"PR".starts_with(&beginning[..length]))
}

/// Whoever has asked for nothing yet holds up no end.
async fn unless_stopped<F: Future>(stopped: &mut watch::Receiver<()>, future: F) -> Option<F::Output> {
    tokio::select! {
        biased;
        output = future => Some(output),
        _ = stopped.changed() => None,
    }
}

/// HTTP/1.1.
fn http1_builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    // Times are watched over by `supervise`, which knows of all of them.
    builder.header_read_timeout(None).max_headers(limits.max_headers()).max_buf_size(kept_at_most(limits));
    builder
}

/// So much of a head is kept, whatever is read at once.
fn kept_at_most(limits: &Limits) -> usize {
    limits.max_header_bytes().saturating_add(READ_AT_ONCE)
}

/// HTTP/1.1 or HTTP/2: the first bytes tell, whether ALPN agreed on it or a client knew.
fn builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    let kept = kept_at_most(limits);
    builder.http1().header_read_timeout(None).max_headers(limits.max_headers()).max_buf_size(kept);
    // More than a head may be, of which `screen` tells: h2 counts 32 bytes for each field besides, and refuses without a word.
    let head = limits.max_header_bytes().saturating_mul(2).saturating_add(READ_AT_ONCE);
    let head = u32::try_from(head).unwrap_or(u32::MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .enable_connect_protocol()
        .max_concurrent_streams(limits.max_concurrent_streams())
        .max_header_list_size(head)
        // Rapid reset (CVE-2023-44487): streams that clients reset before they were served, and that were reset for what clients did wrong.
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(LOCAL_RESETS)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

impl Visit {
    /// `is_http1`: for sure; otherwise its first bytes tell.
    async fn http<S>(self, stream: S, is_http1: bool, limits: Limits, presence: Presence)
    where
        S: AsyncRead + AsyncWrite + Socket + Send + Unpin + 'static,
    {
        let (activity, live, client) = (self.activity.clone(), self.live.clone(), self.peer.address());
        let service = service_fn(move |request| self.answer(request));
        let stopped = presence.stopped();
        let stream = TokioIo::new(WatchedStream::new(stream, activity.clone(), presence));
        let ended = if is_http1 {
            let connection = http1_builder(&limits).serve_connection(stream, service).with_upgrades();
            supervise(connection, &activity, &limits, stopped).await
        } else {
            let builder = builder(&limits);
            supervise(builder.serve_connection_with_upgrades(stream, service), &activity, &limits, stopped)
                .await
        };
        // What else breaks a connection is the client's going, or an endpoint's; both are accounted for where they happen.
        if let Err(error) = ended {
            live.now().router.refusals().note_end(&*error, client);
        }
    }

    fn answer(&self, mut request: Request<Incoming>) -> Answered {
        let now = self.live.now();
        let (limits, router) = (now.limits, &now.router);
        let seat = self.activity.begin(request.version());
        let is_http1 = request.version() != Version::HTTP_2;
        if !is_http1 {
            screen::join_cookies(request.headers_mut());
        }
        let outdated = self.shown.as_ref().and_then(|shown| shown.refusal(&now));
        if outdated.is_some() {
            self.activity.end_soon();
        }
        let refusal = outdated.or_else(|| screen::refusal(&request, &limits));
        // Over HTTP/1.1 the connection is what stalls.
        let answer_patience = limits.patience().filter(|_| !is_http1);
        let mut request = request.map(|body| InboundBody::new(body, &limits, &seat));
        request.extensions_mut().insert(self.peer.clone());
        if let Some(problem) = refusal {
            let refusing = Box::pin(router.refusals().answer(request, problem));
            return Answered::refused(refusing, seat, answer_patience, is_http1);
        }
        screen::end_hop(request.headers_mut());
        // Which requests are copies is for the gateway to say.
        request.headers_mut().remove(MIRRORED);
        let is_extended = extended_connect::translate(&mut request);
        if request.headers().contains_key(UPGRADE) {
            // A tunnel keeps its connection busy, beyond the answer's end, until it is told to end.
            request.extensions_mut().insert(seat.clone());
            request.extensions_mut().insert(seat.hangup());
        }
        if let Some(certificate) = self.shown.as_ref().and_then(Shown::certificate) {
            request.extensions_mut().insert(certificate.clone());
        }
        Answered::by(router, request, seat, answer_patience, (is_http1, is_extended))
    }
}

impl<I, S, E, B> Endable for UpgradeableConnection<'_, I, S, E>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    S::Future: 'static,
    I: Read + Write + Unpin + Send + 'static,
    B: HttpBody + 'static,
    B::Error: Into<BoxError>,
    E: Http2ServerConnExec<S::Future, B>,
{
    type Error = BoxError;

    fn end_soon(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, S, B> Endable for http1::UpgradeableConnection<I, S>
where
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    I: Read + Write + Unpin + Send + 'static,
    B: HttpBody + 'static,
    B::Error: Into<BoxError>,
{
    type Error = hyper::Error;

    fn end_soon(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// Bytes of a body, or of the next request, that a read may bring with a head's last ones.
const READ_AT_ONCE: usize = 8 * 1_024;
/// h2's own defaults, written down because an attack is held off by them.
const RESETS: usize = 20;
const LOCAL_RESETS: usize = 1_024;

const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
