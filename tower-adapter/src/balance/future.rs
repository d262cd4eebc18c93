use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tenantry::{Acquire, Balancer, Lease, Outcome, OutcomeKind};
use tokio::time::{Instant, Sleep, sleep_until};
use tower::{Service, util::Oneshot};

use super::{Error, LeaseBody, PickedEndpoint, classify};

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
        Waiting { waiting: Option<Waiting<S, B>> },
        Calling {
            #[pin]
            call: Oneshot<S, Request<B>>,
            flight: Option<Flight>,
        },
        MissingTenant,
    }
}

/// A request in the queue.
struct Waiting<S, B> {
    acquire: Acquire,
    timer: Option<Pin<Box<Sleep>>>,
    balancer: Balancer,
    inner: S,
    request: Request<B>,
}

/// A request that the inner service works on.
pub(super) struct Flight {
    pub(super) lease: Lease,
    pub(super) picked: PickedEndpoint,
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    pub(super) const fn waiting(acquire: Acquire, balancer: Balancer, inner: S, request: Request<B>) -> Self {
        let waiting = Some(Waiting { acquire, timer: None, balancer, inner, request });
        Self { state: State::Waiting { waiting } }
    }

    pub(super) const fn missing_tenant() -> Self {
        Self { state: State::MissingTenant }
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
                StateProjection::MissingTenant => return Poll::Ready(Err(Error::MissingTenant)),
                StateProjection::Waiting { waiting } => {
                    let queued = waiting.as_mut().expect("a future is not polled after it was ready");
                    let admitted = ready!(queued.poll(cx));
                    let Waiting { inner, request, .. } = waiting.take().expect("it was there just now");
                    let lease = admitted.map_err(Error::Rejected)?;
                    state.set(State::calling(lease, inner, request));
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
    fn calling(lease: Lease, inner: S, mut request: Request<B>) -> Self {
        let picked = PickedEndpoint::new(lease.endpoint().address());
        request.extensions_mut().insert(picked.clone());
        Self::Calling { call: Oneshot::new(inner, request), flight: Some(Flight { lease, picked }) }
    }
}

impl<S, B> Waiting<S, B> {
    /// Waits for the lease, and wakes at the deadline: the core has no timers.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Lease, tenantry::Rejection>> {
        loop {
            if let Poll::Ready(result) = Pin::new(&mut self.acquire).poll(cx) {
                return Poll::Ready(result);
            }
            let Some(deadline) = self.acquire.deadline() else { return Poll::Pending };
            let timer = match &mut self.timer {
                Some(timer) => timer,
                none => {
                    let wake_at = Instant::now() + deadline.since(self.balancer.now());
                    none.insert(Box::pin(sleep_until(wake_at)))
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
        match result {
            Ok(response) => {
                let verdict = classify::outcome(&response);
                if verdict.kind() == OutcomeKind::Success {
                    self.lease.first_byte();
                }
                Ok(response.map(|body| LeaseBody::new(body, self.lease, self.picked, verdict)))
            }
            Err(error) => {
                if !self.picked.is_excused() {
                    self.lease.finish(Outcome::failure());
                }
                Err(Error::Service(error))
            }
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
            State::MissingTenant => "missing tenant",
        };
        f.debug_struct("ResponseFuture").field("state", &state).finish()
    }
}
