//! Where the sessions of an application are whose cookies are its own.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    mem,
    sync::{Arc, Mutex, PoisonError},
};

/// Sessions and their endpoints, at most so many: the ones that have not been asked for the longest are forgotten first, half of all at a time.
#[derive(Debug)]
pub(super) struct Learned {
    hasher: RandomState,
    /// How many each of the two generations holds.
    half: usize,
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<u64, Arc<str>>,
    old: HashMap<u64, Arc<str>>,
}

impl Learned {
    pub(super) fn new(most: usize) -> Self {
        Self { hasher: RandomState::new(), half: (most / 2).max(1), generations: Mutex::default() }
    }

    /// The endpoint of a tenant's session.
    pub(super) fn find(&self, tenant: &str, session: &str) -> Option<Arc<str>> {
        let key = self.key(tenant, session);
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(address) = generations.young.get(&key) {
            return Some(Arc::clone(address));
        }
        let address = generations.old.remove(&key)?;
        generations.keep(key, Arc::clone(&address), self.half);
        Some(address)
    }

    /// A tenant's session is at this endpoint.
    pub(super) fn learn(&self, tenant: &str, session: &str, address: &str) {
        let key = self.key(tenant, session);
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if generations.young.get(&key).is_none_or(|known| **known != *address) {
            generations.keep(key, address.into(), self.half);
        }
    }

    /// What sessions are told apart by, under a key that nobody outside knows. A cookie of one tenant says nothing of another's.
    fn key(&self, tenant: &str, session: &str) -> u64 {
        self.hasher.hash_one((tenant, session))
    }
}

impl Generations {
    fn keep(&mut self, key: u64, address: Arc<str>, half: usize) {
        if self.young.len() >= half && !self.young.contains_key(&key) {
            self.old = mem::take(&mut self.young);
        }
        self.old.remove(&key);
        self.young.insert(key, address);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_that_are_asked_for_stay_and_memory_is_bounded() {
        let learned = Learned::new(100);
        learned.learn("acme", "first", "a");
        for number in 0..10_000 {
            learned.learn("acme", &number.to_string(), "b");
            assert_eq!(learned.find("acme", "first").as_deref(), Some("a"));
        }
        let generations = learned.generations.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(generations.young.len() + generations.old.len() <= 100);
    }

    #[test]
    fn a_session_moves_and_is_one_tenants() {
        let learned = Learned::new(10);
        learned.learn("acme", "s", "a");
        learned.learn("acme", "s", "b");
        assert_eq!(learned.find("acme", "s").as_deref(), Some("b"));
        assert_eq!((learned.find("other", "s"), learned.find("acme", "t")), (None, None));
    }
}
