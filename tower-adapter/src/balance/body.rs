use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tenantry::{FailureCause, Lease, Outcome, OutcomeKind};

use super::{PickedEndpoint, report};

pin_project! {
    /// A response body that holds the lease until its last byte: a request is in flight as long as its response flows.
    ///
    /// - Read to its end, it finishes the lease with what the response's head said.
    /// - Breaking off, it finishes the lease as a failure.
    /// - Dropped before, it ends the lease as cancelled, unless the head already said that the endpoint fails or has
    ///   too much to do.
    ///
    /// A body without bytes (the answer to `HEAD`, a 204) finishes at once.
    #[derive(Debug)]
    pub struct LeaseBody<B> {
        #[pin]
        inner: B,
        // Boxed, because answers are moved from layer to layer.
        held: Box<Held>,
    }
}

/// The lease, and how it ends.
#[derive(Debug)]
struct Held {
    lease: Option<Lease>,
    picked: PickedEndpoint,
    verdict: Outcome,
}

impl<B: Body> LeaseBody<B> {
    /// Without a lease where another keeps it.
    pub(super) fn new(inner: B, lease: Option<Lease>, picked: PickedEndpoint, verdict: Outcome) -> Self {
        let mut held = Box::new(Held { lease, picked, verdict });
        if inner.is_end_stream() {
            held.end(verdict);
        }
        Self { inner, held }
    }
}

impl<B: Body> Body for LeaseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let mut frame = ready!(this.inner.as_mut().poll_frame(cx));
        if let Some(Ok(frame)) = &mut frame {
            this.held.read_trailers(frame);
        }
        let verdict = this.held.verdict;
        match &frame {
            // A body whose length is known tells its end with its last frame, and is then not polled again.
            Some(Ok(_)) if !this.inner.is_end_stream() => {}
            Some(Ok(_)) | None => this.held.end(verdict),
            Some(Err(_)) => this.held.end(broken(verdict)),
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

impl Held {
    /// Trailers may bring a load report, as gRPC's do.
    fn read_trailers<D>(&self, frame: &mut Frame<D>) {
        let Some(report) = frame.trailers_mut().and_then(report::take) else { return };
        if let Some(lease) = &self.lease {
            lease.report_load(&report);
        }
    }

    /// Ends the lease, once.
    fn end(&mut self, outcome: Outcome) {
        let Some(lease) = self.lease.take() else { return };
        if self.picked.is_excused() {
            lease.finish(Outcome::cancelled());
        } else {
            lease.finish(outcome);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        match self.verdict.kind() {
            OutcomeKind::Success => self.end(Outcome::cancelled()),
            _ => self.end(self.verdict),
        }
    }
}

/// A body that broke off is a failure, unless the head already said worse.
fn broken(verdict: Outcome) -> Outcome {
    match verdict.kind() {
        OutcomeKind::Success => Outcome::failure().with_cause(FailureCause::Connection),
        _ => verdict,
    }
}
