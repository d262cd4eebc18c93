//! The gate of a pool: the seats, and the queue before them.

use std::{
    panic::{self, AssertUnwindSafe},
    task::{Poll, Waker},
};

use super::{
    fair_queue::{FairQueue, Joining, QueueLimits, Standing, WaiterId},
    seats::Seats,
};
use crate::{
    rejection::Rejection,
    sync::{Mutex, Padded},
    time::Time,
};

/// A taken seat. It must be released, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seat {
    /// How many seats were taken before in this pool, modulo 2³².
    pub(crate) turn: u32,
}

/// Where a request stands after asking to wait.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// A seat was free.
    Seated(Seat),
    /// In the queue.
    Waiting(WaiterId),
}

/// Seats and queue of one pool; lives across updates.
#[derive(Debug)]
pub(crate) struct Admission {
    /// All that the fast path reads and writes, on a cache line of its own.
    seats: Padded<Seats>,
    queue: Mutex<FairQueue>,
}

impl Admission {
    pub(crate) fn new(capacity: u32) -> Self {
        Self { seats: Padded(Seats::new(capacity)), queue: Mutex::new(FairQueue::default()) }
    }

    /// A seat, if one is free and nobody waits for it.
    #[inline]
    pub(crate) fn try_admit(&self) -> Option<Seat> {
        self.seats.0.try_take(1).map(|taken| Seat { turn: taken.turn })
    }

    /// A seat at once, or a place in the queue.
    ///
    /// # Errors
    /// [`Rejection::QueueFull`], or [`Rejection::TimedOut`] when the deadline is not ahead.
    pub(crate) fn admit(
        &self,
        joining: Joining,
        limits: &QueueLimits,
        now: Time,
    ) -> Result<Place, Rejection> {
        if let Some(seat) = self.try_admit() {
            return Ok(Place::Seated(seat));
        }
        if joining.deadline <= now {
            return Err(Rejection::TimedOut);
        }
        self.with_queue(now, |queue, wakers| queue.join(joining, limits, wakers)).map(Place::Waiting)
    }

    /// What became of a waiter.
    pub(crate) fn poll(&self, id: WaiterId, waker: &Waker, now: Time) -> Poll<Result<Seat, Rejection>> {
        // Cloned before the lock is taken, and the old one dropped after: both are somebody else's code.
        let mut waker = Some(waker.clone());
        let standing = self.with_queue(now, |queue, _| queue.poll(id, &mut waker));
        drop(waker);
        match standing {
            Standing::Waiting => Poll::Pending,
            Standing::Seated(turn) => Poll::Ready(Ok(Seat { turn })),
            Standing::Rejected(rejection) => Poll::Ready(Err(rejection)),
        }
    }

    /// A waiter goes away. A seat that it had been given goes to the next.
    pub(crate) fn leave(&self, id: WaiterId, now: Time) {
        let (standing, waker) = self.with_queue(now, |queue, _| queue.forget(id));
        if let Standing::Seated(_) = standing {
            self.release(now);
        }
        drop(waker);
    }

    /// Gives a seat back and hands it on.
    ///
    /// No wake-up is lost: who comes to wait says so to the seats before looking for a free one, and who gives one back learns
    /// it in the same step.
    #[inline]
    pub(crate) fn release(&self, now: Time) {
        if self.seats.0.give_back(1) {
            self.hand_out(now);
        }
    }

    /// Changes how many may be in flight, by a capacity rule that is still in force. More seats go to waiters at once.
    pub(crate) fn set_capacity(&self, rule: u32, capacity: u32, now: Time) {
        if self.seats.0.set_capacity(rule, capacity) {
            self.hand_out(now);
        }
    }

    /// Turns away those whose deadline has come, and gives free seats to those who wait.
    pub(crate) fn hand_out(&self, now: Time) {
        self.with_queue(now, |_, _| ());
    }

    /// Turns everyone away: the pool is gone.
    pub(crate) fn close(&self, rejection: Rejection, now: Time) {
        self.with_queue(now, |queue, wakers| queue.close(rejection, wakers));
    }

    pub(crate) fn taken(&self) -> u32 {
        self.seats.0.taken()
    }

    pub(crate) fn capacity(&self) -> u32 {
        self.seats.0.capacity()
    }

    pub(crate) fn waiting(&self) -> u32 {
        self.queue.lock().waiting()
    }

    /// Does something to the queue, then settles what follows: who has expired, who gets a free seat. Wakes outside the lock,
    /// because a waker is somebody else's code.
    fn with_queue<R>(&self, now: Time, act: impl FnOnce(&mut FairQueue, &mut Vec<Waker>) -> R) -> R {
        let mut wakers = Vec::new();
        let result = {
            let mut queue = self.queue.lock();
            queue.expire(now, &mut wakers);
            let result = act(&mut queue, &mut wakers);
            if queue.waiting() > 0 {
                self.seats.0.set_queued(true);
            }
            while queue.waiting() > 0
                && let Some(taken) = self.seats.0.try_take_for_waiter(1)
            {
                wakers.extend(queue.seat_next(taken.turn));
            }
            if queue.waiting() == 0 {
                self.seats.0.set_queued(false);
            }
            result
        };
        wakers.into_iter().for_each(wake);
        result
    }
}

/// Wakes one waiter. A waker that panics is its executor's trouble: it must not cost anybody else their wake-up, nor stop the
/// request that happened to free the seat, so it goes no further (the panic hook has reported it).
fn wake(waker: Waker) {
    drop(panic::catch_unwind(AssertUnwindSafe(|| waker.wake())));
}

#[cfg(all(test, loom))]
mod models {
    use std::time::Duration;

    use loom::{sync::Arc, thread};

    use super::*;

    const LIMITS: QueueLimits = QueueLimits { per_tenant: 8, total: 8, timeout: Duration::from_secs(1) };

    fn joining(tenant: u64) -> Joining {
        Joining { tenant, weight: 1, cost: 1, deadline: Time::from_nanos(u64::MAX) }
    }

    /// Invariant 4: whatever the interleaving of a release and a joining, no seat stays free while someone waits.
    #[test]
    fn a_release_racing_a_join_never_leaves_the_seat_free() {
        loom::model(|| {
            let admission = Arc::new(Admission::new(1));
            assert!(admission.try_admit().is_some());
            let releaser = {
                let admission = Arc::clone(&admission);
                thread::spawn(move || admission.release(Time::ZERO))
            };
            let place = admission.admit(joining(1), &LIMITS, Time::ZERO).expect("there is room");
            releaser.join().expect("the thread does not panic");
            if let Place::Waiting(id) = place {
                let polled = admission.poll(id, Waker::noop(), Time::ZERO);
                assert!(matches!(polled, Poll::Ready(Ok(_))), "it waits while the seat is free");
            }
            assert_eq!((admission.taken(), admission.waiting()), (1, 0));
        });
    }

    #[test]
    fn a_growing_capacity_racing_a_join_never_leaves_the_new_seat_free() {
        loom::model(|| {
            let admission = Arc::new(Admission::new(0));
            let grower = {
                let admission = Arc::clone(&admission);
                thread::spawn(move || admission.set_capacity(0, 1, Time::ZERO))
            };
            let place = admission.admit(joining(1), &LIMITS, Time::ZERO).expect("there is room");
            grower.join().expect("the thread does not panic");
            if let Place::Waiting(id) = place {
                let polled = admission.poll(id, Waker::noop(), Time::ZERO);
                assert!(matches!(polled, Poll::Ready(Ok(_))), "it waits while the seat is free");
            }
        });
    }

    #[test]
    fn a_waiter_that_leaves_as_it_is_seated_hands_the_seat_on() {
        loom::model(|| {
            let admission = Arc::new(Admission::new(1));
            assert!(admission.try_admit().is_some());
            let Place::Waiting(id) = admission.admit(joining(1), &LIMITS, Time::ZERO).expect("there is room")
            else {
                panic!("the only seat is taken")
            };
            let releaser = {
                let admission = Arc::clone(&admission);
                thread::spawn(move || admission.release(Time::ZERO))
            };
            admission.leave(id, Time::ZERO);
            releaser.join().expect("the thread does not panic");
            assert_eq!((admission.taken(), admission.waiting()), (0, 0));
        });
    }
}
