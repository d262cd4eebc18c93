//! What one run is seen to do: counts, latencies and time series, as they happen.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::{
    scenario::{Scenario, Window},
    span::Span,
};

/// What became of one tenant's requests in one window.
#[derive(Clone, Debug)]
pub(crate) struct Tally {
    /// Of the requests that arrived in the window.
    pub(crate) offered: u64,
    pub(crate) offered_cost: u64,
    pub(crate) admitted: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    /// The client went away, waiting or in flight.
    pub(crate) gave_up: u64,
    pub(crate) rejected: BTreeMap<&'static str, u64>,
    /// From arrival to answer of those that succeeded, in microseconds.
    pub(crate) latency: Histogram<u32>,
    /// From arrival to admission, in microseconds.
    pub(crate) wait: Histogram<u32>,
    /// Successes that ended in the window, whenever they arrived; and their cost.
    pub(crate) goodput: u64,
    pub(crate) goodput_cost: u64,
    /// How long somebody of this tenant waited, in nanoseconds.
    pub(crate) backlogged: u64,
}

/// How one request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Success,
    Failure,
    GaveUp,
    Rejected(&'static str),
}

/// One request that ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    pub(crate) tenant: usize,
    pub(crate) load: usize,
    pub(crate) cost: u64,
    pub(crate) arrived: u64,
    pub(crate) admitted: Option<u64>,
    pub(crate) end: End,
}

/// A pool at one moment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PoolSample {
    pub(crate) capacity: u32,
    pub(crate) in_flight: u32,
    pub(crate) waiting: u32,
}

/// One load in one step of the time series.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoadStep {
    pub(crate) succeeded: u64,
    pub(crate) cost: u64,
    /// In microseconds, of those that ended in the step.
    pub(crate) latencies: Vec<u32>,
}

/// All that is written down of one run.
#[derive(Debug)]
pub(crate) struct Record {
    windows: Vec<Window>,
    /// By window and tenant.
    pub(crate) tallies: Vec<Vec<Tally>>,
    /// The same by window and load.
    pub(crate) load_tallies: Vec<Vec<Tally>>,
    /// By step and pool; one step is `sample` long.
    pub(crate) pools: Vec<Vec<PoolSample>>,
    /// By step and load.
    pub(crate) loads: Vec<Vec<LoadStep>>,
    sample: Span,
    load_count: usize,
    /// Since when each tenant has somebody waiting.
    waiting_since: Vec<Option<u64>>,
}

impl Record {
    pub(crate) fn new(scenario: &Scenario, tenants: usize) -> Self {
        let windows: Vec<_> = scenario.all_windows().into_iter().map(|(_, window)| window).collect();
        let load_count = scenario.loads().count();
        let tallies = |count: usize| {
            let of_window = |_| (0..count).map(|_| Tally::new()).collect();
            (0..windows.len()).map(of_window).collect()
        };
        Self {
            tallies: tallies(tenants),
            load_tallies: tallies(load_count),
            windows,
            pools: vec![],
            loads: vec![],
            sample: scenario.sample,
            load_count,
            waiting_since: vec![None; tenants],
        }
    }

    /// A request ended at `now`.
    pub(crate) fn ended(&mut self, ended: &Ended, now: u64) {
        let both = self.tallies.iter_mut().zip(&mut self.load_tallies);
        for (window, (tallies, load_tallies)) in self.windows.iter().zip(both) {
            for tally in [&mut tallies[ended.tenant], &mut load_tallies[ended.load]] {
                if window.contains(ended.arrived) {
                    tally.arrived_here(ended, now);
                }
                if window.contains(now) && ended.end == End::Success {
                    tally.goodput += 1;
                    tally.goodput_cost += ended.cost;
                }
            }
        }
        if ended.end == End::Success {
            let step = usize::try_from(now / self.sample.0).unwrap_or(usize::MAX);
            let loads = self.load_count;
            if self.loads.len() <= step {
                self.loads.resize_with(step + 1, || vec![LoadStep::default(); loads]);
            }
            let load = &mut self.loads[step][ended.load];
            load.succeeded += 1;
            load.cost += ended.cost;
            load.latencies.push(micros_u32(now - ended.arrived));
        }
    }

    /// The pools as they are at the end of one step of the series.
    pub(crate) fn sampled(&mut self, pools: Vec<PoolSample>) {
        self.pools.push(pools);
    }

    /// Somebody of this tenant begins to wait, or nobody does any more.
    pub(crate) fn backlog(&mut self, tenant: usize, waits: bool, now: u64) {
        if waits {
            self.waiting_since[tenant] = Some(now);
            return;
        }
        let Some(since) = self.waiting_since[tenant].take() else { return };
        for (window, tallies) in self.windows.iter().zip(&mut self.tallies) {
            let overlap = now.min(window.until.0).saturating_sub(since.max(window.from.0));
            tallies[tenant].backlogged += overlap;
        }
    }
}

impl Tally {
    pub(crate) fn new() -> Self {
        let histogram = || Histogram::new(DIGITS).expect("three digits are within what it can hold");
        Self {
            offered: 0,
            offered_cost: 0,
            admitted: 0,
            succeeded: 0,
            failed: 0,
            gave_up: 0,
            rejected: BTreeMap::new(),
            latency: histogram(),
            wait: histogram(),
            goodput: 0,
            goodput_cost: 0,
            backlogged: 0,
        }
    }

    fn arrived_here(&mut self, ended: &Ended, now: u64) {
        self.offered += 1;
        self.offered_cost += ended.cost;
        if let Some(admitted) = ended.admitted {
            self.admitted += 1;
            note(&mut self.wait, admitted - ended.arrived);
        }
        match ended.end {
            End::Success => {
                self.succeeded += 1;
                note(&mut self.latency, now - ended.arrived);
            }
            End::Failure => self.failed += 1,
            End::GaveUp => self.gave_up += 1,
            End::Rejected(code) => *self.rejected.entry(code).or_default() += 1,
        }
    }

    /// This and another together.
    pub(crate) fn add(&mut self, other: &Self) {
        self.offered += other.offered;
        self.offered_cost += other.offered_cost;
        self.admitted += other.admitted;
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        self.gave_up += other.gave_up;
        for (code, count) in &other.rejected {
            *self.rejected.entry(code).or_default() += count;
        }
        self.latency.add(&other.latency).expect("it grows as it needs to");
        self.wait.add(&other.wait).expect("it grows as it needs to");
        self.goodput += other.goodput;
        self.goodput_cost += other.goodput_cost;
        self.backlogged += other.backlogged;
    }

    pub(crate) fn all_rejected(&self) -> u64 {
        self.rejected.values().sum()
    }
}

impl Window {
    pub(crate) const fn contains(&self, at: u64) -> bool {
        self.from.0 <= at && at < self.until.0
    }
}

fn note(histogram: &mut Histogram<u32>, nanos: u64) {
    histogram.record(nanos / 1_000).expect("it grows as it needs to");
}

fn micros_u32(nanos: u64) -> u32 {
    u32::try_from(nanos / 1_000).unwrap_or(u32::MAX)
}

const DIGITS: u8 = 3;
