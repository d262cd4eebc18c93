//! A stripe: seats that one core keeps at hand, so that it need not write the pool's word to take and give back.

use crate::sync::{AtomicU64, Ordering};

/// Seats that the pool's word counts as taken and nobody uses, and numbers that it has handed out and nobody has yet, in one
/// word: `next turn << 32 | turns left << 16 | room << 8 | spare`.
///
/// `room` is how many more it may keep. A closed stripe has neither spare nor room, so both ways through it fail, and they
/// fail in the same step that would have gone through: this is why no fence is needed between a giver and who closes it.
#[derive(Debug, Default)]
pub(super) struct Stripe {
    word: AtomicU64,
}

impl Stripe {
    /// Takes seats that are kept here, with a number.
    #[inline]
    pub(super) fn take(&self, width: u32) -> Option<u32> {
        let width = u64::from(width);
        self.change(|word| {
            (word & SPARE >= width && word & LEFT != 0)
                .then(|| word.wrapping_add(ONE_TURN) - ONE_LEFT + width * (ONE_ROOM - ONE_SPARE))
        })
        .map(turn)
    }

    /// Takes seats that are kept here, without a number: there is none left.
    pub(super) fn take_unnumbered(&self, width: u32) -> bool {
        let width = u64::from(width);
        self.change(|word| (word & SPARE >= width).then(|| word + width * (ONE_ROOM - ONE_SPARE))).is_some()
    }

    /// Takes a number alone.
    pub(super) fn take_turn(&self) -> Option<u32> {
        self.change(|word| (word & LEFT != 0).then(|| word.wrapping_add(ONE_TURN) - ONE_LEFT)).map(turn)
    }

    /// Keeps seats that are given back, if there is room.
    #[inline]
    pub(super) fn park(&self, width: u32) -> bool {
        let width = u64::from(width);
        let room = |word| (word & ROOM) >> ROOM.trailing_zeros();
        self.change(|word| (room(word) >= width).then(|| word - width * (ONE_ROOM - ONE_SPARE))).is_some()
    }

    /// Keeps `count` numbers from `first` on, unless it has some; says whether it does.
    pub(super) fn put_turns(&self, first: u32, count: u32) -> bool {
        let turns = u64::from(first) * ONE_TURN + u64::from(count) * ONE_LEFT;
        self.change(|word| (word & LEFT == 0).then_some(turns + (word & (ROOM | SPARE)))).is_some()
    }

    /// Lets a closed stripe keep up to `room` seats.
    pub(super) fn open(&self, room: u32) {
        self.word.fetch_add(u64::from(room) * ONE_ROOM, Ordering::AcqRel);
    }

    /// Closes it and empties it: how many seats were kept, and the numbers that were left (the first, and how many).
    pub(super) fn close(&self) -> (u32, u32, u32) {
        // Acquire: what the givers did comes before whoever takes their seats next.
        let word = self.word.swap(0, Ordering::AcqRel);
        ((word & SPARE) as u32, turn(word), ((word & LEFT) / ONE_LEFT) as u32)
    }

    pub(super) fn spare(&self) -> u32 {
        (self.word.load(Ordering::Relaxed) & SPARE) as u32
    }

    #[inline]
    fn change(&self, next: impl FnMut(u64) -> Option<u64>) -> Option<u64> {
        self.word.fetch_update(Ordering::AcqRel, Ordering::Relaxed, next).ok()
    }
}

const fn turn(word: u64) -> u32 {
    (word >> 32) as u32
}

const SPARE: u64 = 0xff;
const ROOM: u64 = 0xff << 8;
const LEFT: u64 = 0xffff << 16;
const ONE_SPARE: u64 = 1;
const ONE_ROOM: u64 = 1 << 8;
const ONE_LEFT: u64 = 1 << 16;
const ONE_TURN: u64 = 1 << 32;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_closed_stripe_neither_keeps_nor_gives() {
        let stripe = Stripe::default();
        assert!(stripe.put_turns(7, 3));
        assert_eq!((stripe.park(1), stripe.take(1), stripe.take_unnumbered(1)), (false, None, false));
        stripe.open(2);
        assert_eq!((stripe.park(3), stripe.park(2), stripe.park(1)), (false, true, false));
        assert_eq!((stripe.take(3), stripe.take(2), stripe.spare()), (None, Some(7), 0));
        assert!(stripe.park(1));
        assert_eq!(stripe.close(), (1, 8, 2));
        assert!(!stripe.park(1));
    }

    #[test]
    fn numbers_run_out_and_wrap_without_touching_the_seats() {
        let stripe = Stripe::default();
        stripe.open(1);
        assert!(stripe.park(1) && stripe.put_turns(u32::MAX, 2) && !stripe.put_turns(0, 9));
        assert_eq!((stripe.take(1), stripe.park(1), stripe.take(1)), (Some(u32::MAX), true, Some(0)));
        assert_eq!((stripe.park(1), stripe.take(1), stripe.take_turn()), (true, None, None));
        assert!(stripe.take_unnumbered(1) && !stripe.take_unnumbered(1));
    }
}
