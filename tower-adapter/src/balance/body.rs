use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tenantry::{FailureCause, Lease, Outcome, OutcomeKind};

use super::{PickedEndpoint, Verdict, classify::Classifier, late::LateVerdict, report};

pin_project! {
    /// A response body that holds the lease until its last byte: a request is in flight as long as its response flows.
    ///
    /// - Read to its end, it finishes the lease with what the response's head said, or where that left it open, its end.
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
    verdict: Pending,
}

/// What the answer says about its endpoint.
#[derive(Debug)]
pub(super) enum Pending {
    Known(Outcome),
    /// Whom to ask at its end, and what then tells others.
    AtEnd(Classifier, LateVerdict),
}

impl Pending {
    pub(super) fn new(verdict: Verdict, classifier: Classifier) -> Self {
        match verdict {
            Verdict::Known(outcome) => Self::Known(outcome),
            Verdict::AtEnd => Self::AtEnd(classifier, LateVerdict::default()),
        }
    }

    /// What tells others at its end, where the head does not.
    pub(super) const fn late(&self) -> Option<&LateVerdict> {
        match self {
            Self::Known(_) => None,
            Self::AtEnd(_, late) => Some(late),
        }
    }

    /// What others go by who would read something else from the head, or nothing yet.
    pub(super) fn told_others(&self, status: StatusCode) -> Option<LateVerdict> {
        let is_excused =
            |outcome: &Outcome| outcome.kind() == OutcomeKind::Cancelled && status == StatusCode::OK;
        let excused = || self.known().filter(is_excused).map(LateVerdict::said);
        self.late().cloned().or_else(excused)
    }

    /// What the head said, if that was all.
    pub(super) const fn known(&self) -> Option<Outcome> {
        match self {
            Self::Known(outcome) => Some(*outcome),
            Self::AtEnd(..) => None,
        }
    }

    pub(super) fn is_success(&self) -> bool {
        self.known().is_some_and(|outcome| outcome.kind() == OutcomeKind::Success)
    }

    /// What the answer has said when it is over.
    fn at_end(&self, trailers: Option<&HeaderMap>) -> Outcome {
        match self {
            Self::Known(outcome) => *outcome,
            Self::AtEnd(classifier, _) => classifier.end(trailers),
        }
    }
}

impl<B: Body> LeaseBody<B> {
    /// Without a lease where another keeps it.
    pub(super) fn new(inner: B, lease: Option<Lease>, picked: PickedEndpoint, verdict: Pending) -> Self {
        let mut held = Box::new(Held { lease, picked, verdict });
        if inner.is_end_stream() {
            held.ended(None);
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
        match &mut frame {
            Some(Ok(frame)) => {
                this.held.read(frame);
                // A body whose length is known tells its end with its last frame, and is then not polled again.
                if this.inner.is_end_stream() {
                    this.held.ended(None);
                }
            }
            None => this.held.ended(None),
            Some(Err(_)) => this.held.broken(),
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
    fn read<D>(&mut self, frame: &mut Frame<D>) {
        if let Some(trailers) = frame.trailers_mut() {
            self.read_trailers(trailers);
        } else if let (Pending::AtEnd(..), Some(lease)) = (&self.verdict, &mut self.lease) {
            // A head that leaves all open may be an error's; what follows it is an answer's first part.
            lease.first_byte();
        }
    }

    /// They are the last of a body. They may bring a load report, as gRPC's do.
    fn read_trailers(&mut self, trailers: &mut HeaderMap) {
        if let (Some(report), Some(lease)) = (report::take(trailers), &self.lease) {
            lease.report_load(&report);
        }
        self.ended(Some(trailers));
    }

    /// The body is over.
    fn ended(&mut self, trailers: Option<&HeaderMap>) {
        if self.lease.is_some() {
            let outcome = self.verdict.at_end(trailers);
            self.end(outcome);
        }
    }

    /// A body that broke off is a failure, unless the head already said worse.
    fn broken(&mut self) {
        match self.verdict.known().filter(|_| !self.verdict.is_success()) {
            Some(worse) => self.end(worse),
            None => self.end(Outcome::failure().with_cause(FailureCause::Connection)),
        }
    }

    /// Ends the lease, once, and tells others, once.
    fn end(&mut self, outcome: Outcome) {
        let outcome = if self.picked.is_excused() { Outcome::cancelled() } else { outcome };
        if let Some(lease) = self.lease.take() {
            lease.finish(outcome);
        }
        if let Some(late) = self.verdict.late() {
            late.say(outcome);
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let worse = self.verdict.known().filter(|_| !self.verdict.is_success());
        self.end(worse.unwrap_or_else(Outcome::cancelled));
    }
}
