use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Limited;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};
use tower::BoxError;

use super::{Limits, activity::InFlight, limits::HeadLimits, patience::Patience};

/// A request's body on its way in: it breaks off where it is too long, its client too slow, or what comes behind it more than a head may have.
///
/// The first is an [`http_body_util::LengthLimitError`], the second an [`io::ErrorKind::TimedOut`]: the proxy knows both. The third it takes for a body that broke off, as it does what hyper
/// refuses of HTTP/1.1.
///
/// As small as can be, because requests are moved from layer to layer.
pub struct InboundBody {
    /// Most requests have none.
    stream: Option<Box<Stream>>,
}

struct Stream {
    inner: Limited<Incoming>,
    trailers: HeadLimits,
    patience: Option<Patience>,
    timer: Option<Pin<Box<Sleep>>>,
    seat: InFlight,
    is_read: bool,
}

impl InboundBody {
    pub(super) fn new(inner: Incoming, limits: &Limits, seat: &InFlight) -> Self {
        if inner.is_end_stream() {
            return Self { stream: None };
        }
        let (inner, patience) = (Limited::new(inner, limits.max_body_bytes()), limits.patience());
        let (trailers, seat) = (limits.head(), seat.clone());
        let stream = Stream { inner, trailers, patience, timer: None, seat, is_read: false };
        Self { stream: Some(Box::new(stream)) }
    }

    /// Its client may take as long as it likes.
    pub(crate) fn wait_for_ever(&mut self) {
        if let Some(stream) = &mut self.stream {
            stream.patience = None;
        }
    }
}

impl Stream {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.inner).poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(trailers) = frame.trailers_ref()
        {
            // They are its end, whether anybody asks once more or not.
            self.is_read = true;
            if !self.trailers.hold(trailers, 0) {
                return Poll::Ready(Some(Err(io::Error::other("the trailers are too large").into())));
            }
        }
        match (&polled, &mut self.patience) {
            (Poll::Pending, _) => self.poll_impatience(cx).map(|()| Some(Err(too_slow().into()))),
            (Poll::Ready(Some(Ok(frame))), Some(patience)) => {
                patience.moved(frame.data_ref().map_or(0, Bytes::len), Instant::now);
                polled
            }
            (Poll::Ready(None), _) => {
                self.is_read = true;
                polled
            }
            _ => polled,
        }
    }

    /// Ready when the client was waited for too long.
    fn poll_impatience(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(patience) = &mut self.patience else { return Poll::Pending };
        let end = patience.wait(Instant::now());
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(end)));
        if timer.deadline() != end {
            timer.as_mut().reset(end);
        }
        timer.as_mut().poll(cx)
    }
}

impl Body for InboundBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.stream.as_mut().map_or(Poll::Ready(None), |stream| stream.poll_frame(cx))
    }

    fn is_end_stream(&self) -> bool {
        self.stream.as_ref().is_none_or(|stream| stream.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.stream.as_ref().map_or_else(|| SizeHint::with_exact(0), |stream| stream.inner.size_hint())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if !self.is_read && !self.inner.is_end_stream() {
            self.seat.leave_unread();
        }
    }
}

impl fmt::Debug for InboundBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patience = self.stream.as_ref().map(|stream| stream.patience);
        f.debug_struct("InboundBody").field("patience", &patience).finish_non_exhaustive()
    }
}

fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the request's body comes too slowly")
}
