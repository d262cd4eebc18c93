//! The last events, in order, and the last word about each endpoint.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use tenantry::Stats;

use crate::proxy::without_credential;

/// Bounded: old events make room, and endpoints that are gone are forgotten.
#[derive(Debug)]
pub(super) struct Events {
    most: usize,
    number: u64,
    ring: VecDeque<Value>,
    by_endpoint: BTreeMap<(String, String), Value>,
    /// Tenants whose budgets were warned of, the latest last.
    warned: VecDeque<String>,
}

impl Events {
    pub(super) const fn new(most: usize) -> Self {
        Self { most, number: 0, ring: VecDeque::new(), by_endpoint: BTreeMap::new(), warned: VecDeque::new() }
    }

    /// Keeps so many from now on.
    pub(super) fn keep(&mut self, most: usize) {
        self.most = most;
        self.make_room();
    }

    /// Gives it a number and a time, and keeps it.
    pub(super) fn add(&mut self, mut event: Value) {
        self.number += 1;
        if !event.is_object() {
            event = json!({ "event": event });
        }
        event["number"] = json!(self.number);
        event["at_unix_ms"] = json!(unix_ms());
        if let Some(address) = event["endpoint"].as_str().map(ToOwned::to_owned) {
            event["endpoint"] = json!(without_credential(&address));
            let is_its_own = event["action"].is_null() && event["alert"].is_null();
            if let Some(pool) = event["pool"].as_str().filter(|_| is_its_own) {
                self.by_endpoint.insert((pool.to_owned(), address), event.clone());
            }
        }
        if let ("budget_warning", Some(tenant)) = (kind(&event), event["tenant"].as_str()) {
            self.warned.retain(|there| there != tenant);
            self.warned.push_back(tenant.to_owned());
            self.warned.drain(..self.warned.len().saturating_sub(MOST_WARNED));
        }
        self.ring.push_back(event);
        self.make_room();
    }

    fn make_room(&mut self) {
        self.ring.drain(..self.ring.len().saturating_sub(self.most));
    }

    /// The latest first.
    pub(super) fn latest(&self) -> impl Iterator<Item = &Value> {
        self.ring.iter().rev()
    }

    /// Tenants whose budgets were warned of lately, at most [`MOST_WARNED`].
    pub(super) fn warned(&self) -> impl Iterator<Item = &str> {
        self.warned.iter().map(String::as_str)
    }

    /// What happened last at an endpoint.
    pub(super) fn last_of(&self, pool: &str, endpoint: &str) -> Option<&Value> {
        self.by_endpoint.get(&(pool.to_owned(), endpoint.to_owned()))
    }

    pub(super) fn forget_all_but(&mut self, stats: &Stats) {
        self.by_endpoint.retain(|(pool, address), _| {
            let pool = stats.pool(pool);
            pool.is_some_and(|pool| pool.endpoints().iter().any(|endpoint| endpoint.address() == address))
        });
    }
}

fn kind(event: &Value) -> &str {
    event["event"].as_str().unwrap_or_default()
}

const MOST_WARNED: usize = 100;

/// The time of day, in milliseconds since 1970.
pub(super) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_make_room_and_numbers_go_on() {
        let mut events = Events::new(2);
        for name in ["one", "two", "three"] {
            events.add(json!({ "event": name }));
        }
        let told: Vec<_> =
            events.latest().map(|event| (event["number"].as_u64(), event["event"].as_str())).collect();
        assert_eq!(told, [(Some(3), Some("three")), (Some(2), Some("two"))]);
    }
}
