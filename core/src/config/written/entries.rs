//! A table in the making.

use std::time::Duration;

use serde_json::{Map, Value};

/// The entries of a table, in any order.
pub(super) struct Entries(Map<String, Value>);

impl Entries {
    pub(super) fn new() -> Self {
        Self(Map::new())
    }

    /// A table with a `kind`.
    pub(super) fn of_kind(kind: &str) -> Self {
        Self::new().with("kind", kind)
    }

    #[must_use]
    pub(super) fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// Left out where there is nothing.
    #[must_use]
    pub(super) fn with_some(self, key: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    #[must_use]
    pub(super) fn with_time(self, key: &str, value: Duration) -> Self {
        self.with(key, time(value))
    }
}

impl From<Entries> for Value {
    fn from(entries: Entries) -> Self {
        Self::Object(entries.0)
    }
}

/// A duration by the largest unit that is exact.
pub(super) fn time(value: Duration) -> String {
    let nanos = u64::try_from(value.as_nanos()).unwrap_or(u64::MAX);
    if nanos == 0 {
        return "0s".to_owned();
    }
    let (unit, length) =
        UNITS.into_iter().find(|(_, length)| nanos.is_multiple_of(*length)).unwrap_or(("ns", 1));
    format!("{}{unit}", nanos / length)
}

const UNITS: [(&str, u64); 6] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
];
