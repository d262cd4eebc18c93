//! What a gate keeps behind its lock: who waits, and whose turn it is for the seats that are free.

use std::{sync::Arc, task::Waker};

use super::{
    fair_queue::{FairQueue, Joining, Next, QueueLimits, Standing, Wakers},
    seat::Seat,
    seats::Seats,
};
use crate::{
    endpoint::InFlight,
    pool::{Ask, Outlook, Pool, Purpose},
    time::Time,
};

/// What is behind the lock.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) fair: FairQueue,
    pub(super) limits: QueueLimits,
    /// The newest edition of the pool: where its endpoints have limits of their own, they are asked before a seat is handed out.
    pub(super) pool: Option<Arc<Pool>>,
}

impl Queue {
    /// Gives free seats to those whose turn it is; when to look again, where endpoints' own limits keep the next one out.
    pub(super) fn hand_out(&mut self, seats: &Seats, now: Time, wakers: &mut Wakers) -> Option<Time> {
        if self.fair.waiting() > 0 || self.limits.guarded {
            seats.set_queued(true);
        }
        self.fair.set_capacity(seats.capacity());
        self.fair.tidy();
        let mut look_at: Option<Time> = None;
        while self.fair.waiting() > 0 && seats.taken() < seats.capacity() {
            let Some(next) = self.fair.next(&self.limits, now, wakers) else { break };
            match self.hand_to(next, seats, now) {
                Handed::To(waker) => wakers.extend(waker),
                Handed::Not(until) => {
                    look_at = earlier(look_at, until);
                    break;
                }
                Handed::Past(until) => {
                    look_at = earlier(look_at, until);
                    self.fair.set_aside(next);
                }
            }
        }
        self.fair.take_back();
        if self.fair.waiting() == 0 && !self.limits.guarded {
            seats.set_queued(false);
            return None;
        }
        // Where caps keep the seats few, an ejection that ends lets more in.
        look_at.or_else(|| self.pool.as_ref()?.next_return())
    }

    /// Whether seats are free and it says whose they are: tenants have shares of them, or somebody waits who cannot use them. Whoever comes may then have one without
    /// waiting.
    pub(super) fn knows_whose(&self, seats: &Seats) -> bool {
        (self.limits.guarded || self.fair.waiting() > 0) && seats.taken() < seats.capacity()
    }

    /// Gives the next one its seats, if they are free and there is an endpoint for it.
    fn hand_to(&mut self, next: Next, seats: &Seats, now: Time) -> Handed {
        let (taken, capacity) = (seats.taken(), seats.capacity());
        // Wider than what there can ever be for it: it runs when nobody else does.
        let most = if taken == 0 { capacity.saturating_sub(next.reserve) } else { capacity };
        let width = next.width.min(most);
        let fits = taken.saturating_add(width).saturating_add(next.reserve) <= capacity;
        let Some(taken) = fits.then(|| seats.try_take_for_waiter(width)).flatten() else {
            return Handed::Not(None);
        };
        let wants = self.fair.wants(&next);
        let Some(pool) = self.pool.as_ref().filter(|pool| pool.may_keep_waiting(&wants)) else {
            return Handed::To(self.fair.seat(next, taken, now));
        };
        let ask = Ask { number: taken.turn(), saturated: true, wants, purpose: Purpose::Reserve };
        let picked = pool.pick(&ask, now);
        let outlook = if picked.is_none() { pool.outlook(&wants, now) } else { Outlook::default() };
        if !outlook.keeps_waiting(&wants) {
            // Without an endpoint it learns why when it asks.
            let waker = self.fair.seat(next, taken, now);
            self.fair.keep(next, picked);
            return Handed::To(waker);
        }
        seats.give_back(taken.width());
        let is_confined = wants.is_confined();
        match outlook.never() {
            Some(rejection) => Handed::To(self.fair.turn_away(next, rejection)),
            None if is_confined => Handed::Past(outlook.look_at()),
            None => Handed::Not(outlook.look_at()),
        }
    }

    /// Seats for a newcomer, if it is its turn already.
    pub(super) fn try_seat(
        &mut self,
        joining: &Joining<'_>,
        seats: &Seats,
        now: Time,
        wakers: &mut Wakers,
    ) -> Option<Seated> {
        // It does not wait: a free seat is its own, however late it is.
        let joining = Joining { deadline: Time::from_nanos(u64::MAX), ..*joining };
        let id = self.fair.join_unbounded(&joining, now).ok()?;
        let _whoever_comes_last_looks = self.hand_out(seats, now, wakers);
        let picked = self.fair.take_picked(id);
        match self.fair.forget(id).0 {
            Standing::Seated(seat) => Some(Seated { seat, picked }),
            Standing::Waiting | Standing::Rejected(_) => None,
        }
    }
}

/// Seats, and the endpoint that was picked with them where endpoints have limits of their own and the queue gave the seats.
#[derive(Debug)]
pub(crate) struct Seated {
    pub(crate) seat: Seat,
    pub(crate) picked: Option<InFlight>,
}

/// Whether the next one's turn was used.
enum Handed {
    /// Yes: whom to wake.
    To(Option<Waker>),
    /// No, and nobody else's comes before; look again then, if no one says so before.
    Not(Option<Time>),
    /// The same, but only a part of the endpoints is there for it: the others need not wait for those.
    Past(Option<Time>),
}

fn earlier(one: Option<Time>, other: Option<Time>) -> Option<Time> {
    [one, other].into_iter().flatten().min()
}
