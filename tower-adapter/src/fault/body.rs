use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::BodyError;

pin_project! {
    /// The body of an answer that may break off.
    #[derive(Debug)]
    pub struct FaultBody<R> {
        #[pin]
        inner: Option<R>,
        // How many bytes may yet pass.
        left: Option<u64>,
    }
}

impl<R> FaultBody<R> {
    pub(super) const fn of(inner: R, reset: Option<u64>) -> Self {
        Self { inner: Some(inner), left: reset }
    }

    pub(super) const fn empty() -> Self {
        Self { inner: None, left: None }
    }
}

impl<R: Body> Body for FaultBody<R> {
    type Data = R::Data;
    type Error = BodyError<R::Error>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<R::Data>, Self::Error>>> {
        let mut this = self.project();
        let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Ready(None) };
        let frame = ready!(inner.poll_frame(cx));
        let size = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref());
        let size = size.map_or(0, |data| data.remaining() as u64);
        if let Some(left) = this.left {
            if size > *left {
                this.inner.set(None);
                return Poll::Ready(Some(Err(BodyError::Reset)));
            }
            *left -= size;
        }
        Poll::Ready(frame.map(|frame| frame.map_err(BodyError::Inner)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(R::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.as_ref().map_or_else(|| SizeHint::with_exact(0), R::size_hint)
    }
}
