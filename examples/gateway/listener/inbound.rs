use std::{
    error, fmt, io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::Limited;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};

use super::{activity::InFlight, patience::Patience};

/// A request's body on its way in: it breaks off where it is too long, or its client too slow.
///
/// The first is an [`http_body_util::LengthLimitError`], the second an [`io::ErrorKind::TimedOut`]: the proxy knows both.
pub struct InboundBody {
    inner: Limited<Incoming>,
    patience: Option<Patience>,
    timer: Option<Pin<Box<Sleep>>>,
    seat: InFlight,
    is_read: bool,
}

impl InboundBody {
    pub(super) fn new(inner: Incoming, limit: usize, patience: Option<Patience>, seat: InFlight) -> Self {
        Self { inner: Limited::new(inner, limit), patience, timer: None, seat, is_read: false }
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
    type Error = Box<dyn error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.inner).poll_frame(cx);
        match (&polled, &mut this.patience) {
            (Poll::Pending, _) => this.poll_impatience(cx).map(|()| Some(Err(too_slow().into()))),
            (Poll::Ready(Some(Ok(frame))), Some(patience)) => {
                patience.moved(frame.data_ref().map_or(0, Bytes::len), Instant::now());
                polled
            }
            (Poll::Ready(None), _) => {
                this.is_read = true;
                polled
            }
            _ => polled,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for InboundBody {
    fn drop(&mut self) {
        if !self.is_read && !self.inner.is_end_stream() {
            self.seat.leave_unread();
        }
    }
}

impl fmt::Debug for InboundBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboundBody").field("patience", &self.patience).finish_non_exhaustive()
    }
}

fn too_slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the request's body comes too slowly")
}
