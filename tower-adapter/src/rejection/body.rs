use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// The body of an answer: the inner service's, or a problem document.
    #[derive(Debug)]
    pub struct RejectionBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    #[derive(Debug)]
    enum Kind<B> {
        Inner {
            #[pin]
            body: B,
        },
        Problem { document: Option<Bytes> },
    }
}

impl<B> RejectionBody<B> {
    pub(super) const fn inner(body: B) -> Self {
        Self { kind: Kind::Inner { body } }
    }
}

impl<B> From<Bytes> for RejectionBody<B> {
    fn from(document: Bytes) -> Self {
        Self { kind: Kind::Problem { document: Some(document).filter(|bytes| !bytes.is_empty()) } }
    }
}

impl<B: Body> Body for RejectionBody<B>
where
    B::Data: From<Bytes>,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        match self.project().kind.project() {
            KindProjection::Inner { body } => body.poll_frame(cx),
            KindProjection::Problem { document } => {
                Poll::Ready(document.take().map(|document| Ok(Frame::data(document.into()))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body } => body.is_end_stream(),
            Kind::Problem { document } => document.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body } => body.size_hint(),
            Kind::Problem { document } => {
                SizeHint::with_exact(document.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
        }
    }
}
