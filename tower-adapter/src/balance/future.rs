use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tenantry::{Acquire, Balancer, FailureCause, Lease, Outcome, Time};
use tokio::time::{Instant, Sleep, sleep_until};
use tower::Service;

use super::{
    Error, LeaseBody, PickedEndpoint, Try, Tunnel,
    body::Pending,
    report,
    settings::{Landing, UpstreamLimits},
};
use crate::{inner_call::InnerCall, upstream};

pin_project! {
    /// The future of [`Balance`](super::Balance). Dropped while it waits, it leaves the queue; dropped while the inner
    /// service works, its lease ends as cancelled.
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Waiting { waiting: Option<Box<Waiting<S, B>>> },
        Calling {
            #[pin]
            call: InnerCall<S, Request<B>>,
            flight: Option<Flight>,
        },
        Failed { error: Option<Error<S::Error>> },
    }
}

/// A request in the queue.
struct Waiting<S, B> {
    acquire: Acquire,
    /// For a moment of the balancer's clock.
    timer: Option<(Time, Pin<Box<Sleep>>)>,
    balancer: Balancer,
    landing: Landing,
    inner: S,
    request: Request<B>,
}

/// A request that the inner service works on.
pub(super) struct Flight {
    /// Until it lands.
    pub(super) lease: Option<Lease>,
    pub(super) picked: PickedEndpoint,
    pub(super) landing: Landing,
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    /// Whoever has a seat already is sent on at once: what it would wait with is moved nowhere.
    pub(super) fn new(
        mut acquire: Acquire,
        balancer: &Balancer,
        landing: Landing,
        inner: S,
        request: Request<B>,
    ) -> Self {
        let admitted = Pin::new(&mut acquire).poll(&mut Context::from_waker(Waker::noop()));
        let state = match admitted {
            Poll::Ready(Ok(lease)) => State::calling(lease, landing, inner, request),
            Poll::Ready(Err(rejection)) => State::failed(Error::Rejected(rejection)),
            Poll::Pending => {
                let balancer = balancer.clone();
                let waiting = Waiting { acquire, timer: None, balancer, landing, inner, request };
                State::Waiting { waiting: Some(Box::new(waiting)) }
            }
        };
        Self { state }
    }

    pub(super) const fn failed(error: Error<S::Error>) -> Self {
        Self { state: State::failed(error) }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: Body,
{
    type Output = Result<Response<LeaseBody<R>>, Error<S::Error>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProjection::Failed { error } => {
                    return Poll::Ready(Err(error
                        .take()
                        .expect("a future is not polled after it was ready")));
                }
                StateProjection::Waiting { waiting } => {
                    let queued = waiting.as_mut().expect("a future is not polled after it was ready");
                    let admitted = ready!(queued.poll(cx));
                    let Waiting { landing, inner, request, .. } =
                        *waiting.take().expect("it was there just now");
                    let lease = admitted.map_err(Error::Rejected)?;
                    state.set(State::calling(lease, landing, inner, request));
                }
                StateProjection::Calling { call, flight } => {
                    let result = ready!(call.poll(cx));
                    let flight = flight.take().expect("a future is not polled after it was ready");
                    return Poll::Ready(flight.land(result));
                }
            }
        }
    }
}

impl<S, B> State<S, B>
where
    S: Service<Request<B>>,
{
    const fn failed(error: Error<S::Error>) -> Self {
        Self::Failed { error: Some(error) }
    }

    fn calling(lease: Lease, landing: Landing, inner: S, mut request: Request<B>) -> Self {
        let picked = PickedEndpoint::of_pool(lease.pool().unwrap_or_default(), lease.endpoint().address());
        request.extensions_mut().insert(picked.clone());
        if let Some(this_try) = &landing.this_try {
            this_try.send_to(&picked);
        }
        let flight = Some(Flight { lease: Some(lease), picked, landing });
        Self::Calling { call: InnerCall::new(inner, request), flight }
    }
}

impl<S, B> Waiting<S, B> {
    /// Waits for the lease, and wakes when it is to look again, at its deadline at the latest: the core has no timers.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Lease, tenantry::Rejection>> {
        loop {
            if let Poll::Ready(result) = Pin::new(&mut self.acquire).poll(cx) {
                return Poll::Ready(result);
            }
            let Some(deadline) = self.acquire.deadline() else { return Poll::Pending };
            let (_, timer) = match &mut self.timer {
                Some(timer) if timer.0 == deadline => timer,
                // There was none, or it has been asked to look at another time.
                other => {
                    let wake_at = Instant::now() + deadline.since(self.balancer.now());
                    other.insert((deadline, Box::pin(sleep_until(wake_at))))
                }
            };
            ready!(timer.as_mut().poll(cx));
            // The deadline should have come; where the two clocks disagree, the next round waits for the rest.
            self.timer = None;
        }
    }
}

impl Flight {
    /// The inner service is done: its response goes out with the lease in its body, its error ends the lease here.
    fn land<R: Body, E>(
        mut self,
        result: Result<Response<R>, E>,
    ) -> Result<Response<LeaseBody<R>>, Error<E>> {
        let mut lease = self.lease.take().expect("a flight lands once");
        match result {
            Ok(response) => {
                let (mut head, body) = response.into_parts();
                if let Some(report) = report::take(&mut head.headers) {
                    lease.report_load(&report);
                }
                let classifier = mem::take(&mut self.landing.classifier);
                let verdict = Pending::new(classifier.head(&head), classifier);
                if let Some(late) = verdict.told_others(head.status) {
                    head.extensions.insert(late);
                }
                if matches!(self.landing.limits, UpstreamLimits::Learnt) {
                    lease.report_upstream(&upstream::read(head.status, &head.headers));
                }
                if let Some(session) = &self.landing.session {
                    session.tell(&lease, &mut head.headers);
                }
                if verdict.is_success() {
                    lease.first_byte();
                }
                let picked = self.picked.clone();
                let lease = match head.extensions.remove::<Tunnel>() {
                    None => Some(lease),
                    Some(tunnel) => {
                        tunnel.keep(lease);
                        None
                    }
                };
                Ok(Response::from_parts(head, LeaseBody::new(body, lease, picked, verdict)))
            }
            Err(error) => {
                if !self.picked.is_excused() {
                    lease.finish(Outcome::failure().with_cause(FailureCause::Connection));
                }
                Err(Error::Service(error))
            }
        }
    }
}

impl Drop for Flight {
    /// Given up before an answer: cancelled, unless whoever gave it up says whose fault it is.
    fn drop(&mut self) {
        let Some(lease) = self.lease.take() else { return };
        let failed = self.landing.this_try.as_ref().is_some_and(Try::has_failed);
        if failed && !self.picked.is_excused() {
            lease.finish(Outcome::failure().with_cause(FailureCause::Timeout));
        }
    }
}

impl<S, B> fmt::Debug for ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Waiting { .. } => "waiting",
            State::Calling { .. } => "calling",
            State::Failed { .. } => "failed",
        };
        f.debug_struct("ResponseFuture").field("state", &state).finish()
    }
}
