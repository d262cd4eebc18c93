use std::{
    fmt, io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tower::BoxError;

use super::{
    activity::{InFlight, Stallable},
    patience::Patience,
};

pin_project! {
    /// An answer's body; while it is there, its request is in flight.
    ///
    /// hyper asks for a part when its client has room for it. A client of HTTP/2 may make none in one stream (its window stays shut) while all else on the
    /// connection goes well: with patience, such an answer is ended by whoever looks after the connection, and all that it holds is free.
    #[derive(Debug)]
    pub(super) struct Answer<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    #[derive(Debug)]
    enum Kind<B> {
        // Ends with its connection.
        Bound {
            #[pin]
            body: B,
            seat: InFlight,
        },
        Watched { state: Arc<Mutex<State<B>>> },
    }
}

struct State<B> {
    /// Until it is ended.
    body: Option<(Pin<Box<B>>, InFlight)>,
    patience: Patience,
    /// How many bytes the client has got once more is asked for.
    given: usize,
}

impl<B: Body + Send + 'static> Answer<B> {
    pub(super) fn new(body: B, seat: InFlight, patience: Option<Patience>) -> Self {
        let Some(patience) = patience else { return Self { kind: Kind::Bound { body, seat } } };
        let mut state = State { body: Some((Box::pin(body), seat.clone())), patience, given: 0 };
        state.give(0);
        let state = Arc::new(Mutex::new(state));
        let watched: Arc<dyn Stallable> = Arc::<Mutex<State<B>>>::clone(&state);
        seat.watch(Arc::downgrade(&watched));
        Self { kind: Kind::Watched { state } }
    }
}

fn lock<B>(state: &Mutex<State<B>>) -> MutexGuard<'_, State<B>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<B> State<B> {
    /// Something is to be sent, and the client waited for.
    fn give(&mut self, bytes: usize) {
        self.given = bytes;
        self.patience.wait(Instant::now());
    }

    /// The client has room for more.
    fn taken(&mut self) {
        self.patience.moved(self.given, Instant::now);
    }

    fn body(&self) -> Option<&B> {
        self.body.as_ref().map(|(body, _)| &**body)
    }
}

impl<B> State<B>
where
    B: Body,
    B::Data: bytes::Buf,
    B::Error: Into<BoxError>,
{
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, BoxError>>> {
        self.taken();
        let Some((body, _)) = &mut self.body else { return Poll::Ready(Some(Err(unread().into()))) };
        let polled = body.as_mut().poll_frame(cx);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            self.give(frame.data_ref().map_or(0, bytes::Buf::remaining));
        }
        polled.map_err(Into::into)
    }
}

impl<B> Body for Answer<B>
where
    B: Body,
    B::Data: bytes::Buf,
    B::Error: Into<BoxError>,
{
    type Data = B::Data;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, Self::Error>>> {
        match self.project().kind.project() {
            KindProjection::Bound { body, .. } => body.poll_frame(cx).map_err(Into::into),
            KindProjection::Watched { state } => lock(state).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Bound { body, .. } => body.is_end_stream(),
            Kind::Watched { state } => lock(state).body().is_some_and(Body::is_end_stream),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Bound { body, .. } => body.size_hint(),
            Kind::Watched { state } => lock(state).body().map_or_else(SizeHint::default, Body::size_hint),
        }
    }
}

impl<B: Send> Stallable for Mutex<State<B>> {
    fn end_if_stalled(&self, now: Instant) {
        let mut state = lock(self);
        let ended = state.patience.end().filter(|end| *end <= now).and_then(|_| state.body.take());
        // What it holds may have more to do at its end than others should wait for.
        drop(state);
        drop(ended);
    }
}

impl<B> fmt::Debug for State<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("patience", &self.patience).finish_non_exhaustive()
    }
}

fn unread() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the answer was read too slowly")
}
