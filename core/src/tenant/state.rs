//! Everything about one tenant that changes with traffic: two cache lines, of which the common case touches the first.

use super::{
    EntryError, Segments, Visits,
    words::{
        COMPLETED, COMPLETED_BITS, GENERATION, MOST_COMPLETED, ONE_BENEATH, ONE_CARRIED, ONE_COMPLETED,
        ONE_INSIDE, ONE_WAITING, RETRIES, VACANT, VACANT_OR_GENERATION, generation, inside,
    },
};
use crate::{
    id::{IdWords, WORDS},
    limit::{Bucket, Buckets, MAX_QUOTAS},
    sync::{AtomicU64, Ordering},
};

/// One tenant's state. Slots are used again: the generation tells whose time it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tenant<'a> {
    hot: &'a Hot,
    /// Where what is [cold](Cold) is.
    cold: (&'a Segments<Cold>, u32),
}

/// What every request touches: a cache line.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(super) struct Hot {
    /// `completed requests modulo 2¹⁹ << 45 | retries << 44 | vacant << 43 | generation << 20 | requests inside (waiting or in flight), its
    /// own and those of tenants beneath it`. A slot with requests inside is never given to another, and into a vacant one nobody comes.
    occupancy: AtomicU64,
    id: [AtomicU64; WORDS],
    first_bucket: Bucket,
}

/// What only some requests touch, in another: those of tenants with several quotas or with others beneath them, and those that wait or are refused.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(super) struct Cold {
    more_buckets: [Bucket; MAX_QUOTAS - 1],
    /// `completed requests / 2¹⁹ << 20 | requests inside of tenants beneath it`.
    counts: AtomicU64,
    /// `waiting << 40 | rejected`.
    tallies: AtomicU64,
}

impl<'a> Tenant<'a> {
    #[inline]
    pub(super) const fn new(hot: &'a Hot, cold: (&'a Segments<Cold>, u32)) -> Self {
        Self { hot, cold }
    }

    fn cold(&self) -> &'a Cold {
        let (all, place) = self.cold;
        all.get(place)
    }

    /// Whether it is this id's, and in which generation of its slot: to be confirmed by [`Self::enter`].
    #[inline]
    pub(super) fn matches(&self, words: &IdWords) -> Option<u32> {
        // Acquire: the words read next are at least as new as this generation.
        let occupancy = self.hot.occupancy.load(Ordering::Acquire);
        if occupancy & VACANT != 0 {
            return None;
        }
        let mine = self.hot.id.iter().map(|word| word.load(Ordering::Relaxed));
        let different = mine.zip(words.0).fold(0, |different, (mine, word)| different | (mine ^ word));
        (different == 0).then_some(generation(occupancy))
    }

    /// One more request inside, unless there are `most` already, its own and those beneath it together.
    ///
    /// # Errors
    /// [`EntryError`]; then nothing has changed.
    #[inline]
    pub(crate) fn enter(&self, generation: u32, most: u32) -> Result<(), EntryError> {
        self.step(ONE_INSIDE, generation, most).map(drop)
    }

    /// One more request of a tenant beneath it, by the same bound.
    ///
    /// # Errors
    /// [`EntryError`]; then nothing has changed.
    pub(crate) fn enter_beneath(&self, generation: u32, most: u32) -> Result<(), EntryError> {
        self.step(ONE_INSIDE, generation, most)?;
        self.cold().counts.fetch_add(ONE_BENEATH, Ordering::Relaxed);
        Ok(())
    }

    /// Counts a finished request that did not enter, if one more might have. Only during a visit: until that ends, the slot stays the tenant's.
    ///
    /// # Errors
    /// [`EntryError`]; then nothing has changed.
    #[inline]
    pub(crate) fn pass(&self, generation: u32, most: u32) -> Result<(), EntryError> {
        let before = self.step(ONE_COMPLETED, generation, most)?;
        self.carry(before);
        Ok(())
    }

    /// Takes a [`pass`](Self::pass) back, during the same visit.
    #[cold]
    pub(crate) fn take_back(&self) {
        let before = self.hot.occupancy.fetch_sub(ONE_COMPLETED, Ordering::Relaxed);
        if before >> COMPLETED == 0 {
            self.cold().counts.fetch_sub(ONE_CARRIED, Ordering::Relaxed);
        }
    }

    /// As [`pass`](Self::pass), counting nothing: whether the slot is still the tenant's, until the visit ends.
    ///
    /// # Errors
    /// [`EntryError`].
    pub(crate) fn confirm(&self, generation: u32, most: u32) -> Result<(), EntryError> {
        self.step(0, generation, most).map(drop)
    }

    /// Adds to the occupancy if it is still this generation's and has less than `most` inside; says what it was before.
    #[inline]
    fn step(&self, more: u64, generation: u32, most: u32) -> Result<u64, EntryError> {
        let mut occupancy = self.hot.occupancy.load(Ordering::Relaxed);
        loop {
            // Of a vacant slot it is more than any generation.
            if (occupancy >> GENERATION & VACANT_OR_GENERATION) as u32 != generation {
                return Err(EntryError::Stale);
            }
            if inside(occupancy) >= most {
                return Err(EntryError::Full);
            }
            // What is completed wraps out of the word's top. Acquire pairs with `occupy`: whoever comes in sees the slot as it was set up. Release, for `vacate`: who
            // ends an occupant's time sees the marks of those who are still visiting it.
            let next = occupancy.wrapping_add(more);
            match self.hot.occupancy.compare_exchange_weak(
                occupancy,
                next,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(before) => return Ok(before),
                Err(newer) => occupancy = newer,
            }
        }
    }

    /// One request less inside.
    #[inline]
    pub(crate) fn leave(&self) {
        // Release: all that the request did to this state comes before the slot can be given away.
        self.hot.occupancy.fetch_sub(ONE_INSIDE, Ordering::Release);
    }

    /// One request less of a tenant beneath it.
    pub(crate) fn leave_beneath(&self) {
        self.cold().counts.fetch_sub(ONE_BENEATH, Ordering::Relaxed);
        self.leave();
    }

    /// A request that is inside is finished: counts it and lets it go.
    #[inline]
    pub(crate) fn complete(&self) {
        let mut occupancy = self.hot.occupancy.load(Ordering::Relaxed);
        while occupancy >> COMPLETED != MOST_COMPLETED {
            let next = occupancy + ONE_COMPLETED - ONE_INSIDE;
            // As in `leave`.
            match self.hot.occupancy.compare_exchange_weak(
                occupancy,
                next,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(newer) => occupancy = newer,
            }
        }
        // What is carried must be there before the slot can be given away.
        self.carry(self.hot.occupancy.fetch_add(ONE_COMPLETED, Ordering::Relaxed));
        self.leave();
    }

    /// What was completed before one more was counted: whether the count has wrapped.
    #[inline]
    fn carry(&self, before: u64) {
        if before >> COMPLETED == MOST_COMPLETED {
            self.cold().counts.fetch_add(ONE_CARRIED, Ordering::Relaxed);
        }
    }

    /// Counts a refused request.
    pub(crate) fn reject(&self) {
        self.cold().tallies.fetch_add(1, Ordering::Relaxed);
    }

    /// One request more in a queue.
    pub(crate) fn start_waiting(&self) {
        self.cold().tallies.fetch_add(ONE_WAITING, Ordering::Relaxed);
    }

    /// One request less in a queue.
    pub(crate) fn stop_waiting(&self) {
        self.cold().tallies.fetch_sub(ONE_WAITING, Ordering::Relaxed);
    }

    /// Whether it has asked for retries or hedges lately, so that its requests are counted for their budgets. On the word that
    /// every request has just written.
    #[inline]
    pub(crate) fn retries(&self) -> bool {
        self.hot.occupancy.load(Ordering::Relaxed) & RETRIES != 0
    }

    /// From now on it does. By a request that is inside: the slot is not given away meanwhile.
    pub(crate) fn start_retrying(&self) {
        self.hot.occupancy.fetch_or(RETRIES, Ordering::Relaxed);
    }

    /// From now on it does not. By a request that is inside.
    pub(crate) fn stop_retrying(&self) {
        self.hot.occupancy.fetch_and(!RETRIES, Ordering::Relaxed);
    }

    /// Its own requests inside: waiting or in flight.
    pub(crate) fn inside(&self) -> u32 {
        self.all_inside().saturating_sub(self.beneath())
    }

    /// Requests inside of tenants beneath it, as far as it limits them.
    pub(crate) fn beneath(&self) -> u32 {
        (self.cold().counts.load(Ordering::Relaxed) % ONE_CARRIED) as u32
    }

    /// Both together: what its bound is for.
    pub(crate) fn all_inside(&self) -> u32 {
        inside(self.hot.occupancy.load(Ordering::Relaxed))
    }

    /// Which of its slot's occupants it is.
    pub(crate) fn generation(&self) -> u32 {
        (self.hot.occupancy.load(Ordering::Relaxed) >> GENERATION & VACANT_OR_GENERATION) as u32
    }

    pub(crate) fn waiting(&self) -> u32 {
        (self.cold().tallies.load(Ordering::Relaxed) >> 40) as u32
    }

    /// Finished requests. Another thread may be about to carry: then 2¹⁹ are missing for some nanoseconds.
    pub(crate) fn completed(&self) -> u64 {
        let carried = self.cold().counts.load(Ordering::Acquire) / ONE_CARRIED;
        (carried << COMPLETED_BITS) + (self.hot.occupancy.load(Ordering::Relaxed) >> COMPLETED)
    }

    pub(crate) fn rejected(&self) -> u64 {
        self.cold().tallies.load(Ordering::Relaxed) % ONE_WAITING
    }

    pub(super) fn words(&self) -> IdWords {
        IdWords(std::array::from_fn(|index| self.hot.id[index].load(Ordering::Relaxed)))
    }

    /// Whether it has requests inside, its own or beneath it.
    pub(super) fn is_occupied(&self) -> bool {
        self.all_inside() > 0
    }

    /// Ends an occupant's time, unless it has requests inside.
    pub(super) fn vacate(&self, visits: &Visits) -> bool {
        self.vacate_if(visits, |_| true)
    }

    /// Ends an occupant's time if that is right: asked when nobody can come in any more, and nobody is visiting.
    pub(super) fn vacate_if(&self, visits: &Visits, is_right: impl FnOnce(&Self) -> bool) -> bool {
        let occupancy = self.hot.occupancy.load(Ordering::Relaxed);
        // AcqRel: after all that the occupant did, before all that the next one is set up with.
        let vacated = inside(occupancy) == 0
            && self
                .hot
                .occupancy
                .compare_exchange(occupancy, occupancy | VACANT, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok();
        let right = vacated && visits.are_over() && is_right(self);
        if vacated && !right {
            // Somebody who is visiting may take back meanwhile what it has counted.
            self.hot.occupancy.fetch_and(!VACANT, Ordering::AcqRel);
        }
        right
    }

    /// Sets a vacant slot up for an id, in the next generation.
    pub(super) fn occupy(&self, words: &IdWords) {
        for (mine, word) in self.hot.id.iter().zip(words.0) {
            mine.store(word, Ordering::Relaxed);
        }
        self.all().for_each(Bucket::reset);
        self.cold().counts.store(0, Ordering::Relaxed);
        self.cold().tallies.store(0, Ordering::Relaxed);
        let generation = u64::from(generation(self.hot.occupancy.load(Ordering::Relaxed)));
        // Release: who sees the new generation sees all of the above.
        self.hot.occupancy.store(((generation + 1) << GENERATION) & (VACANT - 1), Ordering::Release);
    }
}

impl Buckets for Tenant<'_> {
    #[inline]
    fn first(&self) -> &Bucket {
        &self.hot.first_bucket
    }

    fn more(&self) -> &[Bucket] {
        &self.cold().more_buckets
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{super::Slab, *};

    #[test]
    fn a_tenant_is_two_cache_lines() {
        assert_eq!((size_of::<Hot>(), size_of::<Cold>()), (64, 64));
    }

    #[test]
    fn a_slot_with_requests_inside_is_not_given_away() {
        let (slab, old, new) = (Slab::of_one(), IdWords([1; WORDS]), IdWords([2; WORDS]));
        let tenant = slab.get(0);
        let visits = Visits::default();
        tenant.occupy(&old);
        let generation = tenant.matches(&old).expect("it is there");
        assert_eq!(tenant.enter(generation, 2), Ok(()));
        assert!(!tenant.vacate(&visits));
        tenant.leave();
        assert!(tenant.vacate(&visits));
        assert_eq!(tenant.matches(&old), None, "nobody finds a vacant slot");
        assert_eq!(tenant.enter(generation, 2), Err(EntryError::Stale));
        tenant.occupy(&new);
        assert_eq!(tenant.enter(generation, 2), Err(EntryError::Stale));
        let generation = tenant.matches(&new).expect("it is there");
        assert_eq!(tenant.enter(generation, 1), Ok(()));
        assert_eq!(tenant.enter(generation, 1), Err(EntryError::Full));
    }

    #[test]
    fn a_flag_is_the_occupants_and_no_count() {
        let (slab, visits, id) = (Slab::of_one(), Visits::default(), IdWords([1; WORDS]));
        let tenant = slab.get(0);
        tenant.occupy(&id);
        let generation = tenant.matches(&id).expect("it is there");
        assert_eq!(tenant.enter(generation, 2), Ok(()));
        assert!(!tenant.retries());
        tenant.start_retrying();
        assert!(tenant.retries());
        assert_eq!((tenant.inside(), tenant.beneath(), tenant.generation()), (1, 0, generation));
        assert_eq!(tenant.enter(generation, 2), Ok(()));
        tenant.stop_retrying();
        assert!(!tenant.retries());
        tenant.start_retrying();
        tenant.leave();
        tenant.leave();
        assert!(tenant.vacate(&visits));
        tenant.occupy(&id);
        assert!(!tenant.retries() && tenant.generation() != generation);
    }

    #[test]
    fn those_beneath_count_under_the_bound_and_keep_the_slot() {
        let (slab, visits, id) = (Slab::of_one(), Visits::default(), IdWords([1; WORDS]));
        let tenant = slab.get(0);
        tenant.occupy(&id);
        let generation = tenant.matches(&id).expect("it is there");
        assert_eq!(tenant.enter(generation, 2), Ok(()));
        assert_eq!(tenant.enter_beneath(generation, 2), Ok(()));
        assert_eq!((tenant.inside(), tenant.beneath()), (1, 1));
        assert_eq!(tenant.enter(generation, 2), Err(EntryError::Full));
        assert_eq!(tenant.enter_beneath(generation, 2), Err(EntryError::Full));
        tenant.leave();
        assert!(!tenant.vacate(&visits), "somebody beneath is inside");
        tenant.leave_beneath();
        assert!(tenant.vacate(&visits));
        assert_eq!(tenant.enter_beneath(generation, 2), Err(EntryError::Stale));
    }
}

#[cfg(all(test, not(loom)))]
mod counts {
    use proptest::prelude::*;

    use super::{super::Slab, *};

    proptest! {
        /// Completed requests wrap in the occupancy and are carried, whichever way they are counted and taken back, and disturb nothing beside them.
        #[test]
        fn nothing_is_lost_where_the_count_wraps(short in 1..9_u64, steps in proptest::collection::vec(0..4_u8, 30)) {
            let (slab, id) = (Slab::of_one(), IdWords([1; WORDS]));
            let tenant = slab.get(0);
            tenant.occupy(&id);
            let generation = tenant.matches(&id).expect("it is there");
            let mut expected = MOST_COMPLETED + 1 - short;
            tenant.hot.occupancy.fetch_add(expected << COMPLETED, Ordering::Relaxed);
            for step in steps {
                let done = match step {
                    0 => tenant.enter(generation, 9).map(|()| tenant.complete()),
                    1 => tenant.pass(generation, 9),
                    2 => tenant.pass(generation, 9).map(|()| tenant.take_back()),
                    _ => tenant.enter_beneath(generation, 9).map(|()| tenant.leave_beneath()),
                };
                prop_assert_eq!(done, Ok(()));
                expected += u64::from(step < 2);
                prop_assert_eq!(tenant.completed(), expected);
                prop_assert_eq!((tenant.all_inside(), tenant.beneath()), (0, 0));
                prop_assert_eq!(tenant.generation(), generation);
            }
            prop_assert!(tenant.vacate(&Visits::default()));
        }
    }
}

#[cfg(all(test, loom))]
mod models {
    use std::time::Duration;

    use loom::{sync::Arc, thread};

    use super::{super::Slab, *};
    use crate::{
        limit::{Quota, Spending, Unit, spend},
        tenant::Mark,
        time::Time,
    };

    /// A slot that is given to another id while someone looks it up never lets the old id's request in as the new one's.
    #[test]
    fn nobody_enters_as_somebody_else() {
        loom::model(|| {
            let slab = Arc::new(Slab::of_one());
            let tenant = slab.get(0);
            let (old, new) = (IdWords([1; WORDS]), IdWords([2; WORDS]));
            tenant.occupy(&old);
            // The looking up runs in the spawned thread: so loom also tries the orders in which it comes late.
            let visitor = {
                let slab = Arc::clone(&slab);
                thread::spawn(move || {
                    let tenant = slab.get(0);
                    if let Some(generation) = tenant.matches(&old)
                        && tenant.enter(generation, 9).is_ok()
                    {
                        assert_eq!(tenant.words(), old);
                        tenant.leave();
                    }
                })
            };
            if tenant.vacate(&Visits::default()) {
                tenant.occupy(&new);
            }
            visitor.join().expect("the thread does not panic");
        });
    }

    /// One check of `old`, as `Balancer::check` makes it; says whether it was let pass.
    fn check(tenant: Tenant<'_>, mark: &Mark, old: &IdWords) -> bool {
        let Some(generation) = tenant.matches(old) else { return false };
        let _visit = mark.visit();
        let pass = || tenant.pass(generation, 9).is_ok();
        spend(tenant.first(), &quota(), 1, now(), pass) == Spending::Spent
    }

    fn quota() -> Quota {
        Quota::new(Unit::Requests, 1, Duration::from_secs(1), 1).expect("usable")
    }

    const fn now() -> Time {
        Time::from_nanos(1)
    }

    /// A check counts for whose slot it was, or does not pass: the next occupant begins as new.
    #[test]
    fn nobody_checks_as_somebody_else() {
        loom::model(|| {
            let (slab, visits) = (Arc::new(Slab::of_one()), Visits::default());
            let tenant = slab.get(0);
            let (old, new) = (IdWords([1; WORDS]), IdWords([2; WORDS]));
            tenant.occupy(&old);
            let mark = visits.join();
            let visitor = {
                let slab = Arc::clone(&slab);
                thread::spawn(move || check(slab.get(0), &mark, &old))
            };
            let given = tenant.vacate(&visits);
            if given {
                tenant.occupy(&new);
            }
            let passed = visitor.join().expect("the thread does not panic");
            let counted = (tenant.completed(), tenant.first().is_full(now()));
            assert_eq!(counted, if given || !passed { (0, true) } else { (1, false) });
        });
    }

    /// What a check has used keeps its tenant from being evicted as one that is as new.
    #[test]
    fn an_eviction_forgets_no_check() {
        loom::model(|| {
            let (slab, visits, id) = (Arc::new(Slab::of_one()), Visits::default(), IdWords([1; WORDS]));
            let tenant = slab.get(0);
            tenant.occupy(&id);
            let mark = visits.join();
            let visitor = {
                let slab = Arc::clone(&slab);
                thread::spawn(move || check(slab.get(0), &mark, &id))
            };
            // Counts are looked at before, as the hand does, quotas when nobody can come in any more.
            let before = tenant.completed();
            let evicted = tenant
                .vacate_if(&visits, |tenant| tenant.completed() == before && tenant.first().is_full(now()));
            let passed = visitor.join().expect("the thread does not panic");
            assert!(!(evicted && passed));
        });
    }
}
