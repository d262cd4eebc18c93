//! What is in flight in a whole tier, where somebody must know.

use std::sync::Arc;

use crate::sync::{AtomicU32, Ordering};

/// Counts a tier's requests in flight. Lives across updates.
#[derive(Clone, Debug, Default)]
pub(crate) struct Arrivals(Arc<AtomicU32>);

/// One request that is counted until this is dropped.
#[derive(Debug)]
pub(crate) struct Arrival(Arc<AtomicU32>);

impl Arrivals {
    /// One more; says how many there are with it.
    pub(crate) fn arrive(&self) -> (Arrival, u32) {
        // Relaxed: a count publishes nothing.
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        (Arrival(Arc::clone(&self.0)), before.saturating_add(1))
    }

    /// How many are counted.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn count(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn an_arrival_counts_until_it_is_dropped() {
        let arrivals = Arrivals::default();
        let (first, one) = arrivals.arrive();
        let (second, two) = arrivals.clone().arrive();
        assert_eq!((one, two, arrivals.count()), (1, 2, 2));
        drop(first);
        assert_eq!(arrivals.count(), 1);
        drop(second);
        assert_eq!(arrivals.count(), 0);
    }
}
