//! Waiting for a seat: a future on plain `std::task`, for any executor.

use std::{
    borrow::Borrow,
    fmt,
    future::Future,
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use super::{
    Balancer,
    charged::Charged,
    lease::{Held, Lease},
};
use crate::{
    admission::{Admission, Paid, Seat, Seated, WaiterId},
    outcome::Outcome,
    pool::{Ask, KeptWants, PoolId, Purpose},
    rejection::Rejection,
    time::Time,
};

/// A request on its way to a lease: what [`Balancer::acquire`] returns.
///
/// It takes its place in line when it is made, not when it is first polled. Dropping it at any time gives its seat back,
/// which goes to the next in line; what its tenant was charged comes back as long as it waits, and stays charged once it has its seat. The core has no timers: whoever drives it polls it once more at its
/// [`deadline`](Self::deadline), and it then yields [`Rejection::TimedOut`].
#[must_use = "a dropped request leaves the queue"]
pub struct Acquire<H: Borrow<Balancer> = Balancer> {
    /// Taken when it resolves.
    handle: Option<H>,
    stage: Stage,
}

/// How far it has come.
#[derive(Debug)]
pub(super) enum Stage {
    Ready(Result<Held, Rejection>),
    Waiting(Pending),
    Done,
}

/// What a waiting request holds.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) waiter: WaiterId,
    pub(super) deadline: Time,
    pub(super) admission: Arc<Admission>,
    pub(super) charged: Charged,
    pub(super) pool: PoolId,
    /// The pick is made when there is a seat.
    pub(super) wants: KeptWants,
    /// Where it is a retry or a hedge.
    pub(super) paid: Option<Paid>,
}

impl Pending {
    /// What it asks of the pool once it has its seat.
    pub(super) fn ask(&self, seat: Seat) -> Ask<'_> {
        Ask { number: seat.turn, saturated: true, wants: self.wants.shown(), purpose: Purpose::Decide }
    }
}

impl<H: Borrow<Balancer>> Acquire<H> {
    pub(super) const fn new(handle: H, stage: Stage) -> Self {
        Self { handle: Some(handle), stage }
    }

    /// When to poll it again at the latest; `None` when it does not wait. Its request's deadline, or sooner: where the limits of all
    /// endpoints are spent, one of those who wait is to look when the first returns. So ask after each poll.
    #[must_use]
    pub fn deadline(&self) -> Option<Time> {
        match &self.stage {
            Stage::Waiting(Pending { admission, waiter, deadline, .. }) => {
                Some(admission.looks_at(*waiter).map_or(*deadline, |at| at.min(*deadline)))
            }
            Stage::Ready(_) | Stage::Done => None,
        }
    }
}

impl<H: Borrow<Balancer> + Unpin> Future for Acquire<H> {
    type Output = Result<Lease<H>, Rejection>;

    /// # Panics
    /// When polled again after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let handle = this.handle.as_ref().expect("an `Acquire` is not polled after it was ready").borrow();
        let arrived = match &this.stage {
            Stage::Waiting(pending) => {
                let now = handle.state().clock.now();
                handle.state().look_again(pending.pool, now);
                let seated = std::task::ready!(pending.admission.poll(pending.waiter, context.waker(), now));
                Some((seated, now))
            }
            Stage::Ready(_) | Stage::Done => None,
        };
        let resolved = match (mem::replace(&mut this.stage, Stage::Done), arrived) {
            (Stage::Waiting(pending), Some((seated, now))) => handle.state().arrive(pending, seated, now),
            (Stage::Ready(resolved), _) => resolved,
            (Stage::Waiting(_) | Stage::Done, _) => Err(Rejection::TimedOut),
        };
        let handle = this.handle.take().expect("it was there above");
        Poll::Ready(resolved.map(|held| Lease::new(handle, held)))
    }
}

impl super::state::State {
    /// An ejection ends by time alone: then there may be a seat.
    fn look_again(&self, pool: PoolId, now: Time) {
        self.published.read(|snapshot| {
            if let Some(service) = snapshot.service_of(pool).filter(|service| service.pool.has_returned(now))
            {
                service.look_again(now);
            }
        });
    }

    /// A wait has ended, with a seat or without one.
    fn arrive(
        &self,
        pending: Pending,
        seated: Result<Seated, Rejection>,
        now: Time,
    ) -> Result<Held, Rejection> {
        let picked = seated.and_then(|Seated { seat, picked }| match picked {
            Some(mut place) => {
                self.exchange(&pending, seat, &mut place, now);
                Ok((place, seat))
            }
            None => Ok((self.pick_for(&pending, seat, now)?, seat)),
        });
        match picked {
            Ok((picked, seat)) => {
                self.slab.get(pending.charged.found.slot).stop_waiting();
                self.published.read(|snapshot| {
                    if let Some(service) = snapshot.service_of(pending.pool) {
                        let entry = pending.charged.found.entry();
                        self.count_run(service, entry, pending.paid.as_ref(), now);
                    }
                });
                Ok(Held::new((picked, seat), pending.charged, pending.pool, now))
            }
            Err(rejection) => {
                self.give_up(&pending, Some(rejection), now);
                Err(rejection)
            }
        }
    }
}

impl<H: Borrow<Balancer>> Drop for Acquire<H> {
    fn drop(&mut self) {
        let Some(handle) = self.handle.take() else { return };
        let state = handle.borrow().state();
        match mem::replace(&mut self.stage, Stage::Done) {
            Stage::Ready(Ok(mut held)) => {
                // Nobody was told where to go.
                let now = state.clock.now();
                held.picked.iter_mut().for_each(|picked| picked.give_back(now));
                state.settle(&mut Some(held), &Outcome::cancelled());
            }
            Stage::Waiting(pending) => {
                let now = state.clock.now();
                state.give_up(&pending, None, now);
                pending.admission.leave(pending.waiter, now);
            }
            Stage::Ready(Err(_)) | Stage::Done => {}
        }
    }
}

impl<H: Borrow<Balancer>> fmt::Debug for Acquire<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire").field("deadline", &self.deadline()).finish_non_exhaustive()
    }
}
