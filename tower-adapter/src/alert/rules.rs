use std::{collections::BTreeMap, time::Duration};

use super::{AlertKey, AlertKind};

/// What is watched, and from where on it is told; each is off until it is set, or [all](Self::recommended) but objectives are on.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRules {
    pub(crate) budget: Option<BudgetRule>,
    pub(crate) panic: Option<Duration>,
    pub(crate) ejection: Option<Duration>,
    pub(crate) rejection: Option<RejectionRule>,
    pub(crate) objective: Option<Objective>,
    pub(crate) objectives: BTreeMap<String, Objective>,
    pub(crate) resolve_after: Duration,
}

/// So much of a budget is used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BudgetRule {
    pub(crate) share: f64,
    pub(crate) hold: Duration,
}

/// So many of the requests of a tenant in a pool are refused, for whatever reason; or of all requests there, because the pool cannot serve them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RejectionRule {
    pub(crate) share: f64,
    pub(crate) window: Duration,
    pub(crate) min_requests: u64,
    pub(crate) hold: Duration,
}

/// How many requests are to be served well: a service level objective for each tenant in a pool, and for all of them together.
///
/// A request is bad when it fails, when the pool cannot serve it, or when it succeeds too late; what a tenant's own limits refuse does not count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    pub(crate) share: f64,
    pub(crate) latency: Option<Duration>,
    pub(crate) min_requests: u64,
    pub(crate) hold: Duration,
}

impl AlertRules {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            budget: None,
            panic: None,
            ejection: None,
            rejection: None,
            objective: None,
            objectives: BTreeMap::new(),
            resolve_after: RESOLVE_AFTER,
        }
    }

    /// A budget used to 80 %, a pool in a panic for 30 s, an endpoint ejected for 1 min, and a tenth of 100 requests or more of 5 min refused, for 2 min.
    #[must_use]
    pub fn recommended() -> Self {
        let all = Self::new().with_budget(BudgetRule::default()).with_panic(Duration::from_secs(30));
        all.with_ejection(Duration::from_secs(60)).with_rejection(RejectionRule::default())
    }

    /// Tells of budgets.
    #[must_use]
    pub const fn with_budget(mut self, rule: BudgetRule) -> Self {
        self.budget = Some(rule);
        self
    }

    /// Tells of pools that have been in a panic for so long.
    #[must_use]
    pub const fn with_panic(mut self, hold: Duration) -> Self {
        self.panic = Some(hold);
        self
    }

    /// Tells of endpoints that have not served for so long: ejected, failing their checks, or left out by an operator's word.
    #[must_use]
    pub const fn with_ejection(mut self, hold: Duration) -> Self {
        self.ejection = Some(hold);
        self
    }

    /// Tells of refusals.
    #[must_use]
    pub const fn with_rejection(mut self, rule: RejectionRule) -> Self {
        self.rejection = Some(rule);
        self
    }

    /// Tells when the requests in any pool fall short of this.
    #[must_use]
    pub const fn with_objective(mut self, objective: Objective) -> Self {
        self.objective = Some(objective);
        self
    }

    /// Tells when the requests in this pool fall short of this, instead of the objective of any pool.
    #[must_use]
    pub fn with_pool_objective(mut self, pool: impl Into<String>, objective: Objective) -> Self {
        self.objectives.insert(pool.into(), objective);
        self
    }

    /// How long all must be well before an alert is over. Default 1 min.
    #[must_use]
    pub const fn with_resolve_after(mut self, peace: Duration) -> Self {
        self.resolve_after = peace;
        self
    }

    /// The objective of a pool.
    #[must_use]
    pub fn objective_of(&self, pool: &str) -> Option<&Objective> {
        self.objectives.get(pool).or(self.objective.as_ref())
    }

    /// Whether there is a rule for this.
    pub(super) fn watch(&self, key: &AlertKey) -> bool {
        match key.kind() {
            AlertKind::Budget => self.budget.is_some(),
            AlertKind::Panic => self.panic.is_some(),
            AlertKind::Ejection => self.ejection.is_some(),
            AlertKind::Rejection => self.rejection.is_some(),
            AlertKind::FastBurn | AlertKind::SlowBurn => {
                key.pool_name().is_some_and(|pool| self.objective_of(pool).is_some())
            }
        }
    }

    /// Whether anybody must count requests.
    pub(super) fn watches_requests(&self) -> bool {
        self.rejection.is_some() || self.objective.is_some() || !self.objectives.is_empty()
    }
}

impl Default for AlertRules {
    fn default() -> Self {
        Self::new()
    }
}

impl BudgetRule {
    /// Tells from this share of a budget on, which may be more than 1; less than a billionth is taken as that. Over once less than nine tenths of that are used, as when the window turns.
    #[must_use]
    pub const fn new(share: f64) -> Self {
        Self { share: share.max(LEAST), hold: Duration::ZERO }
    }

    /// For how long at least. Default: told at once.
    #[must_use]
    pub const fn with_hold(mut self, hold: Duration) -> Self {
        self.hold = hold;
        self
    }
}

impl Default for BudgetRule {
    fn default() -> Self {
        Self::new(0.8)
    }
}

impl RejectionRule {
    /// Tells when this share or more is refused; what is not between a billionth and 1 is taken as the nearer of them. Over once it is less than nine tenths of that.
    #[must_use]
    pub fn new(share: f64) -> Self {
        Self { share: within(share, LEAST, 1.0), ..Self::default() }
    }

    /// Over how long, and for how long it must last. Default 5 min and 2 min.
    #[must_use]
    pub const fn with_times(mut self, window: Duration, hold: Duration) -> Self {
        (self.window, self.hold) = (window, hold);
        self
    }

    /// Of how many requests in the window at least. Default 100.
    #[must_use]
    pub const fn with_min_requests(mut self, requests: u64) -> Self {
        self.min_requests = requests;
        self
    }
}

impl Default for RejectionRule {
    fn default() -> Self {
        let (window, hold) = (Duration::from_secs(300), Duration::from_secs(120));
        Self { share: 0.1, window, min_requests: 100, hold }
    }
}

impl Objective {
    /// This share of the requests is to be served: 0.999 is a month with 43 bad minutes. What is not between 0 and 1 less a billionth is taken as the nearer of them:
    /// without a budget for errors none can burn.
    #[must_use]
    pub const fn new(share: f64) -> Self {
        Self {
            share: within(share, 0.0, 1.0 - LEAST),
            latency: None,
            min_requests: 100,
            hold: Duration::ZERO,
        }
    }

    /// And within this time, one of [`BOUNDS`](crate::metrics::BOUNDS); what stands between two of them counts as the lower. Default: whenever.
    #[must_use]
    pub const fn with_latency(mut self, latency: Duration) -> Self {
        self.latency = Some(latency);
        self
    }

    /// Of how many requests in the longer window at least. Default 100.
    #[must_use]
    pub const fn with_min_requests(mut self, requests: u64) -> Self {
        self.min_requests = requests;
        self
    }

    /// For how long its budget must burn too fast. Default: told at once; the windows have waited already.
    #[must_use]
    pub const fn with_hold(mut self, hold: Duration) -> Self {
        self.hold = hold;
        self
    }
}

/// The nearest number between these; of what is no number, unlike `clamp`, the least.
const fn within(share: f64, least: f64, most: f64) -> f64 {
    share.max(least).min(most)
}

/// The least share that anything is alarming from, and the least error budget: by 0 everything would be alarming, and for ever, and nothing divides.
const LEAST: f64 = 1e-9;
const RESOLVE_AFTER: Duration = Duration::from_secs(60);
