//! What is said of an endpoint's health, in statistics, events and overrides.

/// Where an endpoint stands now, the strongest reason first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "config", derive(serde::Serialize))]
#[cfg_attr(feature = "config", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum HealthState {
    /// It serves.
    #[default]
    Healthy,
    /// It serves where the healthy ones do not suffice.
    Degraded,
    /// It has asked to be left alone for a while, and others go first.
    CoolingDown,
    /// An ejection is over: it is given one request at a time, until one succeeds.
    Probation,
    /// What real requests have shown keeps it out for a while.
    Ejected,
    /// Its health checks fail.
    Failing,
    /// An operator has [taken it out](HealthOverride::Disabled).
    Disabled,
}

/// What an operator has decided of an endpoint, whatever its health: see [`Balancer::override_health`](crate::Balancer::override_health).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "config", derive(serde::Serialize))]
#[cfg_attr(feature = "config", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum HealthOverride {
    /// Nothing goes there, neither of sessions nor in a panic, and its health is not checked. What is in flight there ends in peace.
    Disabled,
    /// It counts as ejected: nothing goes there, unless the pool panics.
    Ejected,
    /// It counts as healthy: neither its health checks, nor an ejection, nor what it has asked for keeps requests away.
    Healthy,
}

/// Why an endpoint was ejected, or counts as degraded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "config", derive(serde::Serialize))]
#[cfg_attr(feature = "config", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum EjectionReason {
    /// So many requests in a row have failed.
    ConsecutiveFailures,
    /// So many requests in a row have failed at a gateway, or without an answer.
    ConsecutiveGatewayFailures,
    /// Fewer of its requests succeed than of the others'.
    SuccessRate,
    /// Too many of its requests fail.
    FailurePercentage,
    /// Its successes take a multiple of the time that the others' take.
    Latency,
    /// The one request that it was given on probation has failed.
    FailedProbation,
}

/// Why a health check has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "config", derive(serde::Serialize))]
#[cfg_attr(feature = "config", serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum CheckFailure {
    /// No answer in time.
    Timeout,
    /// No connection: refused, unreachable, or a name that does not resolve.
    Connect,
    /// No TLS: a certificate that is not trusted, or of somebody else, or no common version.
    Tls,
    /// The connection broke, or the answer cannot be understood.
    Broken,
    /// An answer with a status that is not good.
    Status,
    /// An answer without the text that should stand in it.
    Body,
    /// The endpoint says itself that it does not serve.
    NotServing,
    /// What only a function of the application's own knows.
    Other,
}

impl CheckFailure {
    /// The one of this name, as [`name`](Self::name) writes it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|failure| failure.name() == name)
    }

    /// All names that there are.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        Self::ALL.map(Self::name).to_vec()
    }

    /// As events write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Broken => "broken",
            Self::Status => "status",
            Self::Body => "body",
            Self::NotServing => "not_serving",
            Self::Other => "other",
        }
    }

    const ALL: [Self; 8] = [
        Self::Timeout,
        Self::Connect,
        Self::Tls,
        Self::Broken,
        Self::Status,
        Self::Body,
        Self::NotServing,
        Self::Other,
    ];
}

impl HealthOverride {
    /// The one of this name: `disabled`, `ejected` or `healthy`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "disabled" => Some(Self::Disabled),
            "ejected" => Some(Self::Ejected),
            "healthy" => Some(Self::Healthy),
            _ => None,
        }
    }
}

impl HealthState {
    /// As the document and statistics write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::CoolingDown => "cooling_down",
            Self::Probation => "probation",
            Self::Ejected => "ejected",
            Self::Failing => "failing",
            Self::Disabled => "disabled",
        }
    }
}
