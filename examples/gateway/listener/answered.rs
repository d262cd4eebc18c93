use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{HeaderValue, Request, Response, StatusCode, header::CONNECTION};
use pin_project_lite::pin_project;

use super::{InboundBody, activity::InFlight, answer::Answer, extended_connect, patience::Patience};
use crate::route::{Answering, Body, Router};

pin_project! {
    /// The answer to one request of a connection, as it goes out.
    ///
    /// Written by hand, because an `async fn` holds what it is given twice: it took 7,232 bytes of every request in flight, where this takes 784.
    pub(super) struct Answered {
        #[pin]
        by: By,
        // Until it is answered.
        seat: Option<InFlight>,
        patience: Option<Patience>,
        is_extended: bool,
    }
}

pin_project! {
    #[project = ByProjection]
    enum By {
        Router {
            #[pin]
            answering: Answering,
        },
        Boxed { answering: Boxed, closes: bool },
    }
}

type Boxed = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl Answered {
    /// What the router says; `is_http1`: it may begin at once; `is_extended`: to what was an extended CONNECT.
    pub(super) fn by(
        router: &Router,
        request: Request<InboundBody>,
        seat: InFlight,
        patience: Option<Patience>,
        (is_http1, is_extended): (bool, bool),
    ) -> Self {
        let by = if is_http1 {
            By::Router { answering: router.answer(request) }
        } else {
            // Begins when it is polled: hyper polls requests of HTTP/2 each in a task of its own, and calls for them in the connection's.
            let router = router.clone();
            By::Boxed { answering: Box::pin(async move { router.answer(request).await }), closes: false }
        };
        Self { by, seat: Some(seat), patience, is_extended }
    }

    /// A refusal before any router sees the request; `closes`: after which the connection is closed.
    pub(super) const fn refused(
        refusing: Boxed,
        seat: InFlight,
        patience: Option<Patience>,
        closes: bool,
    ) -> Self {
        Self { by: By::Boxed { answering: refusing, closes }, seat: Some(seat), patience, is_extended: false }
    }
}

impl Future for Answered {
    type Output = Result<Response<Answer<Body>>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = match this.by.project() {
            ByProjection::Router { answering } => ready!(answering.poll(cx))?,
            ByProjection::Boxed { answering, closes } => {
                let mut response = ready!(answering.as_mut().poll(cx))?;
                if *closes {
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                response
            }
        };
        if *this.is_extended
            && let Err(problem) = extended_connect::translate_answer(&mut response)
        {
            response = problem.into_response();
        }
        let seat = this.seat.take().expect("a future is not polled after it was ready");
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            seat.begin_tunnel();
        }
        let patience = *this.patience;
        Poll::Ready(Ok(response.map(|body| Answer::new(body, seat, patience))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// hyper keeps it within each connection and moves it there for each request: what is not in the processor's cache costs more than all instructions.
    #[test]
    fn a_request_in_flight_takes_little_room() {
        assert!(size_of::<Answered>() <= 512, "{}", size_of::<Answered>());
    }
}
