//! Everything about one tenant that changes with traffic: two cache lines, of which the common case touches the first.

use crate::{
    config::MOST_INSIDE,
    id::{IdWords, WORDS},
    limit::Buckets,
    sync::{AtomicU64, Ordering},
};

/// One tenant's state. Slots are used again: the generation tells whose time it is.
#[derive(Debug, Default)]
#[repr(C, align(128))]
pub(crate) struct Tenant {
    /// `vacant << 63 | generation << 40 | requests of tenants beneath it << 20 | own requests inside (waiting or in flight)`. A slot
    /// with requests inside is never given to another, and into a vacant one nobody comes.
    occupancy: AtomicU64,
    id: [AtomicU64; WORDS],
    /// Of which the first shares the first cache line.
    buckets: Buckets,
    completed: AtomicU64,
    /// `waiting << 40 | rejected`.
    tallies: AtomicU64,
}

/// A request that is inside: it keeps its tenant's slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) slot: u32,
    pub(crate) generation: u32,
}

/// Why a request cannot come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EntryError {
    /// The slot has become another tenant's since it was found.
    Stale,
    /// The tenant has as many requests inside as it may.
    Full,
}

impl Entry {
    /// Unique over the last eight million occupants of each slot: what the fair queue tells flows apart by.
    pub(crate) const fn key(&self) -> u64 {
        (self.generation as u64) << 32 | self.slot as u64
    }

    /// The slot in a key, unless it is no tenant's.
    pub(crate) fn slot_of_key(key: u64) -> Option<u32> {
        (key >> 63 == 0).then_some((key & 0xffff_ffff) as u32)
    }
}

impl Tenant {
    /// Whether it is this id's, and in which generation of its slot: to be confirmed by [`Self::enter`].
    #[inline]
    pub(super) fn matches(&self, words: &IdWords) -> Option<u32> {
        // Acquire: the words read next are at least as new as this generation.
        let occupancy = self.occupancy.load(Ordering::Acquire);
        if occupancy & VACANT != 0 {
            return None;
        }
        let same = self.id.iter().zip(words.0).all(|(mine, word)| mine.load(Ordering::Relaxed) == word);
        same.then_some((occupancy >> GENERATION) as u32)
    }

    /// One more request inside, unless there are `most` already, its own and those beneath it together.
    ///
    /// # Errors
    /// [`EntryError`]; then nothing has changed.
    #[inline]
    pub(crate) fn enter(&self, generation: u32, most: u32) -> Result<(), EntryError> {
        self.enter_as(OWN, generation, most)
    }

    /// One more request of a tenant beneath it, by the same bound.
    ///
    /// # Errors
    /// [`EntryError`]; then nothing has changed.
    pub(crate) fn enter_beneath(&self, generation: u32, most: u32) -> Result<(), EntryError> {
        self.enter_as(BENEATH, generation, most)
    }

    #[inline]
    fn enter_as(&self, one: u64, generation: u32, most: u32) -> Result<(), EntryError> {
        let mut occupancy = self.occupancy.load(Ordering::Relaxed);
        loop {
            if (occupancy >> GENERATION) as u32 != generation {
                return Err(EntryError::Stale);
            }
            if own(occupancy) + beneath(occupancy) >= most {
                return Err(EntryError::Full);
            }
            // Acquire pairs with `vacate`: whoever comes in sees the slot as its occupant left it.
            let next = occupancy + one;
            match self.occupancy.compare_exchange_weak(occupancy, next, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return Ok(()),
                Err(newer) => occupancy = newer,
            }
        }
    }

    /// One request less inside.
    #[inline]
    pub(crate) fn leave(&self) {
        // Release: all that the request did to this state comes before the slot can be given away.
        self.occupancy.fetch_sub(OWN, Ordering::Release);
    }

    /// One request less of a tenant beneath it.
    pub(crate) fn leave_beneath(&self) {
        self.occupancy.fetch_sub(BENEATH, Ordering::Release);
    }

    pub(crate) const fn buckets(&self) -> &Buckets {
        &self.buckets
    }

    /// Counts a finished request.
    #[inline]
    pub(crate) fn complete(&self) {
        self.completed.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a refused request.
    pub(crate) fn reject(&self) {
        self.tallies.fetch_add(1, Ordering::Relaxed);
    }

    /// One request more in a queue.
    pub(crate) fn start_waiting(&self) {
        self.tallies.fetch_add(ONE_WAITING, Ordering::Relaxed);
    }

    /// One request less in a queue.
    pub(crate) fn stop_waiting(&self) {
        self.tallies.fetch_sub(ONE_WAITING, Ordering::Relaxed);
    }

    /// Its own requests inside: waiting or in flight.
    pub(crate) fn inside(&self) -> u32 {
        own(self.occupancy.load(Ordering::Relaxed))
    }

    /// Requests inside of tenants beneath it, as far as it limits them.
    pub(crate) fn beneath(&self) -> u32 {
        beneath(self.occupancy.load(Ordering::Relaxed))
    }

    /// Which of its slot's occupants it is.
    pub(crate) fn generation(&self) -> u32 {
        (self.occupancy.load(Ordering::Relaxed) >> GENERATION) as u32
    }

    pub(crate) fn waiting(&self) -> u32 {
        (self.tallies.load(Ordering::Relaxed) >> 40) as u32
    }

    pub(crate) fn completed(&self) -> u64 {
        self.completed.load(Ordering::Relaxed)
    }

    pub(crate) fn rejected(&self) -> u64 {
        self.tallies.load(Ordering::Relaxed) % ONE_WAITING
    }

    pub(super) fn words(&self) -> IdWords {
        IdWords(std::array::from_fn(|index| self.id[index].load(Ordering::Relaxed)))
    }

    /// Whether it has requests inside, its own or beneath it.
    pub(super) fn is_occupied(&self) -> bool {
        let occupancy = self.occupancy.load(Ordering::Relaxed);
        own(occupancy) + beneath(occupancy) > 0
    }

    /// Ends an occupant's time, unless it has requests inside.
    pub(super) fn vacate(&self) -> bool {
        self.vacate_if(|_| true)
    }

    /// Ends an occupant's time if that is right: asked when nobody can come in any more.
    pub(super) fn vacate_if(&self, is_right: impl FnOnce(&Self) -> bool) -> bool {
        let occupancy = self.occupancy.load(Ordering::Relaxed);
        // AcqRel: after all that the occupant did, before all that the next one is set up with.
        let vacated = own(occupancy) + beneath(occupancy) == 0
            && self
                .occupancy
                .compare_exchange(occupancy, occupancy | VACANT, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok();
        let right = vacated && is_right(self);
        if vacated && !right {
            self.occupancy.store(occupancy, Ordering::Release);
        }
        right
    }

    /// Sets a vacant slot up for an id, in the next generation.
    pub(super) fn occupy(&self, words: &IdWords) {
        for (mine, word) in self.id.iter().zip(words.0) {
            mine.store(word, Ordering::Relaxed);
        }
        for bucket in &self.buckets {
            bucket.reset();
        }
        self.completed.store(0, Ordering::Relaxed);
        self.tallies.store(0, Ordering::Relaxed);
        let generation = (self.occupancy.load(Ordering::Relaxed) & !VACANT) >> GENERATION;
        // Release: who sees the new generation sees all of the above.
        self.occupancy.store(((generation + 1) << GENERATION) & !VACANT, Ordering::Release);
    }
}

const ONE_WAITING: u64 = 1 << 40;
const OWN: u64 = 1;
const BENEATH: u64 = 1 << 20;
const GENERATION: u32 = 40;
const VACANT: u64 = 1 << 63;
const _: () = assert!(MOST_INSIDE as u64 == BENEATH - 1, "what each of the two counts has bits for");

#[inline]
const fn own(occupancy: u64) -> u32 {
    (occupancy & 0xf_ffff) as u32
}

#[inline]
const fn beneath(occupancy: u64) -> u32 {
    ((occupancy >> 20) & 0xf_ffff) as u32
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_is_two_cache_lines() {
        assert_eq!(size_of::<Tenant>(), 128);
    }

    #[test]
    fn a_slot_with_requests_inside_is_not_given_away() {
        let (tenant, old, new) = (Tenant::default(), IdWords([1; WORDS]), IdWords([2; WORDS]));
        tenant.occupy(&old);
        let generation = tenant.matches(&old).expect("it is there");
        assert_eq!(tenant.enter(generation, 2), Ok(()));
        assert!(!tenant.vacate());
        tenant.leave();
        assert!(tenant.vacate());
        assert_eq!(tenant.matches(&old), None, "nobody finds a vacant slot");
        assert_eq!(tenant.enter(generation, 2), Err(EntryError::Stale));
        tenant.occupy(&new);
        assert_eq!(tenant.enter(generation, 2), Err(EntryError::Stale));
        let generation = tenant.matches(&new).expect("it is there");
        assert_eq!(tenant.enter(generation, 1), Ok(()));
        assert_eq!(tenant.enter(generation, 1), Err(EntryError::Full));
    }

    #[test]
    fn those_beneath_count_under_the_bound_and_keep_the_slot() {
        let (tenant, id) = (Tenant::default(), IdWords([1; WORDS]));
        tenant.occupy(&id);
        let generation = tenant.matches(&id).expect("it is there");
        assert_eq!(tenant.enter(generation, 2), Ok(()));
        assert_eq!(tenant.enter_beneath(generation, 2), Ok(()));
        assert_eq!((tenant.inside(), tenant.beneath()), (1, 1));
        assert_eq!(tenant.enter(generation, 2), Err(EntryError::Full));
        assert_eq!(tenant.enter_beneath(generation, 2), Err(EntryError::Full));
        tenant.leave();
        assert!(!tenant.vacate(), "somebody beneath is inside");
        tenant.leave_beneath();
        assert!(tenant.vacate());
        assert_eq!(tenant.enter_beneath(generation, 2), Err(EntryError::Stale));
    }
}

#[cfg(all(test, loom))]
mod models {
    use loom::{sync::Arc, thread};

    use super::*;

    /// A slot that is given to another id while someone looks it up never lets the old id's request in as the new one's.
    #[test]
    fn nobody_enters_as_somebody_else() {
        loom::model(|| {
            let tenant = Arc::new(Tenant::default());
            let (old, new) = (IdWords([1; WORDS]), IdWords([2; WORDS]));
            tenant.occupy(&old);
            // The looking up runs in the spawned thread: so loom also tries the orders in which it comes late.
            let visitor = {
                let tenant = Arc::clone(&tenant);
                thread::spawn(move || {
                    if let Some(generation) = tenant.matches(&old)
                        && tenant.enter(generation, 9).is_ok()
                    {
                        assert_eq!(tenant.words(), old);
                        tenant.leave();
                    }
                })
            };
            if tenant.vacate() {
                tenant.occupy(&new);
            }
            visitor.join().expect("the thread does not panic");
        });
    }
}
