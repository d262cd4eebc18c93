use std::{
    error, io,
    iter::successors,
    pin::Pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use http_body::{Body, Frame, SizeHint};
use http_body_util::LengthLimitError;
use pin_project_lite::pin_project;
use tower::BoxError;

use super::trailers::Said;
use crate::balance::PickedEndpoint;

pin_project! {
    /// A request's body on its way to the endpoint, watched: whose turn it is, and whether the client broke off, with no trailers that may not be.
    pub(super) struct Upload<B> {
        #[pin]
        inner: Option<B>,
        watch: Watch,
        picked: PickedEndpoint,
        said: Said,
    }

    impl<B> PinnedDrop for Upload<B> {
        fn drop(this: Pin<&mut Self>) {
            // hyper lets go of it as soon as it has taken all, which is not to say that all is sent; or can take no more.
            this.watch.step(ENDED);
        }
    }
}

/// What the waiting side sees of an upload; nothing to be seen where there is no body.
#[derive(Clone, Debug)]
pub(super) struct Watch(Option<Arc<Progress>>);

#[derive(Debug, Default)]
struct Progress {
    /// `steps << 2 | it has ended << 1 | the client's turn`: it differs whenever something moved.
    standing: AtomicU64,
    /// Why it broke off. Told here, because hyper's HTTP/2 tells nobody.
    fault: OnceLock<Fault>,
}

/// Why a client's body is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    TooLarge,
    Late,
    Gone,
}

impl Fault {
    fn of(error: &(dyn error::Error + 'static)) -> Self {
        let causes = || successors(Some(error), |cause| cause.source());
        let is_late = |cause: &io::Error| cause.kind() == io::ErrorKind::TimedOut;
        if causes().any(<dyn error::Error>::is::<LengthLimitError>) {
            Self::TooLarge
        } else if causes().filter_map(<dyn error::Error>::downcast_ref).any(is_late) {
            Self::Late
        } else {
            Self::Gone
        }
    }
}

/// How an upload stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing(u64);

impl<B: Body> Upload<B> {
    /// Behind a head that has said this.
    pub(super) fn new(inner: B, picked: PickedEndpoint, said: Said) -> Self {
        let watch = Watch((!inner.is_end_stream()).then(Arc::default));
        Self { inner: Some(inner), watch, picked, said }
    }
}

impl<B> Upload<B> {
    pub(super) fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// The same once more, where it is nothing.
    #[cfg(feature = "tls")]
    pub(super) fn nothing_again(&self) -> Option<Self> {
        let watch = Some(Watch(None)).filter(|_| self.watch.0.is_none())?;
        Some(Self { inner: None, watch, picked: self.picked.clone(), said: Said::default() })
    }
}

impl Watch {
    pub(super) fn standing(&self) -> Standing {
        // Relaxed: a progress counter that guards no data; a stale value only lets the timer run once more.
        Standing(self.0.as_ref().map_or(ENDED, |progress| progress.standing.load(Ordering::Relaxed)))
    }

    /// Notes a step. Only the task that polls the body writes.
    fn step(&self, flag: u64) {
        if let Some(Progress { standing, .. }) = self.0.as_deref() {
            let steps = standing.load(Ordering::Relaxed) >> 2;
            standing.store((steps + 1) << 2 | flag, Ordering::Relaxed);
        }
    }

    /// Why the client's part broke off, where it has.
    pub(super) fn fault(&self) -> Option<Fault> {
        self.0.as_ref()?.fault.get().copied()
    }

    fn note(&self, fault: Fault) {
        if let Some(progress) = &self.0 {
            // The first one is what it broke off for.
            progress.fault.get_or_init(|| fault);
        }
    }
}

impl Standing {
    /// Whether the endpoint would take more and the client has sent none.
    pub(super) const fn is_clients_turn(self) -> bool {
        self.0 & CLIENTS_TURN != 0
    }

    /// Whether the endpoint's connection wants no more of it.
    pub(super) const fn has_ended(self) -> bool {
        self.0 & ENDED != 0
    }
}

impl<B> Body for Upload<B>
where
    B: Body<Error: Into<BoxError>>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        let this = self.project();
        let Some(inner) = this.inner.as_pin_mut() else { return Poll::Ready(None) };
        let polled = match inner.poll_frame(cx).map_err(Into::into) {
            Poll::Ready(Some(Ok(frame))) => Poll::Ready(this.said.pass(frame).map(Ok)),
            polled => polled,
        };
        match &polled {
            // Asked again while it was its turn already, the client has done nothing.
            Poll::Pending if this.watch.standing().is_clients_turn() => {}
            Poll::Pending => this.watch.step(CLIENTS_TURN),
            Poll::Ready(Some(Err(error))) => {
                this.watch.note(Fault::of(&**error));
                this.picked.excuse();
            }
            Poll::Ready(_) => this.watch.step(0),
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

const CLIENTS_TURN: u64 = 1;
const ENDED: u64 = 2;
