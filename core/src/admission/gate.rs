//! The gate of a pool: the seats, and the queue before them.

use std::{
    sync::Arc,
    task::{Poll, Waker},
};

use super::{
    fair_queue::{FairQueue, Joining, Level, QueueLimits, Standing, WaiterId, Wakers},
    queue::{Queue, Seated},
    seat::Seat,
    seats::Seats,
};
use crate::{
    pool::Pool,
    rejection::Rejection,
    sync::{Mutex, Padded, wake},
    time::Time,
};

/// Where a request stands after asking to wait.
#[derive(Debug)]
pub(crate) enum Place {
    /// Seats were free.
    Seated(Seated),
    /// In the queue.
    Waiting(WaiterId),
}

/// Seats and queue of one pool; lives across updates.
#[derive(Debug)]
pub(crate) struct Admission {
    /// All that the fast path reads and writes, on a cache line of its own.
    seats: Padded<Seats>,
    queue: Mutex<Queue>,
}

impl Admission {
    pub(crate) fn new(capacity: u32, limits: QueueLimits) -> Self {
        let queue = Mutex::new(Queue { fair: FairQueue::new(), limits, pool: None });
        let admission = Self { seats: Padded(Seats::new(capacity)), queue };
        admission.seats.0.set_queued(limits.guarded);
        admission
    }

    /// A seat, if one is free and nobody waits for it.
    #[inline]
    pub(crate) fn try_admit(&self, width: u32) -> Option<Seat> {
        self.seats.0.try_take(width).map(|taken| Seat { turn: taken.turn(), width: taken.width(), line: 0 })
    }

    /// The same where seats are free and only the queue knows whose they are: tenants have shares of them, or somebody waits who cannot use them.
    #[cold]
    pub(crate) fn try_admit_in_turn(&self, joining: &Joining<'_>, now: Time) -> Option<Seated> {
        self.with_queue(now, |queue, wakers, seats| queue.try_seat(joining, seats, now, wakers))
    }

    /// Seats at once, or a place in the queue.
    ///
    /// # Errors
    /// [`Rejection::QueueFull`]; [`Rejection::TimedOut`] when the deadline is not ahead, [`Rejection::WouldTimeOut`] when it is
    /// too near.
    pub(crate) fn admit(&self, joining: &Joining<'_>, now: Time) -> Result<Place, Rejection> {
        if let Some(seat) = self.try_admit(joining.width) {
            return Ok(Place::Seated(Seated { seat, picked: None }));
        }
        self.join(joining, now)
    }

    /// Whether so many seats are free, and the queue knows whose they are.
    pub(crate) fn queue_knows_whose(&self, width: u32) -> bool {
        self.seats.0.is_queued() && self.has_free_seats(width)
    }

    /// A place in the queue, also where seats are free; where the queue knows whose those are, perhaps seats.
    ///
    /// # Errors
    /// As [`Self::admit`].
    pub(crate) fn join(&self, joining: &Joining<'_>, now: Time) -> Result<Place, Rejection> {
        self.with_queue(now, |queue, wakers, seats| {
            if queue.knows_whose(seats)
                && let Some(seated) = queue.try_seat(joining, seats, now, wakers)
            {
                return Ok(Place::Seated(seated));
            }
            let Queue { fair, limits, .. } = queue;
            fair.join(joining, limits, now, wakers).map(Place::Waiting)
        })
    }

    /// What became of a waiter.
    pub(crate) fn poll(&self, id: WaiterId, waker: &Waker, now: Time) -> Poll<Result<Seated, Rejection>> {
        // Cloned before the lock is taken, and the old one dropped after: both are somebody else's code.
        let mut waker = Some(waker.clone());
        let (picked, standing) = self.with_queue(now, |queue, _, _| {
            // Before: who has got an answer is then forgotten.
            (queue.fair.take_picked(id), queue.fair.poll(id, &mut waker, now))
        });
        drop(waker);
        match standing {
            Standing::Waiting => Poll::Pending,
            Standing::Seated(seat) => Poll::Ready(Ok(Seated { seat, picked })),
            Standing::Rejected(rejection) => Poll::Ready(Err(rejection)),
        }
    }

    /// When a waiter is to be polled before its deadline, because by then seats may come back by time alone.
    pub(crate) fn looks_at(&self, id: WaiterId) -> Option<Time> {
        self.queue.lock().fair.looks_at(id)
    }

    /// A waiter goes away. A seat that it had been given goes to the next.
    pub(crate) fn leave(&self, id: WaiterId, now: Time) {
        let (picked, (standing, waker)) =
            self.with_queue(now, |queue, _, _| (queue.fair.take_picked(id), queue.fair.forget(id)));
        if let Some(picked) = picked {
            picked.abandon(now);
        }
        if let Standing::Seated(seat) = standing {
            self.release(seat, Spent::NOTHING, now);
        }
        drop(waker);
    }

    /// Gives seats back and hands them on.
    ///
    /// No wake-up is lost: who comes to wait says so to the seats before looking for a free one, and who gives one back learns
    /// it in the same step.
    #[inline]
    pub(crate) fn release(&self, seat: Seat, spent: Spent, now: Time) {
        if seat.line != 0 {
            self.release_counted(seat, spent, now);
        } else if self.seats.0.give_back(seat.width) {
            self.hand_out(now);
        }
    }

    /// Gives back what the queue gave.
    #[cold]
    fn release_counted(&self, seat: Seat, spent: Spent, now: Time) {
        self.with_queue(now, |queue, _, seats| {
            queue.fair.release(seat, spent.charged, spent.actual);
            seats.give_back(seat.width);
        });
    }

    /// Changes how many may be in flight, by a capacity rule that is still in force. More seats go to waiters at once.
    pub(crate) fn set_capacity(&self, rule: u32, capacity: u32, now: Time) {
        if self.seats.0.set_capacity(rule, capacity) {
            self.hand_out(now);
        }
    }

    /// Gives free seats to those who wait, if anybody does.
    pub(crate) fn hand_out_if_queued(&self, now: Time) {
        if self.seats.0.is_queued() {
            self.hand_out(now);
        }
    }

    /// Gives free seats to those who wait.
    pub(crate) fn hand_out(&self, now: Time) {
        self.with_queue(now, |_, _, _| ());
    }

    /// Turns away those whose deadline has come.
    pub(crate) fn expire(&self, now: Time) {
        self.with_queue(now, |queue, wakers, _| queue.fair.expire_exactly(now, wakers));
    }

    /// Puts other limits, weights and shares in force. Whoever may have a seat now gets it by [`hand_out`](Self::hand_out): nobody is woken here.
    pub(crate) fn reconfigure(&self, limits: QueueLimits, terms: &Terms<'_>) {
        let mut queue = self.queue.lock();
        queue.limits = limits;
        queue.fair.reconfigure(terms.reserved, terms.level_of);
    }

    /// Makes an edition of the pool the one whose endpoints those who wait are given, unless it has a newer one.
    pub(crate) fn set_pool(&self, pool: &Arc<Pool>, now: Time) {
        self.with_queue(now, |queue, _, _| {
            if queue.pool.as_ref().is_none_or(|known| known.edition() < pool.edition()) {
                queue.pool = Some(Arc::clone(pool));
            }
        });
    }

    /// Puts another weight of one tenant or parent in force, where it is here. Nobody is woken here either.
    pub(crate) fn adapt(&self, level: &Level) {
        self.queue.lock().fair.adapt(level);
    }

    /// Turns everyone away: the pool is gone.
    pub(crate) fn close(&self, rejection: Rejection, now: Time) {
        self.with_queue(now, |queue, wakers, _| queue.fair.close(rejection, wakers));
    }

    /// Whether there are seats that nobody has, for a request of this width.
    pub(crate) fn has_free_seats(&self, width: u32) -> bool {
        let capacity = self.capacity();
        capacity > 0 && self.taken().saturating_add(width.min(capacity)) <= capacity
    }

    pub(crate) fn taken(&self) -> u32 {
        self.seats.0.taken()
    }

    pub(crate) fn capacity(&self) -> u32 {
        self.seats.0.capacity()
    }

    pub(crate) fn waiting(&self) -> u32 {
        self.queue.lock().fair.waiting()
    }

    /// Does something to the queue, then settles what follows: who has expired, who gets a free seat. Wakes outside the lock,
    /// because a waker is somebody else's code.
    fn with_queue<R>(&self, now: Time, act: impl FnOnce(&mut Queue, &mut Wakers, &Seats) -> R) -> R {
        let mut wakers = Wakers::new();
        let seats = &self.seats.0;
        let result = {
            let mut queue = self.queue.lock();
            queue.fair.expire(now, &mut wakers);
            let result = act(&mut queue, &mut wakers, seats);
            let look_at = queue.hand_out(seats, now, &mut wakers);
            wakers.extend(queue.fair.watch(look_at));
            result
        };
        wakers.into_iter().for_each(wake);
        result
    }
}

/// What a request was charged in the queue, and what it really cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    pub(crate) charged: u64,
    pub(crate) actual: u64,
}

impl Spent {
    /// As it was charged, or not at all.
    pub(crate) const NOTHING: Self = Self { charged: 0, actual: 0 };
}

/// Tenants as a new configuration has them.
pub(crate) struct Terms<'a> {
    /// Those for whom seats stay free: the way to each.
    pub(crate) reserved: &'a [(Arc<[Level]>, Level)],
    /// Somebody who is here, by key.
    pub(crate) level_of: &'a dyn Fn(u64) -> Option<Level>,
}

#[cfg(all(test, loom))]
mod models {
    use std::time::Duration;

    use loom::{sync::Arc, thread};

    use super::*;
    use crate::{
        config::{QueueOrder, SeatsSpec},
        pool::Wants,
        strategy::Avoided,
    };

    const LIMITS: QueueLimits = QueueLimits {
        per_tenant: 8,
        total: 8,
        timeout: Duration::from_secs(1),
        order: QueueOrder::Fifo,
        aging: Duration::ZERO,
        codel: None,
        guarded: false,
    };
    const TENANT: Level = Level { key: 1, weight: 1, seats: SeatsSpec::none() };
    const JOINING: Joining<'_> = Joining {
        above: &[],
        tenant: &TENANT,
        wants: Wants { key: None, shard: None, target: None, avoided: Avoided::Nobody, cost: 1 },
        width: 1,
        class: 0,
        deadline: Time::from_nanos(u64::MAX),
    };
    const SEAT: Seat = Seat { turn: 0, width: 1, line: 0 };

    /// Invariant 4: whatever the interleaving of a release and a joining, no seat stays free while someone waits.
    #[test]
    fn a_release_racing_a_join_never_leaves_the_seat_free() {
        loom::model(|| {
            let admission = Arc::new(Admission::new(1, LIMITS));
            assert!(admission.try_admit(1).is_some());
            let releaser = {
                let admission = Arc::clone(&admission);
                thread::spawn(move || admission.release(SEAT, Spent::NOTHING, Time::ZERO))
            };
            let place = admission.admit(&JOINING, Time::ZERO).expect("there is room");
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
            let admission = Arc::new(Admission::new(0, LIMITS));
            let grower = {
                let admission = Arc::clone(&admission);
                thread::spawn(move || admission.set_capacity(0, 1, Time::ZERO))
            };
            let place = admission.admit(&JOINING, Time::ZERO).expect("there is room");
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
            let admission = Arc::new(Admission::new(1, LIMITS));
            assert!(admission.try_admit(1).is_some());
            let Place::Waiting(id) = admission.admit(&JOINING, Time::ZERO).expect("there is room") else {
                panic!("the only seat is taken")
            };
            let releaser = {
                let admission = Arc::clone(&admission);
                thread::spawn(move || admission.release(SEAT, Spent::NOTHING, Time::ZERO))
            };
            admission.leave(id, Time::ZERO);
            releaser.join().expect("the thread does not panic");
            assert_eq!((admission.taken(), admission.waiting()), (0, 0));
        });
    }
}
