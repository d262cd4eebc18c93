//! A scenario as its file writes it: what asks, what serves, what happens meanwhile, and what is expected.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{
    arrivals::{Arrivals, Phase},
    distribution::Distribution,
    population::Population,
    span::Span,
};

/// One run's worth of a scenario: the file with one variant laid over it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// One line: what it shows.
    pub(crate) title: String,
    /// What a reader of the report should know.
    #[serde(default)]
    pub(crate) about: String,
    /// How long before anything is measured. Default none.
    #[serde(default)]
    pub(crate) warm: Span,
    /// How long is measured; then arrivals stop and what is under way ends.
    pub(crate) measure: Span,
    /// The step of the time series. Default 100 ms.
    #[serde(default = "default_sample")]
    pub(crate) sample: Span,
    /// The ordinary document of Tenantry.
    pub(crate) config: Value,
    #[serde(default)]
    pub(crate) network: Network,
    /// What stands at the endpoints' addresses.
    pub(crate) servers: BTreeMap<String, ServerSpec>,
    /// Who asks.
    pub(crate) load: BTreeMap<String, LoadSpec>,
    /// Spans of time that are measured by themselves.
    #[serde(default)]
    pub(crate) windows: BTreeMap<String, Window>,
    /// Changes of the configuration during the run.
    #[serde(default)]
    pub(crate) update: Vec<Update>,
}

/// The way between the balancer and the endpoints.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Network {
    /// One way. Default none.
    pub(crate) delay: Option<Distribution>,
}

/// Servers that are alike: each has so many workers and a queue of its own, first come, first served.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerSpec {
    /// The addresses that they stand at. Default: all that no other table names.
    pub(crate) endpoints: Option<Vec<String>>,
    pub(crate) workers: usize,
    /// How long one worker takes for one request.
    pub(crate) service: Distribution,
    /// Whether a request of cost c takes c times as long.
    #[serde(default)]
    pub(crate) service_by_cost: bool,
    /// How many may wait for a worker; more are answered with overload. Default: no bound.
    pub(crate) queue: Option<usize>,
    /// The body of an answer, which follows its first byte: how long it takes.
    pub(crate) body: Option<Distribution>,
    /// Whether a worker is busy while the body goes out. Default: it is free.
    #[serde(default)]
    pub(crate) body_holds_worker: bool,
    /// Changes of speed: 0.5 takes twice as long.
    #[serde(default)]
    pub(crate) speed: Vec<Phase>,
    /// Somebody else's work on the same machines, again and again.
    pub(crate) antagonist: Option<Antagonist>,
    #[serde(default)]
    pub(crate) faults: Vec<Fault>,
}

/// Every so often the servers are slower for a while.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Antagonist {
    pub(crate) every: Span,
    pub(crate) lasts: Span,
    pub(crate) factor: f64,
}

/// What goes wrong with servers, and when.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    pub(crate) kind: FaultKind,
    #[serde(default)]
    pub(crate) from: Span,
    /// Default: to the end.
    pub(crate) until: Option<Span>,
    /// After how long a failing server answers. Default 1 ms.
    #[serde(default = "default_after")]
    pub(crate) after: Span,
    /// The share of requests that meet it. Default all.
    #[serde(default = "one")]
    pub(crate) share: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FaultKind {
    /// Answers with a failure, without doing any work.
    FailFast,
    /// Takes requests and never answers.
    BlackHole,
    /// Refuses connections; what was under way when it went down fails.
    Down,
}

/// Somebody who asks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoadSpec {
    /// Variants turn it off.
    #[serde(default = "yes")]
    pub(crate) enabled: bool,
    /// Whose requests they are; or `tenants`.
    pub(crate) tenant: Option<String>,
    pub(crate) tenants: Option<Population>,
    /// Default: the only pool.
    pub(crate) pool: Option<String>,
    pub(crate) arrivals: Arrivals,
    #[serde(default)]
    pub(crate) from: Span,
    /// Default: to the end.
    pub(crate) until: Option<Span>,
    #[serde(default)]
    pub(crate) phases: Vec<Phase>,
    /// What a request costs: a number, or weighted choices `[{ cost = 1, share = 0.98 }, { cost = 50, share = 0.02 }]`. Default 1.
    #[serde(default)]
    pub(crate) cost: Vec<CostChoice>,
    #[serde(default = "default_priority")]
    pub(crate) priority: u8,
    #[serde(default = "one_seat")]
    pub(crate) seats: u32,
    /// When the client gives up. Default: never.
    pub(crate) timeout: Option<Span>,
    /// Whether the balancer is told of the client's timeout as the request's deadline. Default: it only sees the client go.
    #[serde(default)]
    pub(crate) tells_deadline: bool,
    /// When the caller of the balancer gives up an endpoint and calls it failed. Default: never.
    pub(crate) call_timeout: Option<Span>,
}

/// One of the costs that requests have.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CostChoice {
    pub(crate) cost: u64,
    pub(crate) share: f64,
}

/// A span of time.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Window {
    pub(crate) from: Span,
    pub(crate) until: Span,
}

/// From `at` on the configuration is another: `config` laid over what was in force.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Update {
    pub(crate) at: Span,
    pub(crate) config: Value,
}

impl Scenario {
    /// When arrivals stop.
    pub(crate) const fn end(&self) -> u64 {
        self.warm.0 + self.measure.0
    }

    /// The loads that are on, by name.
    pub(crate) fn loads(&self) -> impl Iterator<Item = (&str, &LoadSpec)> {
        self.load.iter().filter(|(_, load)| load.enabled).map(|(name, load)| (name.as_str(), load))
    }

    /// The windows, the measured span first, by the name that [`MEASURED`] is.
    pub(crate) fn all_windows(&self) -> Vec<(String, Window)> {
        let measured = Window { from: self.warm, until: Span(self.end()) };
        let named = self.windows.iter().map(|(name, &window)| (name.clone(), window));
        std::iter::once((MEASURED.to_owned(), measured)).chain(named).collect()
    }
}

impl LoadSpec {
    /// The tenants' ids.
    pub(crate) fn tenants(&self) -> Vec<String> {
        let population = self.tenants.iter().flat_map(Population::names);
        self.tenant.iter().cloned().chain(population).collect()
    }
}

impl Fault {
    pub(crate) fn is_on(&self, now: u64) -> bool {
        self.from.0 <= now && self.until.is_none_or(|until| now < until.0)
    }
}

/// The name of the window that is the whole measured span.
pub(crate) const MEASURED: &str = "measured";

const fn default_sample() -> Span {
    Span::millis(100)
}

const fn default_after() -> Span {
    Span::millis(1)
}

const fn default_priority() -> u8 {
    3
}

const fn one_seat() -> u32 {
    1
}

const fn one() -> f64 {
    1.0
}

const fn yes() -> bool {
    true
}
