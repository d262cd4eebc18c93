use std::{
    error, fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use http_body::{Body, Frame, SizeHint};

use super::{Error, source::Source};

/// A request's body that may be sent again: what the service within a [`Retry`](crate::retry::Retry) or a [`Hedge`](crate::hedge::Hedge) gets.
///
/// It streams as the body within does, with its length and its trailers, and byte for byte the same each time.
pub struct ReplayBody<B: Body> {
    shared: Arc<Mutex<Source<B>>>,
    /// Which reader it is: the last one made may read, and those made beside it.
    reader: u32,
    place: usize,
}

impl<B: Body> ReplayBody<B> {
    pub(super) const fn new(shared: Arc<Mutex<Source<B>>>, reader: u32) -> Self {
        Self { shared, reader, place: 0 }
    }
}

impl<B> Body for ReplayBody<B>
where
    B: Body + Unpin,
    B::Data: Clone,
    B::Error: Into<Box<dyn error::Error + Send + Sync>>,
{
    type Data = B::Data;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, Self::Error>>> {
        let this = &mut *self;
        let mut source = this.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if source.reader != this.reader {
            // Not its end: half a request must not look like a whole one.
            return Poll::Ready(Some(Err(Error::Superseded)));
        }
        let frame = ready!(source.poll_at(this.place, cx));
        this.place += 1;
        let waker = source.who_waits_for_the_end();
        drop(source);
        if let Some(waker) = waker {
            waker.wake();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let source = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        source.reader == self.reader && source.is_end(self.place)
    }

    fn size_hint(&self) -> SizeHint {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner).size_from(self.place)
    }
}

impl<B: Body> Drop for ReplayBody<B> {
    fn drop(&mut self) {
        let waker = self.shared.lock().unwrap_or_else(PoisonError::into_inner).leave(self.reader);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<B: Body> fmt::Debug for ReplayBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayBody").field("place", &self.place).finish_non_exhaustive()
    }
}
