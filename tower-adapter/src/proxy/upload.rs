use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use crate::balance::PickedEndpoint;

pin_project! {
    /// A request's body on its way to the endpoint, watched: whose turn it is, and whether the client broke off.
    pub(super) struct Upload<B> {
        #[pin]
        inner: B,
        watch: Watch,
        picked: PickedEndpoint,
    }
}

/// What the waiting side sees of an upload.
///
/// One number, `steps << 1 | the client's turn`: it differs whenever something moved.
#[derive(Clone, Debug, Default)]
pub(super) struct Watch {
    state: Arc<AtomicU64>,
}

/// How an upload stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing(u64);

impl<B> Upload<B> {
    pub(super) fn new(inner: B, picked: PickedEndpoint) -> Self {
        Self { inner, watch: Watch::default(), picked }
    }

    pub(super) fn watch(&self) -> Watch {
        self.watch.clone()
    }
}

impl Watch {
    pub(super) fn standing(&self) -> Standing {
        // Relaxed: a progress counter that guards no data; a stale value only lets the timer run once more.
        Standing(self.state.load(Ordering::Relaxed))
    }

    /// Notes a step. Only the task that polls the body writes.
    fn step(&self, clients_turn: bool) {
        let steps = self.state.load(Ordering::Relaxed) >> 1;
        self.state.store((steps + 1) << 1 | u64::from(clients_turn), Ordering::Relaxed);
    }
}

impl Standing {
    /// Whether the endpoint would take more and the client has sent none.
    pub(super) const fn is_clients_turn(self) -> bool {
        self.0 & 1 == 1
    }
}

impl<B: Body> Body for Upload<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let polled = this.inner.poll_frame(cx);
        match &polled {
            // Asked again while it was its turn already, the client has done nothing.
            Poll::Pending if this.watch.standing().is_clients_turn() => {}
            Poll::Pending => this.watch.step(true),
            Poll::Ready(Some(Err(_))) => this.picked.excuse(),
            Poll::Ready(_) => this.watch.step(false),
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
