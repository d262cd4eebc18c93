//! Looks at the balancer about once a second: takes its events, and remembers counters for as long as rates reach back.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};
use tenantry::{Balancer, Stats, Time};

use super::{alarms::Alarms, events::Events, sample::Sample};
use crate::{
    alert::{AlertRules, Webhook},
    guard::{CurrentGuard, Guard, Mode},
    metrics::Metrics,
};

#[derive(Debug)]
pub(super) struct Observer {
    seen: Mutex<Seen>,
    pub(super) alarms: Alarms,
}

/// What was seen so far.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) events: Events,
    samples: VecDeque<Sample>,
}

impl Observer {
    pub(super) fn new(most_events: usize) -> Self {
        let seen = Seen { events: Events::new(most_events), samples: VecDeque::new() };
        Self { seen: Mutex::new(seen), alarms: Alarms::default() }
    }

    /// Looks now, and hands out what is known. Whoever looks more often than once a second adds no samples.
    pub(super) fn look(
        &self,
        balancer: &Balancer,
        metrics: &Metrics,
        guard: &CurrentGuard,
    ) -> (Stats, MutexGuard<'_, Seen>) {
        // Under the lock, so that events stay in their order.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for event in balancer.take_events() {
            seen.events.add(serde_json::to_value(event).unwrap_or_default());
        }
        for event in guard.get().iter().flat_map(Guard::take_events) {
            let mut told = serde_json::to_value(&event).unwrap_or_default();
            told["event"] = json!(if event.mode() == Mode::Enforce { "banned" } else { "would_be_banned" });
            seen.events.add(told);
        }
        let (stats, now) = (balancer.stats(), balancer.now());
        seen.sample(&stats, now);
        self.alarms.look((balancer, metrics), &stats, &mut seen.events);
        (stats, seen)
    }

    pub(super) fn set_alerts(&self, rules: Option<AlertRules>, webhook: Option<Webhook>) {
        // In this order, as in `look`.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        self.alarms.set(rules, webhook, &mut seen.events);
    }

    pub(super) fn keep_events(&self, most: usize) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).events.keep(most);
    }

    pub(super) fn add(&self, event: Value) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).events.add(event);
    }
}

impl Seen {
    fn sample(&mut self, stats: &Stats, now: Time) {
        let due = self.samples.back().is_none_or(|last| now.since(last.at) >= EVERY);
        if !due {
            return;
        }
        self.samples.push_back(Sample::of(stats, now));
        self.events.forget_all_but(stats);
        // One is to stand at the window's beginning or before.
        while self.samples.get(1).is_some_and(|second| now.since(second.at) >= WINDOW) {
            self.samples.pop_front();
        }
    }

    /// How two counters of a tenant have grown per second, over the window or since it is known.
    pub(super) fn tenant_rates(&self, id: &str, now: Time, counters: [u64; 2]) -> [f64; 2] {
        self.rates(now, counters, |sample| sample.tenant(id))
    }

    pub(super) fn endpoint_rates(
        &self,
        (pool, address): (&str, &str),
        now: Time,
        counters: [u64; 2],
    ) -> [f64; 2] {
        self.rates(now, counters, |sample| sample.endpoint(pool, address))
    }

    /// Whether requests of it have waited at half or more of the looks within the window: it wants more than it has.
    pub(super) fn contends(&self, id: &str) -> bool {
        self.samples.iter().filter(|sample| sample.waited(id)).count() * 2 >= self.samples.len()
    }

    fn rates(&self, now: Time, counters: [u64; 2], known: impl Fn(&Sample) -> Option<[u64; 2]>) -> [f64; 2] {
        let first = self.samples.iter().find_map(|sample| Some((sample.at, known(sample)?)));
        let Some((at, before)) = first.filter(|(at, _)| now.since(*at) > Duration::ZERO) else {
            return [0.0; 2];
        };
        let span = now.since(at).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate")]
        let rate = |index: usize| counters[index].saturating_sub(before[index]) as f64 / span;
        [rate(0), rate(1)]
    }
}

const EVERY: Duration = Duration::from_secs(1);
/// What rates reach back.
pub(super) const WINDOW: Duration = Duration::from_secs(10);
