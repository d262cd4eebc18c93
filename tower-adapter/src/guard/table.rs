//! Many records, within bounds.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
};

use tenantry::Time;

use super::record::Record;

/// Set-associative, as a processor's cache is: a key's hash says which set it is in, a set has room for [`WAYS`] records and a lock of its own. So whatever comes, it costs a
/// look at sixteen records, the whole never grows beyond its capacity, and a newcomer displaces the one of its set that matters least, never one that is banned.
/// The hash is keyed: nobody can choose addresses that meet in one set.
#[derive(Debug)]
pub(super) struct Table<K> {
    sets: Box<[Mutex<Set<K>>]>,
    hasher: RandomState,
}

type Set<K> = Vec<(K, Record)>;

impl<K: Hash + Eq + Clone> Table<K> {
    /// Room for at least so many.
    pub(super) fn new(capacity: u32, hasher: RandomState) -> Self {
        let sets = capacity.div_ceil(WAYS).max(1);
        Self { sets: (0..sets).map(|_| Mutex::default()).collect(), hasher }
    }

    /// Looks at a record, where there is one.
    pub(super) fn find<R>(&self, key: &K, look: impl FnOnce(&mut Record) -> R) -> Option<R> {
        let mut set = self.set(key);
        set.iter_mut().find(|(there, _)| there == key).map(|(_, record)| look(record))
    }

    /// Looks at a record, and makes one where there is none. `None`: there is no room, since all of the set are banned.
    pub(super) fn enter<R>(&self, key: &K, now: Time, look: impl FnOnce(&mut Record) -> R) -> Option<R> {
        let mut set = self.set(key);
        let found = set.iter().position(|(there, _)| there == key);
        let index = found.or_else(|| make_room(&mut set, key, now))?;
        let record = &mut set[index].1;
        record.touch(now);
        Some(look(record))
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
fn make_room<K: Clone>(set: &mut Set<K>, key: &K, now: Time) -> Option<usize> {
    let newcomer = (key.clone(), Record::default());
    if set.len() < WAYS as usize {
        set.push(newcomer);
        return Some(set.len() - 1);
    }
    let worths = set.iter().enumerate().filter_map(|(index, (_, record))| Some((record.worth(now)?, index)));
    let (_, least) = worths.min()?;
    set[least] = newcomer;
    Some(least)
}

/// A thread that has panicked leaves counts, and those are whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many records share a lock.
const WAYS: u32 = 16;

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};

    use super::*;

    proptest! {
        /// Against a map without bounds: what the table holds is the same, it holds no more than its capacity, and whoever is banned is in it.
        #[test]
        fn holds_what_a_map_would_within_its_bounds_and_every_ban(steps in prop::collection::vec((0u16..300, any::<bool>()), 1..600)) {
            let table = Table::<u16>::new(64, RandomState::new());
            let mut bans = BTreeMap::new();
            for (at, (key, is_ban)) in steps.into_iter().enumerate() {
                let now = Time::from_nanos(at as u64 * 10);
                // A set may be full of bans; then a newcomer is told so.
                let entered = table.enter(&key, now, |record| {
                    if is_ban {
                        record.ban(None, Duration::from_nanos(500), now);
                    }
                });
                if is_ban && entered.is_some() {
                    bans.insert(key, now + Duration::from_nanos(500));
                }
                for (key, until) in &bans {
                    let remaining = table.find(key, |record| record.remaining(now)).flatten();
                    prop_assert_eq!(remaining.unwrap_or_default(), until.since(now));
                }
                let mut count = 0;
                table.each(|_, _| count += 1);
                prop_assert!(count <= 64);
            }
        }
    }
}
