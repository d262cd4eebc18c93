//! The other side of a probe: how a server knows its own load.
//!
//! Source: Prequal (NSDI 2024) §4: the requests in flight are counted; each request is tagged with the count at its arrival, and the latency to
//! report is the median of the recent ones whose tag is near the count of the moment. *Where we differ*: "recent" is the last
//! [`SAMPLES`] of each tag within [`MEMORY`]; "near" is the same tag, or where it has too few samples the next ones around it, outwards, up to a
//! half more or less.

use std::{collections::VecDeque, time::Duration};

use super::ProbeReport;
use crate::{
    sync::{AtomicU32, Mutex, Ordering},
    time::Time,
};

/// Counts a server's requests, and knows what to answer to probes. `tenantry-tower` has a layer around it.
///
/// ```
/// use std::time::Duration;
/// use tenantry::{ServerLoad, Time};
///
/// let load = ServerLoad::new();
/// let request = load.begin(Time::ZERO);
/// assert_eq!(load.report(Time::ZERO).rif(), 1);
/// load.end(request, Time::from_nanos(5_000_000));
/// assert_eq!(load.report(Time::from_nanos(5_000_000)).rif(), 0);
/// ```
#[derive(Debug, Default)]
pub struct ServerLoad {
    rif: AtomicU32,
    samples: Mutex<Samples>,
}

/// A request in flight at a server. It must come back by [`ServerLoad::end`] or [`ServerLoad::abandon`].
#[derive(Debug)]
#[must_use = "what begins must end, or it counts as in flight for ever"]
pub struct Begun {
    tag: u32,
    at: Time,
}

#[derive(Debug, Default)]
struct Samples {
    /// By tag.
    by_tag: Vec<VecDeque<Sample>>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Time,
    latency: Duration,
}

impl ServerLoad {
    /// No request in flight, no latency known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A request has come.
    pub fn begin(&self, now: Time) -> Begun {
        Begun { tag: self.rif.fetch_add(1, Ordering::Relaxed), at: now }
    }

    /// A request has been answered in full.
    pub fn end(&self, begun: Begun, now: Time) {
        let Begun { tag, at } = begun;
        self.rif.fetch_sub(1, Ordering::Relaxed);
        self.samples.lock().note(place(tag), Sample { at: now, latency: now.since(at) });
    }

    /// A request has broken off: it is no longer in flight, and tells no latency.
    pub fn abandon(&self, begun: Begun) {
        let Begun { .. } = begun;
        self.rif.fetch_sub(1, Ordering::Relaxed);
    }

    /// What to answer a probe.
    #[must_use]
    pub fn report(&self, now: Time) -> ProbeReport {
        let rif = self.rif.load(Ordering::Relaxed);
        let report = ProbeReport::new(rif);
        let latency = self.samples.lock().median(place(rif), now);
        latency.map_or(report, |latency| report.with_latency(latency))
    }
}

impl Samples {
    fn note(&mut self, place: usize, sample: Sample) {
        if self.by_tag.len() <= place {
            self.by_tag.resize_with(place + 1, VecDeque::new);
        }
        let ring = &mut self.by_tag[place];
        if ring.len() == SAMPLES {
            ring.pop_front();
        }
        ring.push_back(sample);
    }

    fn median(&self, place: usize, now: Time) -> Option<Duration> {
        let mut found = Vec::with_capacity(2 * SAMPLES);
        let mut take = |place: usize| {
            let recent = self.by_tag.get(place).into_iter().flatten();
            found.extend(recent.filter(|sample| now.since(sample.at) <= MEMORY).map(|sample| sample.latency));
            found.len() >= ENOUGH
        };
        let mut enough = take(place);
        for distance in 1..=(place / 2).max(NEAR) {
            if enough {
                break;
            }
            let below = place.checked_sub(distance).is_some_and(&mut take);
            enough = take(place + distance) || below;
        }
        let middle = found.len().checked_sub(1)? / 2;
        Some(*found.select_nth_unstable(middle).1)
    }
}

/// Tags from [`MOST`] on share one place.
fn place(tag: u32) -> usize {
    (tag as usize).min(MOST)
}

const MOST: usize = 1_023;
const SAMPLES: usize = 16;
const ENOUGH: usize = 5;
const NEAR: usize = 2;
const MEMORY: Duration = Duration::from_secs(5);

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn at(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    /// Requests that come in when `rif` others are there, and take so long.
    fn serve(load: &ServerLoad, rif: usize, latencies: &[u64], now: u64) {
        let others: Vec<Begun> = (0..rif).map(|_| load.begin(at(now))).collect();
        for &latency in latencies {
            let request = load.begin(at(now));
            load.end(request, at(now + latency));
        }
        others.into_iter().for_each(|other| load.abandon(other));
    }

    fn latency(load: &ServerLoad, rif: usize, now: u64) -> Option<u64> {
        let others: Vec<Begun> = (0..rif).map(|_| load.begin(at(now))).collect();
        let report = load.report(at(now));
        assert_eq!(report.rif() as usize, rif);
        others.into_iter().for_each(|other| load.abandon(other));
        report.latency().map(|latency| u64::try_from(latency.as_millis()).expect("short"))
    }

    #[test]
    fn reports_the_median_of_those_that_came_at_the_load_of_now() {
        let load = ServerLoad::new();
        serve(&load, 0, &[10, 11, 12, 13, 99], 0);
        serve(&load, 8, &[50, 60, 70, 80, 90], 0);
        assert_eq!(latency(&load, 0, 100), Some(12));
        assert_eq!(latency(&load, 8, 100), Some(70));
        assert_eq!(latency(&load, 7, 100), Some(70), "near");
        assert_eq!(latency(&load, 2, 100), Some(12), "near");
        assert_eq!(latency(&load, 40, 100), None, "not near");
    }

    #[test]
    fn forgets_after_a_while_and_remembers_the_last_ones_only() {
        let load = ServerLoad::new();
        assert_eq!(latency(&load, 0, 0), None);
        serve(&load, 0, &[10; 100], 0);
        serve(&load, 0, &[30; 9], 0);
        assert_eq!(latency(&load, 0, 1_000), Some(30), "nine of the last sixteen");
        assert_eq!(latency(&load, 0, 6_000), None);
    }

    #[test]
    fn memory_is_bounded_and_what_breaks_off_is_gone() {
        let load = ServerLoad::new();
        let many: Vec<Begun> = (0..5_000).map(|_| load.begin(at(0))).collect();
        assert_eq!(load.report(at(0)).rif(), 5_000);
        many.into_iter().for_each(|one| load.end(one, at(20)));
        assert_eq!(load.samples.lock().by_tag.len(), MOST + 1);
        assert_eq!(load.report(at(20)).rif(), 0);
    }
}
