use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{Response, Version};
use pin_project_lite::pin_project;
use sync_wrapper::SyncWrapper;
use tokio::time::{Instant, Sleep, sleep};
use tower::BoxError;

use super::{
    Error, ResponseBody,
    failure::Failure,
    framing, headers, unprocessed,
    upgrade::{self, Upgrade},
    upload::{Fault, Standing, Watch},
    wire::Call,
};
use crate::balance::PickedEndpoint;

pin_project! {
    /// The future of [`ReverseProxy`](super::ReverseProxy).
    pub struct ResponseFuture {
        #[pin]
        state: State,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State {
        Sent {
            call: SyncWrapper<Call>,
            #[pin]
            timer: Option<Sleep>,
            vigil: Vigil,
            upgrade: Option<Upgrade>,
        },
        Failed { error: Option<Error> },
    }
}

/// Watches for signs of life.
struct Vigil {
    picked: PickedEndpoint,
    watch: Watch,
    last: Standing,
    patience: Duration,
}

impl ResponseFuture {
    pub(super) fn sent(
        call: Call,
        (picked, watch): (PickedEndpoint, Watch),
        patience: Option<Duration>,
        upgrade: Option<Upgrade>,
    ) -> Self {
        let vigil = Vigil { picked, last: watch.standing(), watch, patience: patience.unwrap_or_default() };
        Self {
            state: State::Sent { call: SyncWrapper::new(call), timer: patience.map(sleep), vigil, upgrade },
        }
    }

    pub(super) const fn failed(error: Error) -> Self {
        Self { state: State::Failed { error: Some(error) } }
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<ResponseBody>, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProjection::Failed { error } => {
                Poll::Ready(Err(error.take().expect("a future is not polled after it was ready")))
            }
            StateProjection::Sent { call, timer, vigil, upgrade } => match call.get_mut().as_mut().poll(cx) {
                Poll::Ready(Ok(response)) => Poll::Ready(received(response, upgrade.take())),
                Poll::Ready(Err(failure)) => Poll::Ready(Err(vigil.explain(failure, upgrade.as_ref()))),
                Poll::Pending => vigil.poll(timer, cx).map(Err),
            },
        }
    }
}

impl Vigil {
    /// Ready when nothing has moved for as long as patience lasts.
    fn poll(&mut self, timer: Pin<&mut Option<Sleep>>, cx: &mut Context<'_>) -> Poll<Error> {
        let Some(mut timer) = timer.as_pin_mut() else { return Poll::Pending };
        while timer.as_mut().poll(cx).is_ready() {
            let standing = self.watch.standing();
            if standing == self.last {
                return Poll::Ready(self.give_up(standing));
            }
            self.last = standing;
            timer.as_mut().reset(Instant::now() + self.patience);
        }
        Poll::Pending
    }

    fn give_up(&self, standing: Standing) -> Error {
        if standing.is_clients_turn() {
            self.picked.excuse();
            return Error::ClientStalled;
        }
        Error::TimedOut
    }

    fn explain(&self, failure: Failure, upgrade: Option<&Upgrade>) -> Error {
        match failure {
            Failure::Connect(error) => Error::Connect(error),
            Failure::Broken(error) if upgrade.is_some_and(|upgrade| upgrade.is_refusal(&*error)) => {
                // Which requests ask for that much is for clients to say; it tells nothing about the others.
                self.picked.excuse();
                Error::NoExtendedConnect(error)
            }
            Failure::Broken(error) | Failure::Gone(error) if self.picked.is_excused() => {
                client_error(self.watch.fault(), error)
            }
            // Whoever closes them all takes nobody's requests, and would attract them by failing fast.
            Failure::Gone(error) => Error::Unprocessed(error),
            Failure::Broken(error) if unprocessed::is_unprocessed(&*error) => {
                if unprocessed::has_gone_in_order(&*error) {
                    // As it may, whenever it likes; where it names an error, it has failed.
                    self.picked.excuse();
                }
                Error::Unprocessed(error)
            }
            Failure::Broken(error) => Error::Endpoint(error),
        }
    }
}

/// What became of the request's body, which its error tells.
fn client_error(fault: Option<Fault>, error: BoxError) -> Error {
    match fault {
        Some(Fault::TooLarge) => Error::BodyTooLarge(error),
        Some(Fault::Late) => Error::ClientStalled,
        Some(Fault::Gone) | None => Error::ClientGone(error),
    }
}

/// The endpoint's answer, as it may go on to the client. A 101 that nobody asked for may not: a client that saw one would
/// take what follows for a protocol that nobody speaks. Nor one of which nobody can say where it ends.
fn received(
    mut response: Response<ResponseBody>,
    upgrade: Option<Upgrade>,
) -> Result<Response<ResponseBody>, Error> {
    upgrade.iter().for_each(|upgrade| upgrade.translate(&mut response));
    if upgrade::is_switch(&response) {
        let granted = upgrade.filter(|upgrade| upgrade.is_granted(response.headers()));
        granted.ok_or(Error::Switched)?.open(&mut response);
    } else {
        framing::check(response.headers_mut()).map_err(|unframed| Error::Endpoint(unframed.into()))?;
        headers::clean_response(response.headers_mut());
    }
    *response.version_mut() = Version::HTTP_11;
    Ok(response)
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}
