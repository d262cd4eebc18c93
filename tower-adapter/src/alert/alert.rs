use std::fmt;

use serde::Serialize;
use serde_json::{Value, json};

/// What is alarming.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AlertKind {
    /// A tenant has used most of a budget.
    Budget,
    /// So few endpoints of a pool are healthy that unhealthy ones serve.
    Panic,
    /// An endpoint does not serve.
    Ejection,
    /// Many requests are refused.
    Rejection,
    /// An objective's error budget burns so fast that somebody should act now.
    FastBurn,
    /// It burns so fast that somebody should act soon.
    SlowBurn,
}

/// What is alarming about whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct AlertKey {
    pub(super) kind: AlertKind,
    pub(super) pool: Option<String>,
    pub(super) tenant: Option<String>,
    pub(super) endpoint: Option<String>,
    /// Of a budget.
    pub(super) unit: Option<String>,
}

/// An alert that is firing, or was.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    pub(super) key: AlertKey,
    pub(super) value: f64,
    pub(super) threshold: f64,
    pub(super) since_unix_ms: u64,
    pub(super) resolved_unix_ms: Option<u64>,
}

impl AlertKind {
    /// As documents and metrics have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Budget => "budget",
            Self::Panic => "panic",
            Self::Ejection => "ejection",
            Self::Rejection => "rejection",
            Self::FastBurn => "fast_burn",
            Self::SlowBurn => "slow_burn",
        }
    }

    /// `page` where somebody should act now, else `ticket`.
    #[must_use]
    pub const fn severity(self) -> &'static str {
        match self {
            Self::Panic | Self::FastBurn => "page",
            _ => "ticket",
        }
    }

    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Budget, Self::Panic, Self::Ejection, Self::Rejection, Self::FastBurn, Self::SlowBurn];
}

impl AlertKey {
    pub(super) const fn new(kind: AlertKind) -> Self {
        Self { kind, pool: None, tenant: None, endpoint: None, unit: None }
    }

    pub(super) fn pool(mut self, pool: &str) -> Self {
        self.pool = Some(pool.to_owned());
        self
    }

    pub(super) fn tenant(mut self, tenant: Option<&str>) -> Self {
        self.tenant = tenant.map(ToOwned::to_owned);
        self
    }

    /// What.
    #[must_use]
    pub const fn kind(&self) -> AlertKind {
        self.kind
    }

    /// In which pool.
    #[must_use]
    pub fn pool_name(&self) -> Option<&str> {
        self.pool.as_deref()
    }

    /// Of which tenant; `None`: of everybody.
    #[must_use]
    pub fn tenant_id(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

impl Alert {
    /// What, and whose.
    #[must_use]
    pub const fn key(&self) -> &AlertKey {
        &self.key
    }

    /// Whether it is not over.
    #[must_use]
    pub const fn is_firing(&self) -> bool {
        self.resolved_unix_ms.is_none()
    }

    /// The same, over.
    pub(crate) const fn resolved(mut self, unix_ms: u64) -> Self {
        self.resolved_unix_ms = Some(unix_ms);
        self
    }

    /// What was seen last: a share of a budget or of requests, a burn rate, or 1.
    #[must_use]
    pub const fn value(&self) -> f64 {
        self.value
    }

    /// From where on it is alarming.
    #[must_use]
    pub const fn threshold(&self) -> f64 {
        self.threshold
    }

    /// As events, `/status` and webhooks tell it; fields that do not apply are left out.
    #[must_use]
    pub fn json(&self) -> Value {
        let AlertKey { kind, pool, tenant, endpoint, unit } = &self.key;
        let mut told = json!({
            "alert": kind.name(),
            "state": if self.is_firing() { "firing" } else { "resolved" },
            "severity": kind.severity(),
            "summary": self.to_string(),
            "value": self.value,
            "threshold": self.threshold,
            "since_unix_ms": self.since_unix_ms,
        });
        let labels = [("pool", pool), ("tenant", tenant), ("endpoint", endpoint), ("unit", unit)];
        for (name, label) in labels {
            if let Some(label) = label {
                told[name] = json!(label);
            }
        }
        if let Some(resolved) = self.resolved_unix_ms {
            told["resolved_unix_ms"] = json!(resolved);
        }
        told
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AlertKey { kind, pool, tenant, endpoint, unit } = &self.key;
        let or =
            |label: &Option<String>, otherwise: &str| label.clone().unwrap_or_else(|| otherwise.to_owned());
        let pool = or(pool, "every pool");
        let percent = self.value * 100.0;
        match kind {
            AlertKind::Budget => {
                let (tenant, unit) = (or(tenant, "somebody"), or(unit, "units"));
                write!(f, "{tenant} has used {percent:.0} % of its budget of {unit}")
            }
            AlertKind::Panic => write!(f, "{pool} is in a panic: unhealthy endpoints serve, too"),
            AlertKind::Ejection => write!(f, "{} of {pool} does not serve", or(endpoint, "an endpoint")),
            AlertKind::Rejection if tenant.is_none() => {
                write!(f, "{percent:.0} % of the requests that {pool} should serve are refused")
            }
            AlertKind::Rejection => {
                write!(
                    f,
                    "{percent:.0} % of the requests of {} in {pool} are refused",
                    or(tenant, "everybody")
                )
            }
            AlertKind::FastBurn | AlertKind::SlowBurn => write!(
                f,
                "the error budget of {} in {pool} burns {:.1} times as fast as it may",
                or(tenant, "everybody"),
                self.value
            ),
        }
    }
}
