//! Figures of one endpoint.

use std::time::Duration;

use crate::condition::HealthState;

/// One endpoint.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "config", derive(serde::Serialize))]
pub struct EndpointStats {
    pub(crate) address: String,
    pub(crate) weight: u32,
    pub(crate) draining: bool,
    pub(crate) in_flight: u32,
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    pub(crate) latency_s: Option<f64>,
    pub(crate) health: HealthState,
    pub(crate) overridden: bool,
    pub(crate) ejected: bool,
    pub(crate) shadow_ejections: u64,
    pub(crate) requests_left: Option<u64>,
    pub(crate) requests_limit: Option<u64>,
    pub(crate) cost_left: Option<u64>,
    pub(crate) cost_limit: Option<u64>,
    pub(crate) returns_in_s: Option<f64>,
}

impl EndpointStats {
    /// Its address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its weight as it is configured; 0 takes no new requests but those of sessions.
    #[must_use]
    pub const fn weight(&self) -> u32 {
        self.weight
    }

    /// Whether it drains: nothing new goes there.
    #[must_use]
    pub const fn is_draining(&self) -> bool {
        self.draining
    }

    /// Requests in flight to it.
    #[must_use]
    pub const fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Requests finished, of any outcome.
    #[must_use]
    pub const fn completed(&self) -> u64 {
        self.completed
    }

    /// Requests finished with failure or overload.
    #[must_use]
    pub const fn failed(&self) -> u64 {
        self.failed
    }

    /// Its recent peak latency, decayed, as picks count it: of who has joined within two minutes, at most what its peers take. `None` before the first sample.
    #[must_use]
    pub fn latency(&self) -> Option<Duration> {
        self.latency_s.map(Duration::from_secs_f64)
    }

    /// Where its health stands.
    #[must_use]
    pub const fn health(&self) -> HealthState {
        self.health
    }

    /// Whether an operator's [word](crate::Balancer::override_health) is in force, whatever its own health is.
    #[must_use]
    pub const fn is_overridden(&self) -> bool {
        self.overridden
    }

    /// Whether real requests have shown that it does not serve: it is ejected or on probation, also where an operator decides otherwise.
    #[must_use]
    pub const fn is_ejected(&self) -> bool {
        self.ejected
    }

    /// How often a rule in [shadow mode](crate::OutlierSpec::in_shadow) has found it.
    #[must_use]
    pub const fn shadow_ejections(&self) -> u64 {
        self.shadow_ejections
    }

    /// Requests that its own limits, configured or told by it, allow now; `None` where it has none that count requests.
    #[must_use]
    pub const fn requests_left(&self) -> Option<u64> {
        self.requests_left
    }

    /// Of how many, where that is known.
    #[must_use]
    pub const fn requests_limit(&self) -> Option<u64> {
        self.requests_limit
    }

    /// Of how much cost, where that is known.
    #[must_use]
    pub const fn cost_limit(&self) -> Option<u64> {
        self.cost_limit
    }

    /// Cost that its own limits allow now; `None` where it has none that count cost.
    #[must_use]
    pub const fn cost_left(&self) -> Option<u64> {
        self.cost_left
    }

    /// How long its own limits keep a request of cost 1 away; `None` where they do not.
    #[must_use]
    pub fn returns_in(&self) -> Option<Duration> {
        self.returns_in_s.map(Duration::from_secs_f64)
    }
}
