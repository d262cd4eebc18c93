//! Recent latencies, and their percentiles: exact over the last 1 024, read from a sorted copy that is made anew every 64.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use super::Percentile;

#[derive(Debug, Default)]
pub(super) struct Latencies {
    recent: Mutex<Recent>,
}

#[derive(Debug, Default)]
struct Recent {
    /// Of at most [`MOST`], the oldest at `next` once there are so many.
    ring: Vec<Duration>,
    next: usize,
    sorted: Vec<Duration>,
    /// Since it was sorted.
    fresh: usize,
}

impl Latencies {
    pub(super) fn note(&self, latency: Duration) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.note(latency);
    }

    /// `None` while there are too few.
    pub(super) fn at(&self, percentile: Percentile) -> Option<Duration> {
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        let sorted = &recent.sorted;
        (sorted.len() >= FEWEST)
            .then(|| sorted[(sorted.len() * percentile.percent() / 100).min(sorted.len() - 1)])
    }
}

impl Recent {
    fn note(&mut self, latency: Duration) {
        if self.ring.len() < MOST {
            self.ring.push(latency);
        } else {
            self.ring[self.next] = latency;
            self.next = (self.next + 1) % MOST;
        }
        self.fresh += 1;
        if self.fresh >= EVERY || self.ring.len() == FEWEST {
            self.fresh = 0;
            self.sorted.clone_from(&self.ring);
            self.sorted.sort_unstable();
        }
    }
}

const MOST: usize = 1_024;
const FEWEST: usize = 100;
const EVERY: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn percentiles_are_those_of_the_last_thousand() {
        let latencies = Latencies::default();
        for number in 0..99 {
            latencies.note(millis(number));
        }
        assert_eq!(latencies.at(Percentile::P90), None);
        latencies.note(millis(99));
        let three =
            [Percentile::P90, Percentile::P95, Percentile::P99].map(|percentile| latencies.at(percentile));
        assert_eq!(three, [Some(millis(90)), Some(millis(95)), Some(millis(99))]);
        for _ in 0..2 * MOST {
            latencies.note(millis(7));
        }
        assert_eq!(latencies.at(Percentile::P99), Some(millis(7)));
        let recent = latencies.recent.lock().unwrap();
        assert!(recent.ring.len() == MOST && recent.sorted.len() <= MOST);
    }
}
