use std::collections::BTreeMap;

use tenantry::{HealthState, PoolStats, Stats, Time};

use super::{
    Alert, AlertKey, AlertKind, AlertRules,
    series::Series,
    track::{Measure, Step, Track},
};
use crate::{metrics::RequestStats, proxy::without_credential};

/// What is alarming, as figures come in. Without I/O and without a clock: somebody [shows](Self::observe) it figures about once a second, and is told what has begun and
/// what is over.
///
/// Memory is bounded: under 3 kB for each tenant in a pool that [`RequestStats`] has figures of its own for, and [`MOST_ALERTS`] alerts at once; what would be more is counted and not told.
#[derive(Clone, Debug)]
pub struct Alerts {
    rules: AlertRules,
    series: Option<BTreeMap<(String, Option<String>), Series>>,
    tracks: BTreeMap<AlertKey, Tracked>,
    untold: u64,
}

#[derive(Clone, Debug)]
struct Tracked {
    track: Track,
    alert: Alert,
}

/// Figures of one moment.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Observation<'a> {
    /// When, by a clock that never goes back.
    pub now: Time,
    /// When, in milliseconds since 1970, as alerts say it.
    pub unix_ms: u64,
    /// Of pools.
    pub stats: &'a Stats,
    /// Of requests.
    pub requests: &'a [RequestStats],
    /// Of budgets.
    pub budgets: &'a [BudgetUse],
}

/// What is used of a tenant's budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BudgetUse {
    pub(crate) tenant: String,
    pub(crate) unit: String,
    pub(crate) used: u64,
    pub(crate) amount: u64,
}

impl BudgetUse {
    /// Of this tenant, in these units.
    #[must_use]
    pub fn new(tenant: impl Into<String>, unit: impl Into<String>, used: u64, amount: u64) -> Self {
        Self { tenant: tenant.into(), unit: unit.into(), used, amount }
    }
}

impl<'a> Observation<'a> {
    /// Of this moment, without requests and budgets.
    #[must_use]
    pub const fn new(now: Time, unix_ms: u64, stats: &'a Stats) -> Self {
        Self { now, unix_ms, stats, requests: &[], budgets: &[] }
    }

    /// And of requests, which may be those of [`Metrics::request_stats`](crate::metrics::Metrics::request_stats).
    #[must_use]
    pub const fn with_requests(mut self, requests: &'a [RequestStats]) -> Self {
        self.requests = requests;
        self
    }

    /// And of budgets.
    #[must_use]
    pub const fn with_budgets(mut self, budgets: &'a [BudgetUse]) -> Self {
        self.budgets = budgets;
        self
    }
}

impl Alerts {
    /// By these rules.
    #[must_use]
    pub const fn new(rules: AlertRules) -> Self {
        Self { rules, series: None, tracks: BTreeMap::new(), untold: 0 }
    }

    /// Goes by other rules from now on. What has been counted of requests is forgotten where they differ; what fires goes on until it is well by the new ones, and is over at
    /// once, as it is told here, where they have no rule for it.
    pub fn set_rules(&mut self, rules: AlertRules, unix_ms: u64) -> Vec<Alert> {
        let mut told = vec![];
        if self.rules == rules {
            return told;
        }
        (self.rules, self.series) = (rules, None);
        self.tracks.retain(|key, Tracked { track, alert }| {
            let stays = self.rules.watch(key);
            if !stays && matches!(track, Track::Firing(_)) {
                alert.resolved_unix_ms = Some(unix_ms);
                told.push(alert.clone());
            }
            stays
        });
        told
    }

    /// The rules.
    #[must_use]
    pub const fn rules(&self) -> &AlertRules {
        &self.rules
    }

    /// What is firing, by kind.
    pub fn firing(&self) -> impl Iterator<Item = &Alert> {
        self.tracks.values().filter(|one| matches!(one.track, Track::Firing(_))).map(|one| &one.alert)
    }

    /// How often there was no room to follow another alert.
    #[must_use]
    pub const fn untold(&self) -> u64 {
        self.untold
    }

    /// Looks at the figures of this moment: what has begun, and what is over.
    pub fn observe(&mut self, seen: &Observation<'_>) -> Vec<Alert> {
        let mut measures = BTreeMap::new();
        self.budgets(seen, &mut measures);
        seen.stats.pools().iter().for_each(|pool| self.pool(pool, &mut measures));
        if self.rules.watches_requests() {
            self.requests(seen, &mut measures);
        }
        self.track(&measures, seen)
    }

    fn budgets(&self, seen: &Observation<'_>, measures: &mut Measures) {
        let Some(rule) = self.rules.budget else { return };
        for BudgetUse { tenant, unit, used, amount } in seen.budgets {
            let key = AlertKey { unit: Some(unit.clone()), ..AlertKey::new(AlertKind::Budget) };
            #[expect(clippy::cast_precision_loss, reason = "a share")]
            let used = *used as f64 / (*amount).max(1) as f64;
            let measure = Measure::new(used, rule.share, rule.hold);
            // Of several in the same units the fullest.
            let there = measures.entry(key.tenant(Some(tenant))).or_insert(measure);
            there.value = there.value.max(used);
        }
    }

    fn pool(&self, pool: &PoolStats, measures: &mut Measures) {
        let key = |kind| AlertKey::new(kind).pool(pool.name());
        if let Some(hold) = self.rules.panic {
            measures.insert(key(AlertKind::Panic), Measure::of(pool.is_in_panic(), hold));
        }
        let Some(hold) = self.rules.ejection else { return };
        for endpoint in pool.endpoints() {
            let out = matches!(
                endpoint.health(),
                HealthState::Ejected | HealthState::Failing | HealthState::Disabled
            );
            let address = without_credential(endpoint.address()).to_owned();
            let key = AlertKey { endpoint: Some(address), ..key(AlertKind::Ejection) };
            // Where addresses differ by nothing that may be told, one that is out will do.
            let there = measures.entry(key).or_insert_with(|| Measure::of(out, hold));
            there.value = there.value.max(f64::from(u8::from(out)));
        }
    }

    fn requests(&mut self, seen: &Observation<'_>, measures: &mut Measures) {
        let (now, rules) = (seen.now, &self.rules);
        let mut known = self.series.take();
        let mut series = BTreeMap::new();
        for stats in seen.requests {
            let place = (stats.pool().to_owned(), stats.tenant().map(ToOwned::to_owned));
            let objective = rules.objective_of(stats.pool());
            let there = known.as_mut().and_then(|known| known.remove(&place));
            let mut one = there.unwrap_or_else(|| Series::new(stats, rules, known.is_some()));
            one.add(stats, objective, now);
            let key = |kind| AlertKey::new(kind).pool(stats.pool()).tenant(stats.tenant());
            if let Some(rule) = &rules.rejection {
                measures.insert(key(AlertKind::Rejection), one.refusals(rule, now));
            }
            if let Some(objective) = objective {
                measures.extend(one.burns(objective, now).map(|(kind, measure)| (key(kind), measure)));
            }
            series.insert(place, one);
        }
        self.series = Some(series);
    }

    fn track(&mut self, measures: &Measures, seen: &Observation<'_>) -> Vec<Alert> {
        for (key, measure) in measures.iter().filter(|(_, measure)| measure.is_alarming()) {
            if self.tracks.contains_key(key) {
                continue;
            }
            if self.tracks.len() >= MOST_ALERTS {
                self.untold += 1;
                continue;
            }
            let Measure { value, threshold, .. } = *measure;
            let since_unix_ms = seen.unix_ms;
            let alert = Alert { key: key.clone(), value, threshold, since_unix_ms, resolved_unix_ms: None };
            self.tracks.insert(key.clone(), Tracked { track: Track::Pending(seen.now), alert });
        }
        let (mut told, resolve_after) = (vec![], self.rules.resolve_after);
        self.tracks.retain(|key, Tracked { track, alert }| {
            // Whoever is not there any more is well.
            let gone = Measure::new(0.0, alert.threshold, resolve_after);
            let measure = measures.get(key).unwrap_or(&gone);
            (alert.value, alert.threshold) = (measure.value, measure.threshold);
            let step = track.step(measure, resolve_after, seen.now);
            if step == Step::Resolves {
                alert.resolved_unix_ms = Some(seen.unix_ms);
            }
            if matches!(step, Step::Fires | Step::Resolves) {
                told.push(alert.clone());
            }
            matches!(step, Step::Stays | Step::Fires)
        });
        told
    }
}

type Measures = BTreeMap<AlertKey, Measure>;

/// How many alerts are followed at once.
pub const MOST_ALERTS: usize = 1_000;
