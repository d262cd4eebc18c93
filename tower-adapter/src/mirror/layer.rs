use std::{num::NonZeroU32, sync::Arc, time::Duration};

use tokio::sync::Semaphore;
use tower::Layer;

use super::{Mirror, MirrorCounts, copier::Shared, counts::Counters};
use crate::{share::Share, tenant::TenantId};

/// Copies a share of the requests to another service. Clones share bounds and counts.
///
/// ```
/// use bytes::Bytes;
/// use http::{Request, Response};
/// use http_body_util::Full;
/// use tenantry_tower::{mirror::{MIRRORED, MirrorLayer}, replay::ReplayBody, share::Share};
/// use tower::{ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// type Body = ReplayBody<Full<Bytes>>;
///
/// let (seen, mut copies) = tokio::sync::mpsc::unbounded_channel();
/// let new_version = service_fn(move |request: Request<Body>| {
///     seen.send(request.headers().contains_key(&MIRRORED)).unwrap();
///     async { Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default())) }
/// });
/// let service = ServiceBuilder::new().layer(MirrorLayer::new(new_version, Share::ALL)).service(service_fn(
///     async |_: Request<Body>| Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default())),
/// ));
/// service.oneshot(Request::get("/").body(Full::default())?).await?;
/// assert_eq!(copies.recv().await, Some(true)); // marked
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct MirrorLayer<M> {
    copies: M,
    share: Share,
    seed: u64,
    body_limit: usize,
    timeout: Duration,
    tenant: Option<TenantId>,
    room: Arc<Semaphore>,
    counters: Arc<Counters>,
}

impl<M> MirrorLayer<M> {
    /// Copies this share to this service.
    pub fn new(copies: M, share: Share) -> Self {
        Self {
            copies,
            share,
            seed: 0,
            body_limit: BODY_LIMIT,
            timeout: TIMEOUT,
            tenant: None,
            room: Arc::new(Semaphore::new(CONCURRENCY)),
            counters: Arc::default(),
        }
    }

    /// Which requests are copied follows from this, and their numbers. Default 0.
    #[must_use]
    pub const fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Requests with longer bodies are not copied. In bytes; default 64 KiB.
    #[must_use]
    pub const fn with_body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }

    /// How many copies may be under way at once. Default 64.
    #[must_use]
    pub fn with_concurrency(mut self, copies: NonZeroU32) -> Self {
        self.room = Arc::new(Semaphore::new(copies.get() as usize));
        self
    }

    /// How long a copy may take, to the last byte of its answer. Default 30 s.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Whose copies are. Default: their requests' tenants'.
    #[must_use]
    pub fn with_tenant(mut self, tenant: impl Into<TenantId>) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// What has become of the copies so far.
    #[must_use]
    pub fn counts(&self) -> MirrorCounts {
        self.counters.read()
    }
}

impl<S, M: Clone> Layer<S> for MirrorLayer<M> {
    type Service = Mirror<S, M>;

    fn layer(&self, inner: S) -> Mirror<S, M> {
        let Self { copies, share, seed, body_limit, timeout, tenant, room, counters } = self.clone();
        let shared =
            Shared { share, seed, body_limit, timeout, tenant, room, counters, requests: Arc::default() };
        Mirror::new(inner, copies, Arc::new(shared))
    }
}

const BODY_LIMIT: usize = 64 * 1024;
const CONCURRENCY: usize = 64;
const TIMEOUT: Duration = Duration::from_secs(30);
