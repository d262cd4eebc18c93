use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::record::Record;

pin_project! {
    /// A request's body whose bytes are counted as they are read.
    #[derive(Debug)]
    pub struct CountedBody<B> {
        #[pin]
        inner: B,
        record: Option<Record>,
    }
}

impl<B> CountedBody<B> {
    pub(super) const fn new(inner: B, record: Option<Record>) -> Self {
        Self { inner, record }
    }

    /// The body itself, for those who know more of it.
    pub const fn inner_mut(&mut self) -> &mut B {
        &mut self.inner
    }
}

impl<B: Body> Body for CountedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let frame = ready!(this.inner.poll_frame(cx));
        if let (Some(record), Some(Ok(frame))) = (this.record, &frame) {
            let bytes = frame.data_ref().map_or(0, Buf::remaining);
            record.received(u64::try_from(bytes).unwrap_or(u64::MAX));
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
