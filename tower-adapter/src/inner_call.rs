//! How a layer that is always ready itself calls what stands within it.

use std::{
    pin::Pin,
    task::{Context, Poll, Waker},
};

use pin_project_lite::pin_project;
use tower::{Service, util::Oneshot};

pin_project! {
    /// A call of an inner service: at once where it is ready, which most are, and else as soon as it is.
    ///
    /// [`Oneshot`] alone asks first when it is polled, and keeps service and request until then: each layer of a stack would move each request twice. The service is the call's own:
    /// whatever place in a queue it has taken by being asked goes with the request.
    pub(crate) struct InnerCall<S: Service<Q>, Q> {
        #[pin]
        state: State<S, Q>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S: Service<Q>, Q> {
        Called {
            #[pin]
            future: S::Future,
        },
        Waiting {
            call: Pin<Box<Oneshot<S, Q>>>,
        },
        Failed { error: Option<S::Error> },
    }
}

impl<S: Service<Q>, Q> InnerCall<S, Q> {
    pub(crate) fn new(mut inner: S, request: Q) -> Self {
        let state = match inner.poll_ready(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(())) => State::Called { future: inner.call(request) },
            Poll::Ready(Err(error)) => State::Failed { error: Some(error) },
            Poll::Pending => State::Waiting { call: Box::pin(Oneshot::new(inner, request)) },
        };
        Self { state }
    }
}

impl<S: Service<Q>, Q> Future for InnerCall<S, Q> {
    type Output = Result<S::Response, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Called { future } => future.poll(cx),
            StateProjection::Waiting { call } => call.as_mut().poll(cx),
            StateProjection::Failed { error } => {
                Poll::Ready(Err(error.take().expect("a future is not polled after it was ready")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, future::ready};

    use tower::{Layer, limit::ConcurrencyLimitLayer, service_fn};

    use super::*;

    #[tokio::test]
    async fn who_has_to_wait_keeps_its_place_and_nobodys_place_is_lost() {
        let echo = service_fn(|number: u32| ready(Ok::<_, Infallible>(number)));
        let limited = ConcurrencyLimitLayer::new(1).layer(echo);
        let call = |number| InnerCall::new(limited.clone(), number);
        let first = call(1);
        let waiting: Vec<_> = (2..5).map(call).collect();
        assert!(matches!(first.state, State::Called { .. }));
        assert!(waiting.iter().all(|call| matches!(call.state, State::Waiting { .. })));
        assert_eq!(first.await, Ok(1));
        for (call, number) in waiting.into_iter().zip(2..) {
            assert_eq!(call.await, Ok(number));
        }
        assert_eq!(call(5).await, Ok(5));
    }

    #[tokio::test]
    async fn what_cannot_become_ready_fails_the_call() {
        #[derive(Clone)]
        struct Broken;

        impl Service<()> for Broken {
            type Response = ();
            type Error = &'static str;
            type Future = std::future::Ready<Result<(), &'static str>>;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
                Poll::Ready(Err("broken"))
            }

            fn call(&mut self, (): ()) -> Self::Future {
                unreachable!("it is never ready")
            }
        }

        assert_eq!(InnerCall::new(Broken, ()).await, Err("broken"));
    }
}
