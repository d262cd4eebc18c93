use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::line::Line;

pin_project! {
    /// An answer's body that tells of its request at its end, or when it is given up.
    #[derive(Debug)]
    pub struct LogBody<B> {
        #[pin]
        inner: B,
        // Boxed, because answers are moved from layer to layer.
        line: Option<Box<Line>>,
    }
}

impl<B: Body> LogBody<B> {
    pub(super) fn new(inner: B, mut line: Option<Box<Line>>) -> Self {
        if inner.is_end_stream() {
            line.iter_mut().for_each(|line| line.ended());
        }
        Self { inner, line }
    }
}

impl<B: Body> Body for LogBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.inner.as_mut().poll_frame(cx));
        let Some(line) = this.line.as_mut() else { return Poll::Ready(frame) };
        if let Some(Ok(frame)) = &frame {
            let bytes = frame.data_ref().map_or(0, Buf::remaining);
            frame.trailers_ref().into_iter().for_each(|trailers| line.trailed(trailers));
            line.bytes_out += u64::try_from(bytes).unwrap_or(u64::MAX);
        }
        // A body whose length is known tells its end with its last frame, as trailers are, and is then not polled again.
        let is_over = match &frame {
            None => true,
            Some(Ok(frame)) => frame.is_trailers() || this.inner.is_end_stream(),
            // It broke off: told when it is dropped.
            Some(Err(_)) => false,
        };
        if is_over {
            line.ended();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B: From<Bytes>> From<Bytes> for LogBody<B> {
    /// Of an answer that no request stands behind.
    fn from(bytes: Bytes) -> Self {
        Self { inner: bytes.into(), line: None }
    }
}
