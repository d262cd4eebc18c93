use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::{Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tokio::time::{Sleep, sleep};
use tower::{Service, util::Oneshot};

use super::{FaultBody, Injected};

/// What befalls one request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Plan {
    pub(super) delay: Duration,
    pub(super) abort: Option<StatusCode>,
    pub(super) reset: Option<u64>,
}

pin_project! {
    /// The future of [`Faulty`](super::Faulty).
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        delay: Option<Sleep>,
        plan: Plan,
        waiting: Option<(S, Request<B>)>,
        #[pin]
        call: Option<Oneshot<S, Request<B>>>,
    }
}

impl<S: Service<Request<B>>, B> ResponseFuture<S, B> {
    pub(super) fn new(plan: Plan, inner: S, request: Request<B>) -> Self {
        let delay = (!plan.delay.is_zero()).then(|| sleep(plan.delay));
        Self { delay, plan, waiting: Some((inner, request)), call: None }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Output = Result<Response<FaultBody<R>>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(delay) = this.delay.as_mut().as_pin_mut() {
            ready!(delay.poll(cx));
            this.delay.set(None);
        }
        if let Some((inner, request)) = this.waiting.take() {
            if let Some(status) = this.plan.abort {
                return Poll::Ready(Ok(aborted(status)));
            }
            this.call.set(Some(Oneshot::new(inner, request)));
        }
        let call = this.call.as_pin_mut().expect("a future is polled until it is ready");
        let reset = this.plan.reset;
        call.poll(cx).map_ok(|answer| answer.map(|body| FaultBody::of(body, reset)))
    }
}

fn aborted<R>(status: StatusCode) -> Response<FaultBody<R>> {
    let mut answer = Response::new(FaultBody::empty());
    *answer.status_mut() = status;
    answer.extensions_mut().insert(Injected);
    answer
}

impl<S: Service<Request<B>>, B> fmt::Debug for ResponseFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("plan", &self.plan).finish_non_exhaustive()
    }
}
