//! The comparison of a pool's endpoints, once per interval: what each one's requests came to is gathered, and then judged.
//!
//! There is no timer. Whoever finishes a request after the interval's end does a part of it, so many endpoints at a time; nobody waits, and nobody does it
//! twice. Only where something is found does it take the lock under which health changes.

use std::{ptr, sync::Arc, time::Duration};

use super::{
    tier::Tier,
    verdict::{Evidence, Verdict},
};
use crate::{
    config::OutlierSpec,
    endpoint::{Endpoint, Member},
    health::{Enough, FailureRule, Found, LatencyRule, Sample, SuccessRateRule},
    pool::Pool,
    sync::{AtomicU64, Mutex, Ordering},
    time::Time,
};

/// The rules, as a pool has them.
#[derive(Debug)]
pub(super) struct Comparison {
    success_rate: Option<SuccessRateRule>,
    failure_percentage: Option<FailureRule>,
    latency: Option<LatencyRule>,
    enough: Enough,
    interval: Duration,
}

/// How far a comparison has come. Survives updates.
#[derive(Debug)]
pub(super) struct Progress {
    /// The nanosecond from which on the next one is due.
    due: AtomicU64,
    gathered: Mutex<Gathered>,
}

/// What is known so far; of a list that an update may have replaced meanwhile.
#[derive(Debug, Default)]
struct Gathered {
    members: Arc<[Member]>,
    samples: Vec<Sample>,
}

impl Comparison {
    /// What the configuration says; `None` where nothing is compared.
    pub(super) fn of(spec: &OutlierSpec) -> Option<Self> {
        let count = |number: u32| number as usize;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "logarithms of settings"
        )]
        let latency = spec.latency().map(|rule| LatencyRule {
            log_factor: rule.factor().log2() as f32,
            log_floor: (rule.floor().as_nanos().max(1) as f32).log2(),
            min_endpoints: count(rule.min_endpoints()),
            min_requests: rule.min_requests(),
            shadow: rule.is_shadow(),
        });
        let success_rate = spec.success_rate().map(|rule| SuccessRateRule {
            factor: rule.factor(),
            min_endpoints: count(rule.min_endpoints()),
            min_requests: rule.min_requests().into(),
            shadow: rule.is_shadow(),
        });
        let failure_percentage = spec.failure_percentage().map(|rule| FailureRule {
            threshold: rule.threshold_percent(),
            min_endpoints: count(rule.min_endpoints()),
            min_requests: rule.min_requests().into(),
            shadow: rule.is_shadow(),
        });
        let most =
            [success_rate.map(|rule| rule.min_requests), failure_percentage.map(|rule| rule.min_requests)];
        let enough = Enough {
            requests: most.into_iter().flatten().max().unwrap_or(0),
            timed: latency.map_or(0, |rule| rule.min_requests),
            horizon: spec.interval().saturating_mul(HORIZON),
        };
        let some = success_rate.is_some() || failure_percentage.is_some() || latency.is_some();
        let on = some && spec.max_ejected_percent() > 0;
        on.then(|| Self { success_rate, failure_percentage, latency, enough, interval: spec.interval() })
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self { due: AtomicU64::new(u64::MAX), gathered: Mutex::default() }
    }
}

impl Progress {
    #[inline]
    fn is_due(&self, now: Time) -> bool {
        now.as_nanos() >= self.due.load(Ordering::Relaxed)
    }

    fn set_due(&self, at: Time) {
        self.due.store(at.as_nanos(), Ordering::Relaxed);
    }
}

impl Pool {
    /// Where comparisons stand after an update: due no later than before, and within the interval that is now in force.
    pub(super) fn plan_comparison(&self, now: Time) {
        let next = |comparison: &Comparison| {
            let due = now + comparison.interval;
            due.min(Time::from_nanos(self.health.comparing.due.load(Ordering::Relaxed)))
        };
        self.health.comparing.set_due(self.comparison.as_ref().map_or(Time::from_nanos(u64::MAX), next));
    }

    /// Does a part of the comparison, if one is due and nobody is at it.
    #[inline]
    pub(super) fn compare(&self, now: Time) {
        if self.health.comparing.is_due(now) {
            self.compare_some(SLICE, now);
        }
    }

    /// Does all of it, if one is due and nobody is at it; says when the next one is.
    pub(crate) fn compare_all(&self, now: Time) -> Option<Time> {
        let comparison = self.comparison.as_ref()?;
        if self.health.comparing.is_due(now) {
            self.compare_some(usize::MAX, now);
        }
        let due = Time::from_nanos(self.health.comparing.due.load(Ordering::Relaxed));
        Some(if due > now { due } else { now + comparison.interval })
    }

    #[cold]
    fn compare_some(&self, most: usize, now: Time) {
        let Some(comparison) = &self.comparison else { return };
        let Some(mut gathered) = self.health.comparing.gathered.try_lock() else { return };
        // Somebody else may have just finished it.
        if !self.health.comparing.is_due(now) {
            return;
        }
        if gathered.samples.is_empty() {
            gathered.members = Arc::clone(&self.members);
        }
        let Gathered { members, samples } = &mut *gathered;
        let next = members.iter().skip(samples.len()).take(most);
        samples.extend(next.map(|member| sample(member.endpoint(), comparison.enough, now)));
        if samples.len() < members.len() {
            return;
        }
        self.health.comparing.set_due(now + comparison.interval);
        let Gathered { members, samples } = std::mem::take(&mut *gathered);
        drop(gathered);
        let verdicts = self.verdicts(comparison, &members, &samples);
        if !verdicts.is_empty() {
            self.carry_out(&verdicts, now);
        }
    }

    /// What follows from the samples: the worst first, each endpoint once, and by the rule that ejects rather than by the one that degrades.
    fn verdicts<'a>(
        &self,
        rules: &Comparison,
        members: &'a [Member],
        samples: &[Sample],
    ) -> Vec<Verdict<'a>> {
        let found = rules.success_rate.map(|rule| (rule.shadow, rule.find(samples)));
        let failing = rules.failure_percentage.map(|rule| (rule.shadow, rule.find(samples)));
        let slow = rules.latency.map(|rule| (rule.shadow, self.slow(rule, members, samples)));
        let by_rule = [failing, found, slow].into_iter().flatten();
        let mut all: Vec<(bool, usize, Found)> = by_rule
            .enumerate()
            .flat_map(|(order, (shadow, found))| found.into_iter().map(move |one| (shadow, order, one)))
            .collect();
        // Enforced rules go first: whom one of them leaves out needs no telling by another.
        all.sort_by(|(shadow, order, (_, off, _)), (other_shadow, other_order, (_, other_off, _))| {
            (shadow, order).cmp(&(other_shadow, other_order)).then(other_off.total_cmp(off))
        });
        let mut seen = vec![false; members.len()];
        all.retain(|(_, _, (place, ..))| !std::mem::replace(&mut seen[*place], true));
        all.into_iter()
            .map(|(shadow, _, (place, _, finding))| Verdict {
                endpoint: members[place].endpoint(),
                evidence: Evidence::Compared(finding),
                shadow: shadow || self.outlier.shadow,
            })
            .collect()
    }

    /// Those that are slow, tier by tier: another zone is further away. Where an update has changed the list meanwhile, they wait for the next comparison.
    fn slow(&self, rule: LatencyRule, members: &[Member], samples: &[Sample]) -> Vec<Found> {
        if !ptr::eq(members, &raw const *self.members) {
            return vec![];
        }
        let in_tier = |tier: &Tier| {
            let places = tier.places();
            let start = places.start;
            let found = rule.find(&samples[places]).into_iter();
            found.map(move |(place, off, finding)| (start + place, off, finding)).collect::<Vec<_>>()
        };
        self.tiers.iter().flat_map(in_tier).collect()
    }
}

/// What one's requests came to. Of one that is left out nothing counts.
fn sample(endpoint: &Endpoint, enough: Enough, now: Time) -> Sample {
    if !endpoint.outlier().is_healthy() {
        endpoint.begin_sample(now);
        return Sample::default();
    }
    let mut sample = endpoint.take_sample(&enough, now);
    // Whoever has just come, or come back, may be slow because it is cold; left out, it would not warm up.
    let since = endpoint.serves_since();
    if since > Time::ZERO && now.since(since) < enough.horizon {
        sample.timed = 0;
    }
    sample
}

/// For so many intervals requests are gathered where they are few.
const HORIZON: u32 = 6;
/// Endpoints that one request looks at: a few microseconds.
const SLICE: usize = 64;
