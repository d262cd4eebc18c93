use std::{
    error,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use bytes::Buf;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use super::{Error, ReplayBody};

/// A body from which several bodies can be made, one after the other.
pub(crate) struct Replay<B: Body> {
    shared: Arc<Mutex<Source<B>>>,
}

/// What all bodies made from one share.
pub(super) struct Source<B: Body> {
    /// Until its end.
    inner: Option<B>,
    kept: Vec<Kept<B::Data>>,
    kept_bytes: usize,
    limit: usize,
    /// Whether its length was known from the beginning.
    has_length: bool,
    state: State,
    /// Who reads: the body that was made last.
    pub(super) reader: u32,
    /// Whether that one has gone without having read everything.
    is_left: bool,
    upload: Upload,
    /// Wants to know of the end.
    waker: Option<Waker>,
}

enum Kept<D> {
    Data(D),
    Trailers(HeaderMap),
}

/// How far a body has been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Upload {
    frames: u64,
    /// Whether more was asked for than has come.
    pub(crate) is_clients_turn: bool,
    /// Whether there is nothing left to read, or nobody to read it.
    pub(crate) is_sent: bool,
}

/// What is known of the frames that have gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// All of them are kept.
    Whole,
    /// Some are not: there were too many.
    Lost,
    /// The body broke off.
    Broken,
}

/// What polling for a frame gives.
pub(super) type Polled<B> = Poll<Option<Result<Frame<<B as Body>::Data>, Error>>>;

impl<B: Body> Replay<B> {
    /// Keeps at most so many bytes.
    pub(crate) fn new(inner: B, limit: usize) -> Self {
        // Of what is known to be too long nothing need be kept to find out.
        let limit = if inner.size_hint().lower() > limit as u64 { 0 } else { limit };
        let has_length = inner.size_hint().exact().is_some();
        let source = Source {
            inner: Some(inner).filter(|inner| !inner.is_end_stream()),
            kept: Vec::new(),
            kept_bytes: 0,
            limit,
            has_length,
            state: State::Whole,
            reader: 0,
            is_left: false,
            upload: Upload::default(),
            waker: None,
        };
        Self { shared: Arc::new(Mutex::new(source)) }
    }

    /// A body from the beginning on. Those that were made before break off.
    pub(crate) fn body(&self) -> ReplayBody<B> {
        let mut source = self.lock();
        source.reader += 1;
        source.is_left = false;
        ReplayBody::new(Arc::clone(&self.shared), source.reader)
    }

    /// One more body from the beginning on, beside the others; only where they read nothing new any more.
    pub(crate) fn twin(&self) -> Option<ReplayBody<B>> {
        let mut source = self.lock();
        let may = source.can_begin_again() && source.is_sent();
        source.is_left &= !may;
        may.then(|| ReplayBody::new(Arc::clone(&self.shared), source.reader))
    }

    pub(crate) fn standing(&self) -> Upload {
        let source = self.lock();
        Upload { is_sent: source.is_sent(), ..source.upload }
    }

    /// Whether it can be sent from the beginning on.
    pub(crate) fn is_replayable(&self) -> bool {
        self.lock().can_begin_again()
    }

    /// Whether all of it has been read, and kept.
    pub(crate) fn is_whole(&self) -> bool {
        let source = self.lock();
        source.can_begin_again() && source.inner.is_none()
    }

    /// Ready when all of it has been sent, or whoever was to send it wants no more of it.
    pub(crate) fn poll_sent(&self, cx: &Context<'_>) -> Poll<()> {
        let mut source = self.lock();
        if source.is_sent() {
            return Poll::Ready(());
        }
        source.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, Source<B>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: Body> Source<B> {
    const fn can_begin_again(&self) -> bool {
        matches!(self.state, State::Whole)
    }

    const fn is_sent(&self) -> bool {
        self.inner.is_none() || self.is_left
    }

    /// Whom to wake because all has been sent; outside the lock, for it is somebody else's code.
    pub(super) fn who_waits_for_the_end(&mut self) -> Option<Waker> {
        if self.is_sent() { self.waker.take() } else { None }
    }

    /// A reader is gone; whom to wake for it.
    pub(super) fn leave(&mut self, reader: u32) -> Option<Waker> {
        self.is_left |= reader == self.reader;
        self.who_waits_for_the_end()
    }

    /// Whether there is nothing at this place and after it.
    pub(super) fn is_end(&self, place: usize) -> bool {
        place >= self.kept.len() && self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    /// The bytes from this place on.
    pub(super) fn size_from(&self, place: usize) -> SizeHint {
        let kept = self.kept.get(place..).unwrap_or_default().iter().map(Kept::bytes).sum::<usize>() as u64;
        let rest = self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint);
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(kept));
        // Over HTTP/1.1 no trailers follow a body whose length is told.
        let has_trailers = !self.has_length && matches!(self.kept.last(), Some(Kept::Trailers(_)));
        let upper = rest.upper().filter(|_| !has_trailers);
        if let Some(upper) = upper.and_then(|upper| upper.checked_add(kept)) {
            hint.set_upper(upper);
        }
        hint
    }
}

impl<B> Source<B>
where
    B: Body + Unpin,
    B::Data: Clone,
    B::Error: Into<Box<dyn error::Error + Send + Sync>>,
{
    /// The frame at this place.
    pub(super) fn poll_at(&mut self, place: usize, cx: &mut Context<'_>) -> Polled<B> {
        if let Some(kept) = self.kept.get(place) {
            return Poll::Ready(Some(Ok(kept.frame())));
        }
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        let polled = Pin::new(&mut *inner).poll_frame(cx);
        self.upload.is_clients_turn = polled.is_pending();
        let frame = ready!(polled);
        self.upload.frames += 1;
        // Nothing comes behind trailers, and whoever sends them does not ask for more.
        let is_last = match &frame {
            Some(frame) => frame.as_ref().is_ok_and(Frame::is_trailers),
            None => true,
        };
        let ended = is_last || inner.is_end_stream();
        match &frame {
            Some(Ok(frame)) => self.keep(frame),
            Some(Err(_)) => self.state = State::Broken,
            None => {}
        }
        if ended || self.state == State::Broken {
            self.inner = None;
        }
        Poll::Ready(frame.map(|frame| frame.map_err(|error| Error::Source(error.into()))))
    }

    fn keep(&mut self, frame: &Frame<B::Data>) {
        if self.state != State::Whole {
            return;
        }
        let kept = match (frame.data_ref(), frame.trailers_ref()) {
            (Some(data), _) => Kept::Data(data.clone()),
            (None, Some(trailers)) => Kept::Trailers(trailers.clone()),
            (None, None) => return,
        };
        self.kept_bytes += kept.bytes();
        // Frames of a byte, or of none, take more than their bytes.
        let frames = FEW + self.limit / SMALL;
        if self.kept_bytes <= self.limit && self.kept.len() < frames {
            self.kept.push(kept);
        } else {
            self.state = State::Lost;
            self.kept = Vec::new();
        }
    }
}

/// So many frames of whatever size are kept in any case.
const FEW: usize = 64;
/// And one for so many bytes that may be kept.
const SMALL: usize = 64;

impl<D: Buf> Kept<D> {
    fn bytes(&self) -> usize {
        match self {
            Self::Data(data) => data.remaining(),
            Self::Trailers(_) => 0,
        }
    }
}

impl<D: Clone> Kept<D> {
    fn frame(&self) -> Frame<D> {
        match self {
            Self::Data(data) => Frame::data(data.clone()),
            Self::Trailers(trailers) => Frame::trailers(trailers.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;

    use bytes::Bytes;

    use super::*;

    /// So many frames without a byte.
    struct Empty(u32);

    impl Body for Empty {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            let Some(left) = self.0.checked_sub(1) else { return Poll::Ready(None) };
            self.0 = left;
            Poll::Ready(Some(Ok(Frame::data(Bytes::new()))))
        }
    }

    #[test]
    fn frames_without_bytes_are_bounded_too() {
        for (frames, is_kept) in [(80, true), (81, false), (100_000, false)] {
            let replay = Replay::new(Empty(frames), 1_024);
            let mut body = replay.body();
            let mut context = Context::from_waker(Waker::noop());
            while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut context) {
                assert!(frame.is_ok());
            }
            assert_eq!(replay.is_replayable(), is_kept, "{frames}");
            assert!(replay.lock().kept.len() <= 80, "{frames}");
        }
    }
}
