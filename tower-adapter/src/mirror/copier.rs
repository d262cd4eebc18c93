//! What is needed to send a copy, until it is sent.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::{Extensions, HeaderName, HeaderValue, Request, Response, request::Parts};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::{sync::Semaphore, time::timeout};
use tower::{Service, ServiceExt};

use super::counts::Counters;
use crate::{
    field::Withheld,
    identity::Identity,
    proxy::Peer,
    replay::{Replay, ReplayBody},
    share::Share,
    tenant::TenantId,
};

/// What the services of a layer share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) share: Share,
    pub(super) seed: u64,
    pub(super) body_limit: usize,
    pub(super) timeout: Duration,
    pub(super) tenant: Option<TenantId>,
    pub(super) room: Arc<Semaphore>,
    pub(super) counters: Arc<Counters>,
    pub(super) requests: Arc<AtomicU64>,
}

impl Shared {
    /// Whether the next request is to be copied.
    pub(super) fn is_next(&self) -> bool {
        // Relaxed: it numbers requests, and orders nothing.
        self.share.holds(self.seed, 0, self.requests.fetch_add(1, Ordering::Relaxed))
    }
}

/// A copy that is to be sent.
pub(super) struct Copier<M, B: Body> {
    shared: Arc<Shared>,
    service: M,
    head: Parts,
    body: Replay<B>,
}

impl<M, B: Body> Copier<M, B> {
    pub(super) fn new(shared: &Arc<Shared>, service: M, head: &Parts, body: Replay<B>) -> Self {
        let mut copy = head.clone();
        copy.headers.insert(MIRRORED, HeaderValue::from_static("true"));
        copy.extensions = extensions(&head.extensions, shared.tenant.as_ref());
        Self { shared: Arc::clone(shared), service, head: copy, body }
    }

    /// Sends it, in a task of its own, where there is room and all of the body is there.
    pub(super) fn send<R>(self)
    where
        M: Service<Request<ReplayBody<B>>, Response = Response<R>> + Send + 'static,
        M::Future: Send,
        M::Error: Send,
        B: Body + Send + 'static,
        B::Data: Send,
        R: Body + Send,
        R::Data: Send,
        R::Error: Send,
    {
        let Self { shared, service, head, body } = self;
        let body = Some(body).filter(Replay::is_whole).and_then(|body| body.twin());
        let (Some(body), Ok(permit)) = (body, Arc::clone(&shared.room).try_acquire_owned()) else {
            shared.counters.skipped();
            return;
        };
        let request = Request::from_parts(head, body);
        tokio::spawn(async move {
            let sent = timeout(shared.timeout, async move {
                let answer = service.oneshot(request).await.ok()?;
                drain(answer.into_body()).await
            });
            let is_answered = matches!(sent.await, Ok(Some(())));
            shared.counters.ended(is_answered);
            drop(permit);
        });
    }
}

/// Reads an answer to its end, so that its connection can be used again and its lease learns how it went.
async fn drain<R: Body>(body: R) -> Option<()> {
    let mut body = std::pin::pin!(body);
    while let Some(frame) = body.frame().await {
        frame.ok()?;
    }
    Some(())
}

/// Who asked, and what the trailers may not say; not where the request itself goes, how often it was tried, or what watches it.
fn extensions(of: &Extensions, tenant: Option<&TenantId>) -> Extensions {
    let mut copy = Extensions::new();
    if let Some(tenant) = tenant.or_else(|| of.get()) {
        copy.insert(tenant.clone());
    }
    if let Some(identity) = of.get::<Identity>() {
        copy.insert(identity.clone());
    }
    if let Some(peer) = of.get::<Peer>() {
        copy.insert(peer.clone());
    }
    if let Some(withheld) = of.get::<Withheld>() {
        copy.insert(withheld.clone());
    }
    copy
}

/// Marks a copy; its value is `true`.
pub const MIRRORED: HeaderName = HeaderName::from_static("x-mirrored-request");
