use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::{ReportBody, meter::Presence};

pin_project! {
    /// The future of [`Report`](super::Report).
    pub struct ResponseFuture<F, B> {
        #[pin]
        state: State<F, B>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<F, B> {
        Ready { response: Option<Response<ReportBody<B>>> },
        Serving {
            #[pin]
            call: F,
            presence: Option<Presence>,
        },
    }
}

impl<F, B> ResponseFuture<F, B> {
    pub(super) const fn ready(response: Response<ReportBody<B>>) -> Self {
        Self { state: State::Ready { response: Some(response) } }
    }

    pub(super) const fn serving(call: F, presence: Presence) -> Self {
        Self { state: State::Serving { call, presence: Some(presence) } }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
{
    type Output = Result<Response<ReportBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Ready { response } => {
                Poll::Ready(Ok(response.take().expect("a future is not polled after it was ready")))
            }
            StateProjection::Serving { call, presence } => {
                let served = ready!(call.poll(cx));
                let presence = presence.take().expect("a future is not polled after it was ready");
                Poll::Ready(served.map(|response| {
                    if response.status().is_server_error() {
                        response.map(|body| ReportBody::failed(body, presence))
                    } else {
                        response.map(|body| ReportBody::served(body, presence))
                    }
                }))
            }
        }
    }
}

impl<F, B> fmt::Debug for ResponseFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
