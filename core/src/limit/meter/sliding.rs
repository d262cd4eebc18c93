//! A sliding window: so much in any stretch of time of one length.
//!
//! The window is counted in [`PARTS`] parts, of which the one that is half gone counts whole. So no stretch of the window's length ever
//! holds more than the amount, and what was used comes back at most one part late. *Where we differ* from the sliding counter
//! of two windows (Cloudflare, 2017): that one estimates, and lets too much pass after uneven traffic.
//!
//! More than the amount is used only where a request turns out to have used more than it declared. That is owed, and enters
//! the window as room comes free: it counts for as long as if it had been used then.

/// What has been used of one sliding window.
#[derive(Clone, Debug)]
pub(super) struct Sliding {
    /// The part that it is. The clock starts in part [`KEPT`], so that what was used before it has a number, too.
    newest: u64,
    /// By number modulo their count.
    parts: Box<[u64; 33]>,
    /// The sum of the parts: never more than the amount.
    total: u64,
    owed: u64,
}

/// The amount and the length of a part, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) amount: u64,
    pub(super) part: u64,
}

impl Sliding {
    pub(super) fn new() -> Self {
        Self { newest: KEPT, parts: Box::new([0; 33]), total: 0, owed: 0 }
    }

    /// Lets pass what has come to be too old.
    pub(super) fn advance(&mut self, shape: Shape, now: u64) {
        let current = part_at(shape, now);
        for _ in 0..MOST_STEPS {
            match self.next_return() {
                Some(part) if part <= current => self.step_to(part, shape.amount),
                _ => {
                    self.newest = self.newest.max(current);
                    return;
                }
            }
        }
        // A debt of very many windows: what has drained of it, and not more.
        let windows = (current - self.newest) / KEPT;
        self.owed = self.owed.saturating_sub(windows.saturating_mul(shape.amount));
        self.newest = current;
        *self.parts = [0; 33];
        self.parts[place(current)] = self.total;
    }

    /// Whether `units` more fit.
    ///
    /// # Errors
    /// The moment at which they will, if nothing else happens.
    pub(super) fn fits(&self, shape: Shape, units: u64) -> Result<(), u64> {
        if self.has_room(shape, units) {
            return Ok(());
        }
        let mut later = self.clone();
        for _ in 0..MOST_STEPS {
            let Some(part) = later.next_return() else { break };
            later.step_to(part, shape.amount);
            if later.has_room(shape, units) {
                break;
            }
        }
        Err((later.newest - KEPT).saturating_mul(shape.part))
    }

    /// Takes what fits; returns the part that it is taken in.
    pub(super) fn take(&mut self, units: u64) -> u64 {
        self.parts[place(self.newest)] += units;
        self.total += units;
        self.newest
    }

    /// Gives back what was taken in a part, unless that has come back by itself.
    pub(super) fn give_back(&mut self, shape: Shape, units: u64, part: u64) {
        if part + KEPT <= self.newest {
            return;
        }
        let mut left = units;
        // Where a smaller amount has made a debt of some of it, it is in later parts by now, or still owed.
        for part in part..=self.newest {
            let back = left.min(self.parts[place(part)]);
            self.parts[place(part)] -= back;
            self.total -= back;
            left -= back;
        }
        self.owed = self.owed.saturating_sub(left);
        self.admit_owed(shape.amount);
    }

    /// Uses `units`, whether there is room or not.
    pub(super) fn owe(&mut self, shape: Shape, units: u64) {
        self.owed = self.owed.saturating_add(units);
        self.admit_owed(shape.amount);
    }

    /// Used, and owed on top.
    pub(super) const fn used(&self) -> u64 {
        self.total.saturating_add(self.owed)
    }

    /// Another amount for what has been used.
    pub(super) fn resize(&mut self, amount: u64) {
        let mut over = self.total.saturating_sub(amount);
        self.owed = self.owed.saturating_add(over);
        self.total -= over;
        // The newest first: what stays longest is what is owed.
        for part in (self.newest.saturating_sub(PARTS)..=self.newest).rev() {
            let less = over.min(self.parts[place(part)]);
            self.parts[place(part)] -= less;
            over -= less;
        }
        self.admit_owed(amount);
    }

    /// What has been used, each with how many nanoseconds ago that was at the least; and what is owed.
    #[cfg(feature = "ledger")]
    pub(super) fn ages(&self, shape: Shape, now: u64) -> (Vec<(u64, u64)>, u64) {
        let parts =
            (self.newest.saturating_sub(PARTS)..=self.newest).filter(|&part| self.parts[place(part)] > 0);
        let shifted = now.saturating_add(KEPT.saturating_mul(shape.part));
        let age = |part: u64| shifted.saturating_sub((part + 1).saturating_mul(shape.part));
        (parts.map(|part| (age(part), self.parts[place(part)])).collect(), self.owed)
    }

    /// The window at `now` of what was used so long ago: it comes back a part later than it would have, at most.
    #[cfg(feature = "ledger")]
    pub(super) fn of_ages(shape: Shape, ages: &[(u64, u64)], owed: u64, now: u64) -> Self {
        let mut window = Self::new();
        window.newest = part_at(shape, now);
        let start = KEPT.saturating_mul(shape.part);
        for &(age, units) in ages {
            let Some(moment) = now.saturating_add(start).checked_sub(age) else { continue };
            let part = moment / shape.part;
            if part + PARTS >= window.newest {
                window.parts[place(part)] = window.parts[place(part)].saturating_add(units);
            }
        }
        window.total = window.parts.iter().fold(0, |sum, units| sum.saturating_add(*units));
        window.owed = owed;
        window.resize(shape.amount);
        window
    }

    const fn has_room(&self, shape: Shape, units: u64) -> bool {
        self.owed == 0 && units <= shape.amount.saturating_sub(self.total)
    }

    /// The part with which something comes back.
    fn next_return(&self) -> Option<u64> {
        let first = self.newest.saturating_sub(PARTS);
        let oldest = (first..=self.newest).find(|&part| self.parts[place(part)] > 0)?;
        Some(oldest + KEPT)
    }

    /// To the part with which the oldest comes back.
    fn step_to(&mut self, part: u64, amount: u64) {
        self.newest = part;
        self.total -= std::mem::take(&mut self.parts[place(part)]);
        self.admit_owed(amount);
    }

    fn admit_owed(&mut self, amount: u64) {
        let admitted = self.owed.min(amount.saturating_sub(self.total));
        self.parts[place(self.newest)] += admitted;
        self.total += admitted;
        self.owed -= admitted;
    }
}

const fn part_at(shape: Shape, now: u64) -> u64 {
    now / shape.part + KEPT
}

const fn place(part: u64) -> usize {
    (part % KEPT) as usize
}

/// How many parts a window is counted in: what is used comes back at most 1/32 of the window late.
pub(crate) const PARTS: u64 = 32;
/// With the one that is half gone.
const KEPT: u64 = PARTS + 1;
const _: () = assert!(KEPT == 33, "the length of the array of parts");
/// After so many, a debt's end is a lower bound.
const MOST_STEPS: usize = 4_096;

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against an exact log: nothing more than it in any window, and all that it would let pass if windows were a part longer.
        #[test]
        fn it_admits_what_the_exact_log_admits_one_part_late_at_most(
            amount in 1_u64..40, part in 1_u64..50,
            steps in prop::collection::vec((0_u64..200, 1_u64..8, 0_usize..6), 1..200),
        ) {
            let (shape, mut sliding, mut now) = (Shape { amount, part }, Sliding::new(), 0);
            let window = part * PARTS;
            let mut log: Vec<(u64, u64, u64)> = vec![];
            for (gap, units, action) in steps {
                now += gap;
                sliding.advance(shape, now);
                let since = |length: u64| {
                    log.iter().filter(|(at, ..)| at + length > now).map(|(_, units, _)| units).sum::<u64>()
                };
                match sliding.fits(shape, units) {
                    Ok(()) => {
                        prop_assert!(since(window) + units <= amount, "too much in one window");
                        log.push((now, units, sliding.take(units)));
                    }
                    Err(at) => {
                        prop_assert!(since(window + part) + units > amount, "refused what fits");
                        prop_assert!(units > amount || at > now);
                    }
                }
                if action == 0 && !log.is_empty() {
                    let (_, units, part) = log.remove(log.len() / 2);
                    sliding.give_back(shape, units, part);
                }
            }
        }

        #[test]
        fn it_says_exactly_when_to_return(
            amount in 1_u64..20, part in 1_u64..50,
            steps in prop::collection::vec((0_u64..100, 1_u64..30, 0_u64..30), 1..100),
        ) {
            let (shape, mut sliding, mut now) = (Shape { amount, part }, Sliding::new(), 0);
            for (gap, units, extra) in steps {
                now += gap;
                sliding.advance(shape, now);
                let units = units.min(amount);
                match sliding.fits(shape, units) {
                    Ok(()) => {
                        sliding.take(units);
                        sliding.owe(shape, extra);
                    }
                    Err(at) => {
                        let fits_at = |at| {
                            let mut later = sliding.clone();
                            later.advance(shape, at);
                            later.fits(shape, units).is_ok()
                        };
                        prop_assert!(fits_at(at) && !fits_at(at - 1), "{at} at {now}: {sliding:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_owed_drains_at_the_amount_a_window() {
        let (shape, mut sliding) = (Shape { amount: 10, part: 1 }, Sliding::new());
        sliding.owe(shape, 35);
        assert_eq!(sliding.used(), 35);
        // Three windows for thirty of it; five are in the fourth, and five more fit.
        assert_eq!(sliding.fits(shape, 5), Err(3 * KEPT));
        assert_eq!(sliding.fits(shape, 6), Err(4 * KEPT));
        sliding.advance(shape, 3 * KEPT);
        assert_eq!((sliding.used(), sliding.fits(shape, 5)), (5, Ok(())));
    }

    #[test]
    fn a_smaller_amount_leaves_a_debt_and_a_larger_one_room() {
        let mut sliding = Sliding::new();
        sliding.take(10);
        sliding.resize(4);
        assert_eq!((sliding.used(), sliding.fits(Shape { amount: 4, part: 1 }, 1).is_ok()), (10, false));
        sliding.resize(20);
        assert_eq!((sliding.used(), sliding.fits(Shape { amount: 20, part: 1 }, 10)), (10, Ok(())));
    }

    #[test]
    fn what_a_smaller_amount_has_made_a_debt_of_is_given_back_all_the_same() {
        let (shape, smaller) = (Shape { amount: 10, part: 1 }, Shape { amount: 4, part: 1 });
        for (wait, owed_later) in [(0, 0), (5, 0), (5, 3)] {
            let mut sliding = Sliding::new();
            let part = sliding.take(10);
            sliding.resize(smaller.amount);
            sliding.owe(smaller, owed_later);
            sliding.advance(smaller, wait);
            sliding.give_back(smaller, 10, part);
            assert_eq!(sliding.used(), owed_later);
        }
        let mut sliding = Sliding::new();
        let part = sliding.take(10);
        sliding.resize(smaller.amount);
        sliding.resize(shape.amount);
        sliding.give_back(shape, 10, part);
        assert_eq!((sliding.used(), sliding.fits(shape, 10)), (0, Ok(())));
    }

    #[test]
    fn a_debt_of_a_million_windows_takes_a_moment_and_not_minutes() {
        let (shape, mut sliding) = (Shape { amount: 1, part: 1 }, Sliding::new());
        sliding.owe(shape, 1_000_000_000);
        assert!(sliding.fits(shape, 1).is_err());
        sliding.advance(shape, 10_000_000 * KEPT);
        assert!(sliding.used() >= 1_000_000_000 - 10_000_001, "no more drains than has drained");
    }
}
