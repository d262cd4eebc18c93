//! Many records, within bounds.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tenantry::Time;

use super::record::Record;

/// Set-associative, as a processor's cache is: a key's hash says which set it is in, a set has room for [`WAYS`] records and a lock of its own. So whatever comes, it costs a
/// look at sixteen records, the whole never grows beyond its capacity, and a newcomer displaces the one of its set that matters least, never one that is banned.
/// Bans have at most [`BANS`] places of a set, so that newcomers are always watched: one more ends the ban that would end first, but none of an operator's: where all others are, it does not hold itself.
/// The hash is keyed: nobody can choose addresses that meet in one set.
#[derive(Debug)]
pub(super) struct Table<K> {
    sets: Box<[Mutex<Set<K>>]>,
    hasher: RandomState,
    displaced: AtomicU64,
}

type Set<K> = Vec<(K, Record)>;

impl<K: Hash + Eq + Clone> Table<K> {
    /// Room for at least so many.
    pub(super) fn new(capacity: u32, hasher: RandomState) -> Self {
        let sets = usize::try_from(capacity).unwrap_or(usize::MAX).div_ceil(WAYS).max(1);
        let sets = (0..sets).map(|_| Mutex::default()).collect();
        Self { sets, hasher, displaced: AtomicU64::new(0) }
    }

    /// Looks at a record, where there is one.
    pub(super) fn find<R>(&self, key: &K, look: impl FnOnce(&mut Record) -> R) -> Option<R> {
        let mut set = self.set(key);
        set.iter_mut().find(|(there, _)| there == key).map(|(_, record)| look(record))
    }

    /// Looks at a record, and makes one where there is none.
    pub(super) fn enter<R>(&self, key: &K, now: Time, look: impl FnOnce(&mut Record) -> R) -> R {
        let mut set = self.set(key);
        let found = set.iter().position(|(there, _)| there == key);
        let index = found.unwrap_or_else(|| make_room(&mut set, key, now));
        let record = &mut set[index].1;
        record.touch(now);
        let seen = look(record);
        if record.remaining(now).is_some() && end_one_too_many(&mut set, index, now) {
            // Relaxed: a count for eyes.
            self.displaced.fetch_add(1, Ordering::Relaxed);
        }
        seen
    }

    /// How many bans ended for want of room.
    pub(super) fn displaced(&self) -> u64 {
        self.displaced.load(Ordering::Relaxed)
    }

    /// Looks at all, set by set.
    pub(super) fn each(&self, mut look: impl FnMut(&K, &Record)) {
        for set in &self.sets {
            lock(set).iter().for_each(|(key, record)| look(key, record));
        }
    }

    fn set(&self, key: &K) -> MutexGuard<'_, Set<K>> {
        let sets = self.sets.len() as u64;
        let index = usize::try_from(self.hasher.hash_one(key) % sets).expect("a remainder of a usize");
        lock(&self.sets[index])
    }
}

/// A place for a newcomer.
fn make_room<K: Clone>(set: &mut Set<K>, key: &K, now: Time) -> usize {
    let newcomer = (key.clone(), Record::default());
    if set.len() < WAYS {
        set.push(newcomer);
        return set.len() - 1;
    }
    let worths = set.iter().enumerate().filter_map(|(index, (_, record))| Some((record.worth(now)?, index)));
    let (_, least) = worths.min().expect("bans do not take all places");
    set[least] = newcomer;
    least
}

/// Ends a ban where there are more than may be: that of `latest` where all others are operators'. Whether it did.
fn end_one_too_many<K>(set: &mut Set<K>, latest: usize, now: Time) -> bool {
    let bans =
        || set.iter().enumerate().filter_map(|(index, (_, record))| Some((index, record.remaining(now)?)));
    if bans().count() <= BANS {
        return false;
    }
    let is_sacred = |index: usize| index != latest && set[index].1.is_by_operator(now);
    let order = |(index, remaining)| (is_sacred(index), index == latest, remaining, index);
    let (.., first) = bans().map(order).min().expect("there are some");
    set[first].1.release();
    true
}

/// A thread that has panicked leaves counts, and those are whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many records share a lock.
const WAYS: usize = 16;
/// How many of them may be banned.
const BANS: usize = 12;

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use proptest::prelude::{any, prop, prop_assert, proptest};

    use super::*;
    use crate::guard::Rule;

    proptest! {
        /// Whoever comes is in it, the latest ban holds, no ban ends early that is not counted, and it holds no more than its capacity.
        #[test]
        fn whoever_comes_is_watched_and_bans_hold_within_its_bounds(steps in prop::collection::vec((0u16..300, any::<bool>()), 1..250)) {
            let table = Table::<u16>::new(64, RandomState::new());
            let mut bans = BTreeMap::new();
            for (at, (key, is_ban)) in steps.into_iter().enumerate() {
                let now = Time::from_nanos(at as u64 * 10);
                table.enter(&key, now, |record| {
                    if is_ban {
                        record.ban(Some(Rule::Scanning), Duration::from_nanos(500), now);
                    }
                });
                if is_ban {
                    bans.insert(key, now + Duration::from_nanos(500));
                }
                let remaining = |key: &u16| table.find(key, |record| record.remaining(now)).flatten();
                prop_assert!(table.find(&key, |_| ()).is_some());
                prop_assert!(!is_ban || remaining(&key) == Some(Duration::from_nanos(500)));
                let held = |(key, until): &(&u16, &Time)| remaining(key).unwrap_or_default() == until.since(now);
                let broken = bans.iter().filter(|ban| !held(ban)).count();
                prop_assert!(broken as u64 <= table.displaced());
                let (mut count, mut banned) = (0, 0);
                table.each(|_, record| {
                    count += 1;
                    banned += usize::from(record.remaining(now).is_some());
                });
                prop_assert!(count <= 64 && banned <= 4 * BANS);
            }
        }
    }

    #[test]
    fn a_set_full_of_bans_watches_newcomers_and_operators_bans_are_the_last_to_end() {
        let table = Table::<u16>::new(1, RandomState::new());
        let (now, hour) = (Time::from_nanos(1), Duration::from_secs(3_600));
        let ban = |key: u16, rule, time| table.enter(&key, now, |record| record.ban(rule, time, now));
        let is_banned = |key: u16| table.find(&key, |record| record.remaining(now)).flatten().is_some();
        ban(0, None, Duration::from_secs(1));
        (1..12).for_each(|key| ban(key, Some(Rule::Scanning), hour * u32::from(key)));
        assert_eq!(table.displaced(), 0);
        ban(12, Some(Rule::Probing), Duration::from_secs(2));
        assert!(is_banned(0) && !is_banned(1) && (2..=12).all(is_banned));
        // Whoever comes has a place, and keeps it until somebody who matters more comes.
        (100..1_000).for_each(|key| table.enter(&key, now, |_| ()));
        assert!(table.find(&999, |_| ()).is_some() && (2..=12).all(is_banned));
        // Where all are operators', one more of a rule is the one that does not hold.
        (20..40).for_each(|key| ban(key, None, hour));
        ban(50, Some(Rule::Scanning), hour * 100);
        assert!(!is_banned(50));
    }
}
