//! An operator's word on an endpoint's health, for a time or until it is taken back.

use std::time::Duration;

use crate::{
    condition::HealthOverride,
    sync::{AtomicU64, Ordering},
    time::Time,
};

/// The override in force, if there is one. One word, so that its kind and its end are never of two.
#[derive(Debug, Default)]
pub(super) struct Overridden {
    /// The nanosecond at which it ends << 2 | its kind; 0: none.
    word: AtomicU64,
}

impl Overridden {
    /// Puts one in force, or takes it back.
    pub(super) fn set(&self, to: Option<(HealthOverride, Option<Duration>)>, now: Time) {
        let word = to.map_or(0, |(kind, time)| {
            let end = time.map_or(FOR_EVER, |time| (now + time).as_nanos().min(FOR_EVER));
            end << KIND_BITS | kind_number(kind)
        });
        self.word.store(word, Ordering::Relaxed);
    }

    /// Which is in force.
    pub(super) fn get(&self, now: Time) -> Option<HealthOverride> {
        let word = self.word.load(Ordering::Relaxed);
        if word == 0 || word >> KIND_BITS <= now.as_nanos() {
            return None;
        }
        match word & ((1 << KIND_BITS) - 1) {
            DISABLED => Some(HealthOverride::Disabled),
            EJECTED => Some(HealthOverride::Ejected),
            _ => Some(HealthOverride::Healthy),
        }
    }

    /// When the one in force ends by itself.
    pub(super) fn ends(&self, now: Time) -> Option<Time> {
        let end = self.word.load(Ordering::Relaxed) >> KIND_BITS;
        (end > now.as_nanos() && end < FOR_EVER).then(|| Time::from_nanos(end))
    }
}

const fn kind_number(kind: HealthOverride) -> u64 {
    match kind {
        HealthOverride::Disabled => DISABLED,
        HealthOverride::Ejected => EJECTED,
        HealthOverride::Healthy => HEALTHY,
    }
}

const KIND_BITS: u32 = 2;
const DISABLED: u64 = 1;
const EJECTED: u64 = 2;
const HEALTHY: u64 = 3;
const FOR_EVER: u64 = u64::MAX >> KIND_BITS;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn it_ends_in_time_or_when_it_is_taken_back() {
        let (overridden, at) = (Overridden::default(), Time::from_nanos);
        for kind in [HealthOverride::Disabled, HealthOverride::Ejected, HealthOverride::Healthy] {
            overridden.set(Some((kind, Some(Duration::from_nanos(5)))), at(10));
            assert_eq!((overridden.get(at(14)), overridden.ends(at(14))), (Some(kind), Some(at(15))));
            assert_eq!((overridden.get(at(15)), overridden.ends(at(15))), (None, None));
            overridden.set(Some((kind, None)), at(10));
            assert_eq!((overridden.get(at(u64::MAX >> 3)), overridden.ends(at(11))), (Some(kind), None));
            overridden.set(None, at(11));
            assert_eq!(overridden.get(at(11)), None);
        }
    }
}
