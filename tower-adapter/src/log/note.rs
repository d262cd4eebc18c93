use std::task::{Context, Poll};

use http::Request;
use tower::{Layer, Service};

use super::record::Record;

/// Writes down what is known of a request where it stands: its tenant, its route, its endpoint. For the [`LogLayer`](super::LogLayer) around; without one it does nothing.
///
/// Stands within what identifies, within what routes, and within what balances; wherever it is left out, the fields are.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoteLayer(());

impl NoteLayer {
    /// Each is the same.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for NoteLayer {
    type Service = Note<S>;

    fn layer(&self, inner: S) -> Note<S> {
        Note { inner }
    }
}

/// The service of [`NoteLayer`].
#[derive(Clone, Debug)]
pub struct Note<S> {
    inner: S,
}

impl<S: Service<Request<B>>, B> Service<Request<B>> for Note<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        if let Some(record) = request.extensions().get::<Record>() {
            record.note(request.extensions());
        }
        self.inner.call(request)
    }
}
