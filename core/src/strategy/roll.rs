//! Who of some endpoints is there, as health was last counted, so that a pick need not look at those who are not: each look is a cache line from far away, and most
//! of them are in vain where most endpoints are out.
//!
//! Health has the last word: who is there is asked as ever, and where a strategy finds nobody, everybody is. Words are written one by one, so a pick that meets a change may see a part of it.

use crate::sync::{AtomicU32, AtomicU64, Ordering};

/// One call of a tier's endpoints.
#[derive(Debug)]
pub(crate) struct Roll {
    /// A bit for each that is not there.
    missing: Box<[AtomicU64]>,
    /// The places of those who are, and behind them old ones.
    present: Box<[AtomicU32]>,
    count: AtomicU32,
}

impl Roll {
    /// Of so many, who are all there.
    pub(crate) fn of(count: usize) -> Self {
        Self {
            missing: (0..count.div_ceil(BITS)).map(|_| AtomicU64::new(0)).collect(),
            present: (0..).take(count).map(AtomicU32::new).collect(),
            count: AtomicU32::new(u32::try_from(count).unwrap_or(u32::MAX)),
        }
    }

    /// Whether the one at this place is missing.
    #[inline]
    pub(crate) fn misses(&self, place: usize) -> bool {
        // Relaxed here and below: each word stands for itself.
        self.missing[place / BITS].load(Ordering::Relaxed) >> (place % BITS) & 1 == 1
    }

    /// How many are there.
    #[inline]
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed) as usize
    }

    /// The place of one of them.
    #[inline]
    pub(crate) fn place(&self, index: usize) -> usize {
        self.present[index].load(Ordering::Relaxed) as usize
    }

    /// Writes down of each, in order, whether it is there.
    pub(crate) fn call(&self, mut are: impl Iterator<Item = bool>) {
        let (mut place, mut count) = (0, 0);
        for word in &self.missing {
            let mut missing = 0;
            for (is_there, bit) in are.by_ref().take(BITS).zip(0..) {
                if is_there {
                    self.present[count as usize].store(place, Ordering::Relaxed);
                    count += 1;
                } else {
                    missing |= 1 << bit;
                }
                place += 1;
            }
            word.store(missing, Ordering::Relaxed);
        }
        self.count.store(count, Ordering::Relaxed);
    }
}

/// In a word.
const BITS: usize = 64;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn who_is_there_is_listed_and_who_is_not_is_missed() {
        let roll = Roll::of(130);
        let listed = || (0..roll.count()).map(|index| roll.place(index)).collect::<Vec<_>>();
        let agrees = |there: &dyn Fn(usize) -> bool| {
            let due: Vec<_> = (0..130).filter(|&place| there(place)).collect();
            listed() == due && (0..130).all(|place| roll.misses(place) != there(place))
        };
        assert!(agrees(&|_| true));
        for there in [|place: usize| place.is_multiple_of(3), |place| place == 129, |_| false, |_| true] {
            roll.call((0..130).map(there));
            assert!(agrees(&there));
        }
        assert_eq!(Roll::of(0).count(), 0);
    }
}
