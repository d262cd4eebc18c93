use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderName, Request};
use pin_project_lite::pin_project;
use tower::Service;

use super::{Error, Identity, Refusal, service::admit};
use crate::inner_call::InnerCall;

pin_project! {
    /// The future of [`Identified`](super::Identified).
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
    }
}

type Asking = Pin<Box<dyn Future<Output = Result<Identity, Refusal>> + Send>>;

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Asking { asking: Asking, waiting: Option<Box<(S, Request<B>)>>, tell: Option<HeaderName> },
        Calling {
            #[pin]
            call: InnerCall<S, Request<B>>,
        },
        Refused { refusal: Refusal },
    }
}

impl<S: Service<Request<B>>, B> ResponseFuture<S, B> {
    pub(super) fn calling(inner: S, request: Request<B>) -> Self {
        Self { state: State::Calling { call: InnerCall::new(inner, request) } }
    }

    pub(super) const fn refused(refusal: Refusal) -> Self {
        Self { state: State::Refused { refusal } }
    }

    pub(super) fn asking(asking: Asking, inner: S, request: Request<B>, tell: Option<HeaderName>) -> Self {
        Self { state: State::Asking { asking, waiting: Some(Box::new((inner, request))), tell } }
    }
}

impl<S: Service<Request<B>>, B> Future for ResponseFuture<S, B> {
    type Output = Result<S::Response, Error<S::Error>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Calling { call } => return call.poll(cx).map_err(Error::Service),
                StateProjection::Refused { refusal } => return Poll::Ready(Err(Error::Refused(*refusal))),
                StateProjection::Asking { asking, waiting, tell } => {
                    let decided = ready!(asking.as_mut().poll(cx));
                    let (inner, request) = *waiting.take().expect("this state ends here");
                    let (mut parts, body) = request.into_parts();
                    match admit(decided, &mut parts, tell.as_ref()) {
                        Ok(()) => Self::calling(inner, Request::from_parts(parts, body)),
                        Err(refusal) => Self::refused(refusal),
                    }
                }
            };
            this.state.set(next.state);
        }
    }
}

impl<S: Service<Request<B>>, B> fmt::Debug for ResponseFuture<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::Asking { .. } => "asking",
            State::Calling { .. } => "calling",
            State::Refused { .. } => "refused",
        };
        f.debug_struct("ResponseFuture").field("state", &state).finish()
    }
}
