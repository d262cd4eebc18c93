//! In all models with stripes the capacity is 8: each of the two stripes may keep one seat.

use loom::{sync::Arc, thread};

use super::*;

/// Eight seats, stripes open: one seat kept in the first stripe if `kept`, the others in use.
fn nearly_full(kept: bool) -> Arc<Seats> {
    let seats = Seats::new(8);
    assert!(take(&seats, 0, 1).is_some() && take(&seats, 0, 7).is_some());
    if kept {
        assert!(!give_back(&seats, 0, 1));
        assert_eq!(seats.stripes[0].0.spare(), 1);
    }
    assert_ne!(seats.word.load(Ordering::Relaxed) & OPEN, 0);
    Arc::new(seats)
}

fn take(seats: &Seats, stripe: usize, width: u32) -> Option<u32> {
    seats.take_at(&seats.stripes[stripe].0, width).map(|taken| taken.turn())
}

fn give_back(seats: &Seats, stripe: usize, width: u32) -> bool {
    seats.give_back_at(&seats.stripes[stripe].0, width)
}

fn beside<T: 'static>(seats: &Arc<Seats>, act: impl FnOnce(&Seats) -> T + 'static) -> thread::JoinHandle<T> {
    let seats = Arc::clone(seats);
    thread::spawn(move || act(&seats))
}

fn ended<T>(thread: thread::JoinHandle<T>) -> T {
    thread.join().expect("the thread does not panic")
}

#[test]
fn never_more_taken_than_the_capacity() {
    loom::model(|| {
        let seats = Arc::new(Seats::new(1));
        let visit = |seats: &Seats| {
            if seats.try_take(1).is_some() {
                assert_eq!(seats.taken(), 1);
                seats.give_back(1);
            }
        };
        let threads = [beside(&seats, visit), beside(&seats, visit)];
        threads.into_iter().for_each(ended);
        assert_eq!(seats.taken(), 0);
    });
}

/// Invariant 4: a seat given back to a stripe while somebody comes to wait is found by the waiter, or its giver is told.
#[test]
fn a_seat_is_not_kept_from_who_comes_to_wait() {
    loom::model(|| {
        let seats = nearly_full(false);
        let giver = beside(&seats, |seats| give_back(seats, 1, 1));
        seats.set_queued(true);
        let seated = seats.try_take_for_waiter(1).is_some();
        let told = ended(giver);
        assert!(seated || told, "the seat stays free and nobody hears of it");
        assert_eq!(seated || seats.try_take_for_waiter(1).is_some(), true);
    });
}

/// The same while another thread, which just finds the pool empty enough, opens the stripes.
#[test]
fn a_seat_is_not_kept_from_who_comes_to_wait_while_stripes_open() {
    loom::model(|| {
        let seats = Arc::new(Seats::new(8));
        // Two are in use and the stripes closed, as after a queue that has emptied.
        assert!(seats.take_unless(0, 2).is_ok());
        let giver = beside(&seats, |seats| {
            let told = give_back(seats, 1, 1);
            (told, take(seats, 1, 1).map(|_| give_back(seats, 1, 1)))
        });
        seats.set_queued(true);
        let (told, again) = ended(giver);
        assert_eq!(seats.word.load(Ordering::Relaxed) & OPEN, 0);
        let alone = seats.try_take_for_waiter(7).is_some();
        assert!(alone, "a stripe keeps a seat: told {told}, {again:?}");
    });
}

/// Work conservation: a seat was free all the time, so it cannot be refused, wherever it is and whatever others do.
#[test]
fn a_free_seat_is_not_refused() {
    loom::model(|| {
        let seats = nearly_full(true);
        let other = beside(&seats, |seats| give_back(seats, 1, 1));
        assert!(take(&seats, 1, 1).is_some());
        ended(other);
        assert!(take(&seats, 0, 1).is_some());
        assert_eq!((take(&seats, 0, 1), seats.taken()), (None, 8));
    });
}

#[test]
fn two_that_want_the_last_kept_seat_get_one() {
    loom::model(|| {
        let seats = nearly_full(true);
        let other = beside(&seats, |seats| take(seats, 1, 1));
        let mine = take(&seats, 0, 1);
        assert_ne!(mine.is_some(), ended(other).is_some());
        assert_eq!(seats.taken(), 8);
    });
}

#[test]
fn a_shrunken_capacity_finds_every_kept_seat() {
    loom::model(|| {
        let seats = nearly_full(true);
        let giver = beside(&seats, |seats| give_back(seats, 1, 1));
        seats.set_capacity(0, 5);
        // Seven in use, or six.
        assert_eq!((take(&seats, 0, 1), take(&seats, 1, 1)), (None, None));
        ended(giver);
        assert_eq!((take(&seats, 0, 1), seats.taken()), (None, 6));
    });
}

#[test]
fn numbers_are_distinct_while_stripes_close() {
    loom::model(|| {
        let seats = nearly_full(true);
        give_back(&seats, 0, 7);
        let other = beside(&seats, |seats| [take(seats, 1, 1), take(seats, 1, 1)]);
        let mine = take(&seats, 0, 1);
        seats.set_capacity(0, 6);
        let mut turns = Vec::from(ended(other));
        turns.extend([mine, take(&seats, 0, 1)]);
        turns.retain(Option::is_some);
        turns.sort_unstable();
        let count = turns.len();
        turns.dedup();
        assert_eq!(turns.len(), count, "{turns:?}");
    });
}
