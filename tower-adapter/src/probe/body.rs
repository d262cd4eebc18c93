use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::meter::Presence;

pin_project! {
    /// The body of a response: the inner service's, counted as in flight until its end, or the answer to a probe.
    #[derive(Debug)]
    pub struct ReportBody<B> {
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
            presence: Presence,
            teaches: bool,
        },
        Answer { document: Option<Bytes> },
    }
}

impl<B> ReportBody<B> {
    pub(super) const fn answer(document: Bytes) -> Self {
        Self { kind: Kind::Answer { document: Some(document) } }
    }
}

impl<B: Body> ReportBody<B> {
    /// How long it takes counts.
    pub(super) fn served(body: B, mut presence: Presence) -> Self {
        if body.is_end_stream() {
            presence.finish();
        }
        Self { kind: Kind::Inner { body, presence, teaches: true } }
    }

    /// In flight like any other, but of no example.
    pub(super) const fn failed(body: B, presence: Presence) -> Self {
        Self { kind: Kind::Inner { body, presence, teaches: false } }
    }
}

impl<B: Body> Body for ReportBody<B>
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
            KindProjection::Inner { mut body, presence, teaches } => {
                let frame = ready!(body.as_mut().poll_frame(cx));
                let broken = matches!(frame, Some(Err(_)));
                let over = frame.is_none() || body.is_end_stream();
                if over && !broken && *teaches {
                    presence.finish();
                }
                Poll::Ready(frame)
            }
            KindProjection::Answer { document } => {
                Poll::Ready(document.take().map(|document| Ok(Frame::data(document.into()))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body, .. } => body.is_end_stream(),
            Kind::Answer { document } => document.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body, .. } => body.size_hint(),
            Kind::Answer { document } => {
                SizeHint::with_exact(document.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
        }
    }
}
