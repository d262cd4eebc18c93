//! What is remembered of the requests of one tenant in one pool: less than 3 kB.

use tenantry::Time;

use super::{
    AlertKind, AlertRules, Objective,
    burn::{Burning, share},
    rules::RejectionRule,
    track::Measure,
    window::Window,
};
use crate::metrics::RequestStats;

#[derive(Clone, Debug)]
pub(super) struct Series {
    before: Totals,
    refused: Option<Window<2>>,
    burning: [Burning; 2],
}

/// Counters as they stand.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    /// Refused, and all: of a tenant for any reason, of everybody because the pool could not serve, which a tenant beyond its own limits is no sign of.
    refused: [u64; 2],
    /// Bad by the objective, and all that it counts.
    bad: [u64; 2],
}

impl Totals {
    fn of(stats: &RequestStats, objective: Option<&Objective>) -> Self {
        let [(_, successes), (_, failures), (_, refused), (_, unserved)] = stats.ends();
        let latency = objective.and_then(|objective| objective.latency);
        let good = latency.map_or(successes, |latency| stats.successes_within(latency));
        let judged = successes + failures + unserved;
        let refused = match stats.tenant() {
            Some(_) => [refused + unserved, refused + judged],
            None => [unserved, judged],
        };
        Self { refused, bad: [judged.saturating_sub(good), judged] }
    }
}

impl Series {
    /// Whose counters were seen for the first time. What they say counts from here on; where the tenant is new, all of it.
    pub(super) fn new(stats: &RequestStats, rules: &AlertRules, is_new: bool) -> Self {
        let before = Totals::of(stats, rules.objective_of(stats.pool()));
        Self {
            before: if is_new { Totals::default() } else { before },
            refused: rules.rejection.map(|rule| Window::new(rule.window)),
            burning: Burning::all(),
        }
    }

    pub(super) fn add(&mut self, stats: &RequestStats, objective: Option<&Objective>, now: Time) {
        let totals = Totals::of(stats, objective);
        if let Some(window) = &mut self.refused {
            window.add(grown(totals.refused, self.before.refused), now);
        }
        let bad = grown(totals.bad, self.before.bad);
        self.burning.iter_mut().for_each(|burning| burning.add(bad, now));
        self.before = totals;
    }

    pub(super) fn refusals(&mut self, rule: &RejectionRule, now: Time) -> Measure {
        let sum = self.refused.as_mut().map_or([0; 2], |window| window.sum(now));
        let refused = if sum[1] >= rule.min_requests { share(sum) } else { 0.0 };
        Measure::new(refused, rule.share, rule.hold)
    }

    pub(super) fn burns(
        &mut self,
        objective: &Objective,
        now: Time,
    ) -> impl Iterator<Item = (AlertKind, Measure)> {
        self.burning.iter_mut().map(move |burning| (burning.kind(), burning.measure(objective, now)))
    }
}

/// A tenant that has lost its place and got another begins at 0 again.
fn grown(now: [u64; 2], before: [u64; 2]) -> [u64; 2] {
    if now[1] < before[1] { now } else { [0, 1].map(|index| now[index].saturating_sub(before[index])) }
}
