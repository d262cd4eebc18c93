use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use http::{Response, response::Parts};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// The body of an answer: the inner service's as it streams, or that of a failed one which was read while something better was hoped for.
    pub struct RetryBody<B: Body> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<B: Body> {
        Inner {
            #[pin]
            body: B,
        },
        Read { frames: Frames<B>, rest: Option<Pin<Box<B>>> },
    }
}

type Frames<B> = VecDeque<Result<Frame<<B as Body>::Data>, <B as Body>::Error>>;

/// A failed answer that is being read, so that its lease ends and it can still be given.
pub(super) struct FailedAnswer<B: Body> {
    head: Parts,
    frames: Frames<B>,
    bytes: usize,
    limit: usize,
    /// Until its end. Boxed: failures are rare, and it moves.
    rest: Option<Pin<Box<B>>>,
}

impl<B: Body> From<B> for RetryBody<B> {
    /// As it streams.
    fn from(body: B) -> Self {
        Self { kind: Kind::Inner { body } }
    }
}

impl<B: Body> FailedAnswer<B> {
    pub(super) fn new(head: Parts, body: B, limit: usize) -> Self {
        let rest = Some(body).filter(|body| !body.is_end_stream()).map(Box::pin);
        Self { head, frames: VecDeque::new(), bytes: 0, limit, rest }
    }

    /// Whether it is known to be longer than the limit.
    pub(super) fn is_too_long(&self) -> bool {
        let rest = self.rest.as_ref().map_or(0, |rest| rest.size_hint().lower());
        self.bytes as u64 + rest > self.limit as u64
    }

    /// Ready when all of it is read, or more than the limit.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while let Some(rest) = &mut self.rest {
            if self.bytes > self.limit {
                break;
            }
            let frame = ready!(rest.as_mut().poll_frame(cx));
            if let Some(Ok(frame)) = &frame {
                self.bytes += frame.data_ref().map_or(0, Buf::remaining);
            }
            let ended = !matches!(frame, Some(Ok(_))) || rest.is_end_stream();
            self.frames.extend(frame);
            if ended {
                self.rest = None;
            }
        }
        Poll::Ready(())
    }

    pub(super) const fn is_read(&self) -> bool {
        self.rest.is_none()
    }

    /// The answer, of which nothing is lost.
    pub(super) fn into_response(self) -> Response<RetryBody<B>> {
        Response::from_parts(
            self.head,
            RetryBody { kind: Kind::Read { frames: self.frames, rest: self.rest } },
        )
    }
}

impl<B: Body> Body for RetryBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        match self.project().kind.project() {
            KindProjection::Inner { body } => body.poll_frame(cx),
            KindProjection::Read { frames, rest } => match (frames.pop_front(), rest) {
                (Some(frame), _) => Poll::Ready(Some(frame)),
                (None, Some(rest)) => rest.as_mut().poll_frame(cx),
                (None, None) => Poll::Ready(None),
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body } => body.is_end_stream(),
            Kind::Read { frames, rest } => {
                frames.is_empty() && rest.as_ref().is_none_or(|rest| rest.is_end_stream())
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body } => body.size_hint(),
            Kind::Read { frames, rest } => {
                let data = frames.iter().filter_map(|frame| frame.as_ref().ok()?.data_ref());
                let read = data.map(Buf::remaining).sum::<usize>() as u64;
                let rest = rest.as_ref().map_or_else(|| SizeHint::with_exact(0), |rest| rest.size_hint());
                let mut hint = SizeHint::new();
                hint.set_lower(rest.lower() + read);
                if let Some(upper) = rest.upper() {
                    hint.set_upper(upper + read);
                }
                hint
            }
        }
    }
}

impl<B: Body> fmt::Debug for RetryBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Inner { .. } => "inner",
            Kind::Read { .. } => "read",
        };
        f.debug_struct("RetryBody").field("kind", &kind).finish_non_exhaustive()
    }
}
