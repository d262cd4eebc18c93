#[cfg(feature = "tls")]
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher, Hash};
use std::{
    error, fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{
    HeaderValue, Request, StatusCode, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
};
use http_body_util::{BodyExt, Full, Limited};
use serde_json::{Value, json};
use tenantry::Backoff;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tower::ServiceExt;
use tracing::warn;

use super::Alert;
#[cfg(feature = "tls")]
use crate::proxy::Transport;
use crate::{balance::PickedEndpoint, proxy::ReverseProxy};

/// Tells a URL what fires and what is over.
///
/// Each message is a `POST` of
///
/// ```json
/// { "version": 1, "source": "tenantry", "sent_unix_ms": 1764208800000, "alerts": [
///   { "alert": "panic", "state": "firing", "severity": "page", "pool": "api", "summary": "api is in a panic: …",
///     "value": 1.0, "threshold": 1.0, "since_unix_ms": 1764208799000 } ] }
/// ```
///
/// with `alert` by [`AlertKind::name`](super::AlertKind::name), `state` `firing` or `resolved` (then with `resolved_unix_ms`), and `pool`, `tenant`, `endpoint` and `unit` where they apply.
///
/// Nobody waits for it: at most 256 messages wait to be sent, and what comes then is counted and logged. One at a time is sent, within 10 s. What is not answered, or by 408,
/// 429 or a server's error, is sent again, at most 8 times, after waits with jitter that grow to a minute; another answer than 2xx gives it up. So messages stay in their order, and one may
/// come twice.
#[derive(Clone)]
pub struct Webhook {
    uri: Uri,
    token: Option<HeaderValue>,
    proxy: ReverseProxy<Full<Bytes>>,
    /// What its transport was made of, hashed; `None`: nobody knows.
    transport: Option<u64>,
    backoff: Backoff,
}

/// Where messages wait; the task that sends them ends with the last clone, once it has tried all.
#[derive(Clone, Debug)]
pub(crate) struct Sending {
    hook: Webhook,
    queue: mpsc::Sender<Bytes>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    delivered: AtomicU64,
    lost: AtomicU64,
}

impl Webhook {
    /// To an `http://` URL, or to an `https://` one with a transport for it.
    ///
    /// # Errors
    /// When it is no such URL, or names a user.
    pub fn new(url: &str) -> Result<Self, WebhookError> {
        let uri: Uri = url.parse().map_err(|_| WebhookError(()))?;
        let is_known = matches!(uri.scheme_str(), Some("http" | "https"));
        if !is_known || uri.authority().is_none_or(|authority| authority.as_str().contains('@')) {
            return Err(WebhookError(()));
        }
        let proxy = ReverseProxy::new().with_response_timeout(PATIENCE);
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60));
        Ok(Self { uri, token: None, proxy, transport: Some(0), backoff })
    }

    /// Sends this as `Authorization: Bearer`. It is never shown.
    ///
    /// # Errors
    /// When it cannot stand in a header.
    pub fn with_token(mut self, token: &str) -> Result<Self, WebhookError> {
        let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| WebhookError(()))?;
        value.set_sensitive(true);
        self.token = Some(value);
        Ok(self)
    }

    /// Speaks so to it: needed for `https`. Of two such webhooks nobody knows whether they are the same: see [`with_transport_of`](Self::with_transport_of).
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_transport(mut self, transport: &Transport) -> Self {
        self.proxy = self.proxy.with_transport("", transport);
        self.transport = None;
        self
    }

    /// The same of a transport that was made of these settings, as names of files and what they say: where they are the same again, with the same URL and token,
    /// [`Admin::set_alerts`](crate::admin::Admin::set_alerts) lets the sender go on that is there.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_transport_of(self, transport: &Transport, settings: &impl Hash) -> Self {
        let mut hook = self.with_transport(transport);
        hook.transport = Some(BuildHasherDefault::<DefaultHasher>::default().hash_one(settings));
        hook
    }

    /// How long it waits before it sends again. Default: from 1 s to 60 s.
    #[must_use]
    pub const fn with_backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// Whether it takes a [transport](Self::with_transport).
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    /// Begins to send, on tokio.
    fn start(self) -> Sending {
        let (queue, mut messages) = mpsc::channel::<Bytes>(ROOM);
        let counts = Arc::new(Counts::default());
        let (counted, hook) = (Arc::clone(&counts), self.clone());
        tokio::spawn(async move {
            let mut number = 0;
            while let Some(message) = messages.recv().await {
                number += 1;
                let counter = match self.deliver(message, number).await {
                    Ok(()) => &counted.delivered,
                    Err(problem) => {
                        warn!(target: "tenantry::alert", problem, "a webhook was not told of an alert");
                        &counted.lost
                    }
                };
                counter.fetch_add(1, Ordering::Relaxed);
            }
        });
        Sending { hook, queue, counts }
    }

    /// Whether both tell the same in the same way.
    fn is(&self, other: &Self) -> bool {
        let is_same = (&self.uri, &self.token, self.backoff) == (&other.uri, &other.token, other.backoff);
        is_same && self.transport.is_some() && self.transport == other.transport
    }

    async fn deliver(&self, message: Bytes, number: u64) -> Result<(), String> {
        let mut problem = String::new();
        for retry in 0..=RETRIES {
            if retry > 0 {
                sleep(self.backoff.wait(retry - 1, number)).await;
            }
            problem = match self.post(message.clone()).await {
                Ok(status) if status.is_success() => return Ok(()),
                Ok(status) if !is_worth_retrying(status) => return Err(format!("it answers {status}")),
                Ok(status) => format!("it answers {status}"),
                Err(problem) => problem,
            };
        }
        Err(problem)
    }

    async fn post(&self, message: Bytes) -> Result<StatusCode, String> {
        let target = self.uri.path_and_query().map_or("/", |target| target.as_str());
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let scheme = self.uri.scheme_str().unwrap_or("http");
        let request = Request::post(target).header(HOST, authority).header(CONTENT_TYPE, "application/json");
        let mut request = request.body(Full::new(message)).map_err(|error| error.to_string())?;
        let usual = if self.is_secure() { 443 } else { 80 };
        let port = self.uri.port_u16().unwrap_or(usual);
        let host = self.uri.host().unwrap_or_default();
        let picked = PickedEndpoint::new(&format!("{scheme}://{host}:{port}"));
        request.extensions_mut().insert(picked);
        if let Some(token) = &self.token {
            request.headers_mut().insert(AUTHORIZATION, token.clone());
        }
        let answered = async {
            let answer = self.proxy.clone().oneshot(request).await.map_err(|error| error.to_string())?;
            let status = answer.status();
            // Read, so that the connection can serve again; what is long ends it.
            Limited::new(answer.into_body(), LONGEST_ANSWER).collect().await.ok();
            Ok(status)
        };
        timeout(PATIENCE, answered).await.unwrap_or_else(|_| Err("it does not answer".to_owned()))
    }
}

impl Sending {
    /// Goes on where it sends as this says, so that messages stay in their order; else another begins, and what waits here is still sent.
    pub(crate) fn go_on(before: Option<Self>, hook: Webhook) -> Self {
        match before {
            // With its runtime its task is gone.
            Some(sending) if sending.hook.is(&hook) && !sending.queue.is_closed() => sending,
            _ => hook.start(),
        }
    }

    /// Whether this would tell the same receiver.
    pub(crate) fn reaches(&self, hook: &Webhook) -> bool {
        self.hook.uri == hook.uri
    }

    /// Sends these, unless too many wait.
    pub(crate) fn send(&self, alerts: &[Alert], unix_ms: u64) {
        let alerts: Vec<Value> = alerts.iter().map(Alert::json).collect();
        let message =
            json!({ "version": 1, "source": "tenantry", "sent_unix_ms": unix_ms, "alerts": alerts });
        if self.queue.try_send(message.to_string().into()).is_err() {
            self.counts.lost.fetch_add(1, Ordering::Relaxed);
            warn!(target: "tenantry::alert", "too many messages wait for a webhook: one is lost");
        }
    }

    /// How many messages came to their end: delivered, and given up.
    pub(crate) fn counts(&self) -> [u64; 2] {
        [&self.counts.delivered, &self.counts.lost].map(|count| count.load(Ordering::Relaxed))
    }
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Paths and queries of such URLs are secrets, as often as not.
        f.debug_struct("Webhook").field("host", &self.uri.host()).finish_non_exhaustive()
    }
}

/// What is no URL for a [`Webhook`], or no token. Never says what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebhookError(());

impl fmt::Display for WebhookError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "write \"http://host/path\" or \"https://host/path\", without a user; a token is printable ASCII",
        )
    }
}

impl error::Error for WebhookError {}

fn is_worth_retrying(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}

const ROOM: usize = 256;
const RETRIES: u32 = 8;
const PATIENCE: Duration = Duration::from_secs(10);
const LONGEST_ANSWER: usize = 64 * 1024;
