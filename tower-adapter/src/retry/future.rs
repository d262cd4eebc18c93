use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep, sleep_until};
use tower::{Service, util::Oneshot};

use super::{
    Classify, Error, RetryBody,
    body::FailedAnswer,
    job::{Job, Next, Sending},
    try_timer::TryTimer,
};
use crate::{
    balance::{Progress, Try},
    replay::ReplayBody,
};

pin_project! {
    /// The future of [`Retry`](super::Retry). Dropped, it gives up the attempt that is under way.
    pub struct ResponseFuture<S, B, C, R>
    where
        S: Service<Request<ReplayBody<B>>>,
        B: Body,
        R: Body,
    {
        job: Job<S, B, C, R, S::Error>,
        total: Option<Pin<Box<Sleep>>>,
        #[pin]
        state: State<S, B, R>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B, R>
    where
        S: Service<Request<ReplayBody<B>>>,
        B: Body,
        R: Body,
    {
        Calling {
            #[pin]
            call: Oneshot<S, Request<ReplayBody<B>>>,
            this_try: Try,
            timer: Option<TryTimer>,
        },
        Reading { answer: Option<FailedAnswer<R>>, wait: Duration, timer: Option<Pin<Box<Sleep>>> },
        Waiting { timer: Pin<Box<Sleep>> },
        Done,
    }
}

impl<S, B, C, R> ResponseFuture<S, B, C, R>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone,
    B: Body + Unpin,
    B::Data: Clone,
    C: Classify<S::Error>,
    R: Body,
{
    pub(super) fn new(job: Job<S, B, C, R, S::Error>, first: Sending<B>) -> Self {
        let total = job.deadline().map(|deadline| Box::pin(sleep_until(deadline)));
        let state = State::calling(job.service(), first);
        Self { job, total, state }
    }
}

impl<S, B, R> State<S, B, R>
where
    S: Service<Request<ReplayBody<B>>>,
    B: Body,
    R: Body,
{
    fn calling(service: S, Sending { request, this_try }: Sending<B>) -> Self {
        Self::Calling { call: Oneshot::new(service, request), this_try, timer: None }
    }
}

impl<S, B, C, R> Future for ResponseFuture<S, B, C, R>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone,
    B: Body + Unpin,
    B::Data: Clone,
    C: Classify<S::Error>,
    R: Body,
{
    type Output = Result<Response<RetryBody<R>>, Error<S::Error>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().poll_next(this.job, cx) {
                Poll::Ready(next) => next,
                Poll::Pending => {
                    let Some(total) = this.total else { return Poll::Pending };
                    ready!(total.as_mut().poll(cx));
                    Some(this.state.as_mut().interrupt(this.job))
                }
            };
            // What ends an attempt is dropped, and with it the attempt's lease, before the next one begins.
            match next {
                Some(Next::End(ended)) => {
                    this.state.set(State::Done);
                    return Poll::Ready(ended);
                }
                Some(Next::Read(answer, wait)) => {
                    this.state.set(State::Reading { answer: Some(answer), wait, timer: None });
                }
                Some(Next::Wait(wait)) => this.state.set(State::Waiting { timer: Box::pin(sleep(wait)) }),
                None => {
                    let sending = this.job.again().expect("who waits may be sent again");
                    this.state.set(State::calling(this.job.service(), sending));
                }
            }
        }
    }
}

impl<S, B, R> State<S, B, R>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone,
    B: Body + Unpin,
    B::Data: Clone,
    R: Body,
{
    /// What comes next; `None`: the next attempt.
    fn poll_next<C: Classify<S::Error>>(
        self: Pin<&mut Self>,
        job: &mut Job<S, B, C, R, S::Error>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Next<R, S::Error>>> {
        match self.project() {
            StateProjection::Calling { call, this_try, timer } => {
                if let Poll::Ready(ended) = call.poll(cx) {
                    return Poll::Ready(Some(job.after(ended, this_try)));
                }
                ready!(poll_try(job, this_try, timer, cx));
                if job.ends_then() { Poll::Ready(Some(job.after_timeout(this_try))) } else { Poll::Pending }
            }
            StateProjection::Reading { answer, wait, timer } => {
                let reading = answer.as_mut().expect("it is read once");
                if reading.poll_read(cx).is_pending() {
                    let timer = timer.get_or_insert_with(|| Box::pin(sleep(job.reading_time())));
                    ready!(timer.as_mut().poll(cx));
                }
                let answer = answer.take().expect("it was there just now");
                Poll::Ready(Some(job.after_reading(answer, *wait)))
            }
            StateProjection::Waiting { timer } => timer.as_mut().poll(cx).map(|()| None),
            StateProjection::Done => {
                unreachable!("a future is not polled after it was ready")
            }
        }
    }

    /// There is no time left.
    fn interrupt<C: Classify<S::Error>>(
        self: Pin<&mut Self>,
        job: &mut Job<S, B, C, R, S::Error>,
    ) -> Next<R, S::Error> {
        match self.project() {
            StateProjection::Reading { answer, .. } => job.stand(answer.take().expect("it is read once")),
            StateProjection::Calling { this_try, timer, .. } => job.abandon(this_try, timer.as_ref()),
            _ => Next::End(job.give_up()),
        }
    }
}

/// Ready when an attempt has had its time.
fn poll_try<S: Clone, B: Body, C: Classify<E>, R: Body, E>(
    job: &Job<S, B, C, R, E>,
    this_try: &Try,
    timer: &mut Option<TryTimer>,
    cx: &mut Context<'_>,
) -> Poll<()> {
    let Some(timeout) = job.fair_time().filter(|_| this_try.progress() != Progress::Queued) else {
        return Poll::Pending;
    };
    timer.get_or_insert_with(|| TryTimer::new(timeout)).poll(job.body(), cx)
}

impl<S, B, C, R> fmt::Debug for ResponseFuture<S, B, C, R>
where
    S: Service<Request<ReplayBody<B>>>,
    B: Body,
    R: Body,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Calling { .. } => "calling",
            State::Reading { .. } => "reading a failed answer",
            State::Waiting { .. } => "waiting",
            State::Done => "done",
        };
        f.debug_struct("ResponseFuture").field("state", &state).finish_non_exhaustive()
    }
}
