//! How many requests may wait for a seat, and how long.

use std::time::Duration;

/// The bounds of a pool's queue. In the document: `queue = { timeout = "10s", per_tenant = 256, total = 10000 }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueSpec {
    timeout: Duration,
    per_tenant: u32,
    total: u32,
}

impl QueueSpec {
    /// The defaults: 10 s, 256 per tenant, 10 000 in total.
    #[must_use]
    pub const fn new() -> Self {
        Self { timeout: Duration::from_secs(10), per_tenant: 256, total: 10_000 }
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
}

impl Default for QueueSpec {
    fn default() -> Self {
        Self::new()
    }
}
