//! The terms of one directory, each once: appended to while it is in use, so that what a number means never changes.

use std::{collections::HashMap, hash::BuildHasher, sync::OnceLock};

use foldhash::fast::RandomState;

use super::{Segments, Terms};

/// Terms by number.
#[derive(Debug, Default)]
pub(super) struct TermsList {
    /// Most configurations have no more: found without a look at the segments.
    first: [OnceLock<Terms>; FEW as usize],
    /// From number [`FEW`] on.
    list: Segments<OnceLock<Terms>>,
}

/// Which numbers a list has given. Behind the registry's lock.
#[derive(Debug, Default)]
pub(super) struct TermsNumbers {
    hasher: RandomState,
    /// By hash: two different terms of one hash are rare, and then one of them may stand in the list twice.
    numbers: HashMap<u64, u32, RandomState>,
    next: u32,
}

impl TermsList {
    #[inline]
    pub(super) fn get(&self, number: u32) -> &Terms {
        let place = self.first.get(number as usize).unwrap_or_else(|| self.further(number));
        place.get().expect("numbers are given to terms that are there")
    }

    #[inline(never)]
    fn further(&self, number: u32) -> &OnceLock<Terms> {
        self.list.get(number - FEW)
    }

    fn allocate(&self, number: u32) -> &OnceLock<Terms> {
        self.first.get(number as usize).unwrap_or_else(|| self.list.allocate(number - FEW))
    }
}

const FEW: u32 = 8;

impl TermsNumbers {
    /// The number of these terms.
    pub(super) fn number(&mut self, terms: Terms, list: &TermsList) -> u32 {
        let hash = self.hasher.hash_one(&terms);
        if let Some(&number) = self.numbers.get(&hash)
            && *list.get(number) == terms
        {
            return number;
        }
        let number = self.next;
        list.allocate(number).get_or_init(|| terms);
        self.numbers.insert(hash, number);
        self.next += 1;
        number
    }

    /// How many there are, those that nobody has any more included.
    pub(super) const fn given(&self) -> u32 {
        self.next
    }
}
