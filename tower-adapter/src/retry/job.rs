//! One request, over all of its attempts: what is kept of it, and whether there is another.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use http::{Request, Response, request::Parts};
use http_body::Body;
use tenantry::Attempt;
use tokio::time::Instant;

use super::{
    Classify, Error, RetryBody, Verdict, body::FailedAnswer, layer::Settings, marks, try_timer::TryTimer,
};
use crate::{
    balance::{Progress, Try},
    proxy::asks_for_another_protocol,
    replay::{Replay, ReplayBody},
};

pub(super) struct Job<S, B: Body, C, R: Body, E> {
    service: S,
    settings: Arc<Settings<C>>,
    /// Where it may be sent again.
    head: Option<Parts>,
    body: Replay<B>,
    is_idempotent: bool,
    /// How often it was tried.
    tries: u32,
    /// How often an endpoint may have seen it.
    sent: u32,
    number: u64,
    deadline: Option<Instant>,
    /// How the last attempt ended.
    failure: Option<Ended<R, E>>,
}

/// How a request ends.
pub(super) type Ended<R, E> = Result<Response<RetryBody<R>>, Error<E>>;

/// An attempt that is about to be made.
pub(super) struct Sending<B: Body> {
    pub(super) request: Request<ReplayBody<B>>,
    pub(super) this_try: Try,
}

/// What comes after an attempt.
pub(super) enum Next<R: Body, E> {
    /// Nothing: that is how it ends.
    End(Ended<R, E>),
    /// Another one, when this answer has been read.
    Read(FailedAnswer<R>, Duration),
    /// Another one, after this long.
    Wait(Duration),
}

impl<S: Clone, B: Body, C: Classify<E>, R: Body, E> Job<S, B, C, R, E> {
    /// Takes a request apart, and makes the first attempt.
    pub(super) fn begin(service: S, settings: Arc<Settings<C>>, request: Request<B>) -> (Self, Sending<B>) {
        let policy = &settings.policy;
        let (mut head, body) = request.into_parts();
        let nested = head.extensions.get::<Try>().cloned();
        // What somebody else tries again is not tried again here: retries would multiply.
        let repeated = nested.is_some() || marks::says_repeated(&head.headers);
        // What the connection is to become, it becomes once.
        let once = repeated || asks_for_another_protocol(&head);
        let again = policy.attempts().get() > 1 && !once;
        let is_idempotent = again && policy.idempotency().covers(&head);
        let this_try = nested.unwrap_or_else(|| {
            let first = Try::first();
            head.extensions.insert(first.clone());
            first
        });
        // Of what is not idempotent, too: an endpoint may say that it has not looked at it.
        let body = Replay::new(body, if again { policy.body_limit() } else { 0 });
        let request = Request::from_parts(head.clone(), body.body());
        let job = Self {
            service,
            head: again.then_some(head),
            body,
            is_idempotent,
            tries: 1,
            sent: 0,
            number: settings.requests.fetch_add(1, Ordering::Relaxed),
            deadline: policy.timeout().and_then(|timeout| Instant::now().checked_add(timeout)),
            failure: None,
            settings,
        };
        (job, Sending { request, this_try })
    }

    pub(super) fn service(&self) -> S {
        self.service.clone()
    }

    pub(super) const fn body(&self) -> &Replay<B> {
        &self.body
    }

    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// When an attempt has had its time.
    pub(super) fn fair_time(&self) -> Option<Duration> {
        self.settings.policy.fair_time()
    }

    /// Whether it ends then.
    pub(super) fn ends_then(&self) -> bool {
        self.settings.policy.try_timeout() == self.fair_time()
    }

    /// How long a failed answer may take to read.
    pub(super) fn reading_time(&self) -> Duration {
        self.settings.policy.longest_wait()
    }

    /// An attempt has ended by itself.
    pub(super) fn after(&mut self, ended: Result<Response<R>, E>, this_try: &Try) -> Next<R, E> {
        match ended {
            Ok(response) => {
                let (head, body) = response.into_parts();
                match self.judge(self.settings.classifier.classify(Ok(&head)), this_try) {
                    Judged::Again(wait) => {
                        let answer = FailedAnswer::new(head, body, self.settings.policy.body_limit());
                        if answer.is_too_long() { self.stand(answer) } else { Next::Read(answer, wait) }
                    }
                    Judged::AsBefore => Next::End(self.give_up()),
                    Judged::Stands => self.end(Ok(Response::from_parts(head, body.into()))),
                }
            }
            Err(error) => match self.judge(self.settings.classifier.classify(Err(&error)), this_try) {
                Judged::Again(wait) => {
                    self.failure = Some(Err(Error::Service(error)));
                    Next::Wait(wait)
                }
                Judged::AsBefore => Next::End(self.give_up()),
                Judged::Stands => self.end(Err(Error::Service(error))),
            },
        }
    }

    /// An attempt has taken too long.
    pub(super) fn after_timeout(&mut self, this_try: &Try) -> Next<R, E> {
        this_try.fail();
        match self.judge(Verdict::FAILED, this_try) {
            Judged::Again(wait) => {
                self.failure = Some(Err(Error::TryTimedOut));
                Next::Wait(wait)
            }
            Judged::AsBefore | Judged::Stands => self.end(Err(Error::TryTimedOut)),
        }
    }

    /// A failed answer has been read, or is not worth reading.
    pub(super) fn after_reading(&mut self, answer: FailedAnswer<R>, wait: Duration) -> Next<R, E> {
        if !answer.is_read() {
            return self.stand(answer);
        }
        self.failure = Some(Ok(answer.into_response()));
        Next::Wait(wait)
    }

    /// It is as good as it gets.
    pub(super) fn stand(&self, answer: FailedAnswer<R>) -> Next<R, E> {
        self.end(Ok(answer.into_response()))
    }

    /// The next attempt.
    pub(super) fn again(&mut self) -> Option<Sending<B>> {
        let head = self.head.as_ref()?;
        let mut head = head.clone();
        let before = head.extensions.get::<Try>()?;
        // Where the balancer has let none in yet, it is still the first.
        let this_try = before.next(if self.sent == 0 { Attempt::First } else { Attempt::Retry });
        head.extensions.insert(this_try.clone());
        if self.sent > 0 {
            marks::mark_request(&mut head.headers, self.sent + 1);
        }
        self.tries += 1;
        Some(Sending { request: Request::from_parts(head, self.body.body()), this_try })
    }

    /// There is no time left for an attempt that is under way, whether or not it has had its part of it.
    pub(super) fn abandon(&mut self, this_try: &Try, timer: Option<&TryTimer>) -> Next<R, E> {
        if timer.is_some_and(TryTimer::is_over) {
            this_try.fail();
        }
        // Its endpoint may be at work all the same, and whoever called shall not begin anew beside it.
        if this_try.progress() != Progress::Queued {
            self.sent += 1;
        }
        Next::End(self.give_up())
    }

    /// Ends with how the last attempt failed, or, where none has, with having taken too long.
    pub(super) fn give_up(&mut self) -> Ended<R, E> {
        let failure = self.failure.take().unwrap_or(Err(Error::TimedOut));
        self.marked(failure)
    }

    fn end(&self, ended: Ended<R, E>) -> Next<R, E> {
        Next::End(self.marked(ended))
    }

    fn marked(&self, ended: Ended<R, E>) -> Ended<R, E> {
        ended.map(|mut response| {
            marks::mark_answer(response.headers_mut(), self.sent);
            response.extensions_mut().insert(marks::Attempts(self.sent.max(1)));
            response
        })
    }
}

/// What a verdict comes to.
enum Judged {
    /// Another attempt after this long.
    Again(Duration),
    /// The request ends as this attempt did.
    Stands,
    /// The request ends as the attempt before did: there was to be another one, and it was refused.
    AsBefore,
}

impl<S, B: Body, C, R: Body, E> Job<S, B, C, R, E> {
    fn judge(&mut self, verdict: Verdict, this_try: &Try) -> Judged {
        let refused = matches!(verdict, Verdict::Refused { .. });
        if refused && self.sent > 0 {
            return Judged::AsBefore;
        }
        if !refused {
            self.sent += 1;
        }
        let policed = this_try.progress() != Progress::Unknown;
        if self.tries == 1 && !policed {
            self.settings.budget.deposit();
        }
        let Some(wait) = self.wait(verdict) else { return Judged::Stands };
        // Within a balancer it is for the balancer to say.
        if policed || refused || self.settings.budget.withdraw() {
            Judged::Again(wait)
        } else {
            Judged::Stands
        }
    }

    /// How long to wait before another attempt, if there is to be one.
    fn wait(&self, verdict: Verdict) -> Option<Duration> {
        let policy = &self.settings.policy;
        let may = match verdict {
            Verdict::Final => false,
            Verdict::Unsent => true,
            Verdict::Failed { .. } => self.is_idempotent,
            Verdict::Refused { retry_after } => policy.waits_out_refusals() && retry_after.is_some(),
        };
        let left = self.head.is_some() && self.tries < policy.attempts().get();
        if !may || !left || !self.body.is_replayable() {
            return None;
        }
        let asked = verdict.wait().unwrap_or_default();
        let jitter = policy.backoff().wait(self.sent, self.number);
        let wait = if self.sent == 0 { asked } else { asked.max(jitter) };
        let in_time = self.deadline.is_none_or(|deadline| Instant::now() + wait < deadline);
        (asked <= policy.longest_wait() && in_time).then_some(wait)
    }
}
