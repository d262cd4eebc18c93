//! The strategy: picks by the answers at hand, and says what to probe.

use std::{sync::Arc, time::Duration};

use super::{Answer, Answers, Bell, Carry, Demand, Probe, RecentLoads, Rules};
use crate::{
    config::{LoadKind, PrequalSpec},
    load::ProbeReport,
    rng,
    strategy::{Candidates, P2c, Turn},
    sync::{AtomicU32, Mutex, Ordering},
    time::{Time, nanos},
};

/// One pool's strategy, for one edition of its endpoints: an update begins with an empty pool of answers, which fills within a few requests.
///
/// A pick changes the answers (what it uses, what it sends, what it throws away), so they are behind a mutex; but a pick never waits for it. Whoever finds it
/// taken, by another pick or an answer that comes in, picks as it would without answers. A lock-free pool would have to change
/// several words in one step for what happens once in a while and costs little.
#[derive(Debug)]
pub(crate) struct Prequal {
    probing: Arc<Probing>,
    bell: Arc<Bell>,
    fallback: P2c,
}

/// What picks, probes and answers share.
#[derive(Debug)]
pub(super) struct Probing {
    rules: Rules,
    seed: u64,
    path: Box<str>,
    timeout: Duration,
    /// Requests picked for since somebody last asked for probes.
    asked: AtomicU32,
    known: Mutex<Known>,
}

#[derive(Debug)]
struct Known {
    answers: Answers,
    recent: RecentLoads,
    /// Above it an endpoint is hot.
    threshold: f32,
    removal: Carry,
    demand: Demand,
    /// Answers that have come.
    count: u64,
}

impl Prequal {
    /// `bell` tells whoever carries probes that there are some.
    pub(crate) fn new(spec: &PrequalSpec, endpoints: usize, seed: u64, bell: &Arc<Bell>) -> Self {
        let rules = Rules::new(spec, endpoints);
        let known = Known {
            answers: Answers::new(rules.pool),
            recent: RecentLoads::new(),
            threshold: f32::INFINITY,
            removal: Carry::default(),
            demand: Demand::new(),
            count: 0,
        };
        let probing = Probing {
            rules,
            seed,
            path: spec.path().into(),
            timeout: spec.timeout(),
            asked: AtomicU32::new(0),
            known: Mutex::new(known),
        };
        let fallback = P2c::new(2, LoadKind::PeakEwma);
        Self { probing: Arc::new(probing), bell: Arc::clone(bell), fallback }
    }

    pub(crate) fn pick(&self, candidates: &Candidates<'_>, turn: &Turn<'_>) -> Option<usize> {
        // AcqRel pairs with `poll_probe`: whoever took the count before this request has armed the bell before, too.
        self.probing.asked.fetch_add(1, Ordering::AcqRel);
        if candidates.are_few() {
            // Answers are of the whole list: of a tenant's few there is seldom one.
            self.bell.ring();
            return self.fallback.pick(candidates, turn);
        }
        let picked = self.probing.pick(candidates);
        self.bell.ring();
        picked.or_else(|| self.fallback.pick(candidates, turn))
    }

    /// The next probe, if one is due; `candidates` are those of this edition.
    pub(crate) fn poll_probe(&self, candidates: &Candidates<'_>) -> Option<Probe> {
        let probing = &self.probing;
        let requests = probing.asked.swap(0, Ordering::AcqRel);
        let endpoint = {
            let demand = &mut probing.known.lock().demand;
            demand.bring(requests, &probing.rules);
            let usable = |index| candidates.is_usable(index);
            demand.next(probing.seed, candidates.len(), usable, &probing.rules)?
        };
        let (address, step) = (candidates.address(endpoint), candidates.inverse_weight(endpoint));
        let endpoint = u32::try_from(endpoint).unwrap_or(u32::MAX);
        Some(Probe::new(address, endpoint, step, (Arc::clone(probing), Arc::clone(&self.bell))))
    }
}

impl Probing {
    fn pick(&self, candidates: &Candidates<'_>) -> Option<usize> {
        let mut known = self.known.try_lock()?;
        let Known { answers, threshold, removal, .. } = &mut *known;
        answers.expire(self.rules.max_age, candidates.now());
        let usable = |endpoint: u32| {
            let index = endpoint as usize;
            candidates.is_usable(index) && !candidates.is_shunned(index)
        };
        let picked = answers.best(*threshold, usable).map(|index| answers.use_up(index))?;
        let removals = removal.whole(1, self.rules.remove_per_request);
        (0..removals).for_each(|_| answers.remove_one(*threshold));
        Some(picked as usize)
    }

    /// An endpoint has answered.
    pub(super) fn handle_answer(&self, endpoint: u32, step: f32, report: &ProbeReport, now: Time) {
        let mut known = self.known.lock();
        known.count += 1;
        let uses = self.uses(known.count);
        #[expect(clippy::cast_precision_loss, reason = "loads and latencies are compared, not counted")]
        let (load, latency) =
            (report.rif() as f32 * step, nanos(report.latency().unwrap_or_default()) as f32 * step);
        known.recent.note(load);
        known.threshold = known.recent.threshold(self.rules.quantile);
        known.answers.keep(Answer { endpoint, load, step, latency, taken: now, uses });
    }

    /// A probe is over.
    pub(super) fn end_probe(&self) {
        self.known.lock().demand.end_one();
    }

    /// How many requests the `count`-th answer may serve: rounded up or down at random.
    fn uses(&self, count: u64) -> u32 {
        let draw = rng::draw(!self.seed, count);
        let extra = rng::below((draw >> 32) as u32, MILLION);
        self.rules.uses.saturating_add(extra) / MILLION
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    pub(super) const fn timeout(&self) -> Duration {
        self.timeout
    }
}

const MILLION: u32 = 1_000_000;

#[cfg(all(test, not(loom)))]
#[path = "picking_tests.rs"]
mod tests;
