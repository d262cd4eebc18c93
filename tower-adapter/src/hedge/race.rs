//! What is kept of a request that may be sent a second time, and when that is.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{Request, Response, request::Parts};
use http_body::Body;
use tenantry::Attempt;
use tokio::time::{Instant, Sleep, sleep};

use super::layer::Settings;
use crate::{
    balance::{Progress, Try},
    proxy::asks_for_another_protocol,
    replay::{Replay, ReplayBody},
    retry::{Classify, Verdict, mark_request, says_repeated},
};

/// Which attempt gave an answer; among the extensions of the answers to requests that were hedged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Winner {
    /// The first one.
    First,
    /// The second one.
    Hedge,
}

pub(super) struct Race<B: Body, C> {
    settings: Arc<Settings<C>>,
    first: Try,
    body: Replay<B>,
    /// As long as a hedge may come.
    head: Option<Parts>,
    /// When the endpoint had the whole request.
    begun: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
    measures: bool,
    hedged: bool,
}

impl<B: Body, C> Race<B, C> {
    /// Takes a request apart, and makes the first attempt.
    pub(super) fn begin(settings: Arc<Settings<C>>, request: Request<B>) -> (Self, Request<ReplayBody<B>>) {
        let (mut head, body) = request.into_parts();
        let known = head.extensions.get::<Try>().cloned();
        let is_first = known.as_ref().is_none_or(|known| known.attempt() == Attempt::First);
        let once = !is_first || says_repeated(&head.headers) || asks_for_another_protocol(&head);
        let may = !once && settings.policy.idempotency().covers(&head);
        let first = known.unwrap_or_else(|| {
            let first = Try::first();
            head.extensions.insert(first.clone());
            first
        });
        let body = Replay::new(body, if may { settings.policy.body_limit() } else { 0 });
        let request = Request::from_parts(head.clone(), body.body());
        let head = may.then_some(head);
        let race =
            Self { settings, first, body, head, begun: None, timer: None, measures: may, hedged: false };
        (race, request)
    }

    /// The hedge, when it is time for one.
    pub(super) fn poll_hedge(&mut self, cx: &mut Context<'_>) -> Poll<Request<ReplayBody<B>>> {
        if self.head.is_none() {
            return Poll::Pending;
        }
        if self.timer.is_none() {
            let Some(delay) = ready!(self.poll_begun(cx)) else {
                self.head = None;
                return Poll::Pending;
            };
            self.timer = Some(Box::pin(sleep(delay)));
        }
        if let Some(timer) = &mut self.timer {
            ready!(timer.as_mut().poll(cx));
        }
        self.hedge().map_or(Poll::Pending, Poll::Ready)
    }

    /// Ready when the endpoint has the whole request, with how long to wait from there.
    fn poll_begun(&mut self, cx: &Context<'_>) -> Poll<Option<Duration>> {
        if self.first.progress() == Progress::Queued {
            return Poll::Pending;
        }
        ready!(self.body.poll_sent(cx));
        self.begun = Some(Instant::now());
        if self.first.progress() == Progress::Unknown {
            self.settings.budget.deposit();
        }
        let Settings { policy, latencies, .. } = &*self.settings;
        Poll::Ready(policy.delay_by(|percentile| latencies.at(percentile)))
    }

    fn hedge(&mut self) -> Option<Request<ReplayBody<B>>> {
        let mut head = self.head.take()?;
        let body = self.body.twin()?;
        // Within a balancer it is for the balancer to say.
        let may = self.first.progress() != Progress::Unknown || self.settings.budget.withdraw();
        head.extensions.insert(self.first.next(Attempt::Hedge));
        mark_request(&mut head.headers, 2);
        self.hedged = may;
        may.then(|| Request::from_parts(head, body))
    }

    /// The first one has a good answer, or has lost to a hedge that has one: then it would have taken at least as long.
    pub(super) fn measure(&self) {
        if self.measures {
            self.settings.latencies.note(self.begun.map(|begun| begun.elapsed()).unwrap_or_default());
        }
    }

    /// Tells who won, where there were two.
    pub(super) fn marked<R>(&self, mut response: Response<R>, winner: Winner) -> Response<R> {
        if self.hedged {
            response.extensions_mut().insert(winner);
        }
        response
    }

    /// Whether an attempt has ended well; an answer passes through.
    pub(super) fn judge<R, E>(&self, ended: Result<Response<R>, E>) -> (bool, Result<Response<R>, E>)
    where
        C: Classify<E>,
    {
        let classifier = &self.settings.classifier;
        match ended {
            Ok(response) => {
                let (head, body) = response.into_parts();
                let good = classifier.classify(Ok(&head)) == Verdict::Final;
                (good, Ok(Response::from_parts(head, body)))
            }
            // No error is a good answer.
            Err(error) => (false, Err(error)),
        }
    }
}
