use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use pin_project_lite::pin_project;
use tower::{Service, util::Oneshot};

use super::{Winner, race::Race};
use crate::{replay::ReplayBody, retry::Classify};

pin_project! {
    /// The future of [`Hedge`](super::Hedge). Dropped, it gives up all that is under way.
    pub struct ResponseFuture<S, B, C>
    where
        S: Service<Request<ReplayBody<B>>>,
        B: Body,
    {
        service: S,
        race: Race<B, C>,
        #[pin]
        first: Option<Oneshot<S, Request<ReplayBody<B>>>>,
        #[pin]
        hedge: Option<Oneshot<S, Request<ReplayBody<B>>>>,
    }
}

impl<S, B, C> ResponseFuture<S, B, C>
where
    S: Service<Request<ReplayBody<B>>> + Clone,
    B: Body,
{
    pub(super) fn new(service: S, race: Race<B, C>, first: Request<ReplayBody<B>>) -> Self {
        let first = Some(Oneshot::new(service.clone(), first));
        Self { service, race, first, hedge: None }
    }
}

impl<S, B, C, R> Future for ResponseFuture<S, B, C>
where
    S: Service<Request<ReplayBody<B>>, Response = Response<R>> + Clone,
    B: Body,
    C: Classify<S::Error>,
{
    type Output = Result<Response<R>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            if let Some(call) = this.first.as_mut().as_pin_mut()
                && let Poll::Ready(ended) = call.poll(cx)
            {
                this.first.set(None);
                let (good, ended) = this.race.judge(ended);
                if good {
                    this.race.measure();
                }
                // A failure is no answer as long as the other may have one.
                if good || this.hedge.is_none() {
                    this.hedge.set(None);
                    return Poll::Ready(ended.map(|response| this.race.marked(response, Winner::First)));
                }
            }
            if let Some(call) = this.hedge.as_mut().as_pin_mut()
                && let Poll::Ready(ended) = call.poll(cx)
            {
                this.hedge.set(None);
                let (good, ended) = this.race.judge(ended);
                if good && this.first.is_some() {
                    this.race.measure();
                }
                if good || this.first.is_none() {
                    this.first.set(None);
                    return Poll::Ready(ended.map(|response| this.race.marked(response, Winner::Hedge)));
                }
            }
            match this.race.poll_hedge(cx) {
                Poll::Ready(request) => this.hedge.set(Some(Oneshot::new(this.service.clone(), request))),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl<S, B, C> fmt::Debug for ResponseFuture<S, B, C>
where
    S: Service<Request<ReplayBody<B>>>,
    B: Body,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture")
            .field("first", &self.first.is_some())
            .field("hedge", &self.hedge.is_some())
            .finish_non_exhaustive()
    }
}
