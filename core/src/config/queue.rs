//! How many requests may wait for a seat, and how long.

use std::time::Duration;

use super::ConfigError;

/// In which order the requests of one tenant and one priority are served.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueueOrder {
    /// First come, first served.
    #[default]
    Fifo,
    /// The same until somebody has waited 100 ms; then the newest first, until the line has gone down. With more to do than can be done
    /// it serves those whose callers still listen.
    AdaptiveLifo,
}

/// CoDel: how long a tenant's line may stand. In the document: `codel = { target = "5ms", interval = "100ms" }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodelSpec {
    target: Duration,
    interval: Duration,
}

/// The bounds of a pool's queue, and its order. In the document:
/// `queue = { timeout = "10s", per_tenant = 256, total = 10000, order = "fifo", aging = "1s" }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueSpec {
    timeout: Duration,
    per_tenant: u32,
    total: u32,
    order: QueueOrder,
    aging: Duration,
    codel: Option<CodelSpec>,
}

impl QueueSpec {
    /// The defaults: 10 s, 256 per tenant, 10 000 in total, first come first served, one class of priority per second, no CoDel.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            per_tenant: 256,
            total: 10_000,
            order: QueueOrder::Fifo,
            aging: Duration::from_secs(1),
            codel: None,
        }
    }

    /// How long a request without a deadline of its own waits. Default 10 s.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How many of one tenant may wait; 0: none waits. Default 256.
    #[must_use]
    pub const fn with_per_tenant(mut self, requests: u32) -> Self {
        self.per_tenant = requests;
        self
    }

    /// How many may wait in all; 0: none waits. Default 10 000.
    #[must_use]
    pub const fn with_total(mut self, requests: u32) -> Self {
        self.total = requests;
        self
    }

    /// In which order one tenant's requests are served. Default: first come, first served.
    #[must_use]
    pub const fn with_order(mut self, order: QueueOrder) -> Self {
        self.order = order;
        self
    }

    /// How long a request waits before it goes before newer ones of the next more urgent class. Default 1 s; zero: priorities
    /// mean nothing.
    #[must_use]
    pub const fn with_aging(mut self, aging: Duration) -> Self {
        self.aging = aging;
        self
    }

    /// Turns requests away while a tenant's line stands. Default: not done.
    #[must_use]
    pub const fn with_codel(mut self, codel: CodelSpec) -> Self {
        self.codel = Some(codel);
        self
    }

    /// How long a request waits.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// How many of one tenant may wait.
    #[must_use]
    pub const fn per_tenant(&self) -> u32 {
        self.per_tenant
    }

    /// How many may wait in all.
    #[must_use]
    pub const fn total(&self) -> u32 {
        self.total
    }

    /// The order.
    #[must_use]
    pub const fn order(&self) -> QueueOrder {
        self.order
    }

    /// What one class of priority is worth.
    #[must_use]
    pub const fn aging(&self) -> Duration {
        self.aging
    }

    /// CoDel's settings, if it is on.
    #[must_use]
    pub const fn codel(&self) -> Option<CodelSpec> {
        self.codel
    }

    pub(super) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        let Some(codel) = self.codel else { return Ok(()) };
        for (field, duration) in [("target", codel.target), ("interval", codel.interval)] {
            if duration.is_zero() {
                let fix = "give a duration above zero, such as \"5ms\"; leave codel out to turn it off";
                return Err(ConfigError::new(format!("{path}.codel.{field}"), "\"0s\"", fix));
            }
        }
        Ok(())
    }
}

impl CodelSpec {
    /// RFC 8289's defaults: a target of 5 ms and an interval of 100 ms.
    #[must_use]
    pub const fn new() -> Self {
        Self { target: Duration::from_millis(5), interval: Duration::from_millis(100) }
    }

    /// The wait that is no standing line. Default 5 ms.
    #[must_use]
    pub const fn with_target(mut self, target: Duration) -> Self {
        self.target = target;
        self
    }

    /// How long the wait may be above the target. Default 100 ms.
    #[must_use]
    pub const fn with_interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// The target.
    #[must_use]
    pub const fn target(&self) -> Duration {
        self.target
    }

    /// The interval.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.interval
    }
}

impl Default for CodelSpec {
    fn default() -> Self {
        Self::new()
    }
}

impl Default for QueueSpec {
    fn default() -> Self {
        Self::new()
    }
}
