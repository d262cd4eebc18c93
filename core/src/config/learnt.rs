//! The settings of the rules that learn a capacity, with the defaults of their publications.

use std::time::Duration;

use super::{
    ConfigError,
    bounds::{Bounds, LONGEST, Ratio, SHORTEST, bounded, number, period, ratio},
};

/// Additive increase, multiplicative decrease. `{ kind = "aimd", min = 20, max = 200, backoff = 0.9, timeout = "5s" }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AimdSpec {
    bounds: Bounds,
    backoff: Ratio,
    timeout: Duration,
}

impl AimdSpec {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bounds: Bounds { min: 20, max: 200, initial: 20 },
            backoff: Ratio(900000),
            timeout: Duration::from_secs(5),
        }
    }

    /// What the seats are multiplied by when an answer is overdue or says that there is too much to do. Default 0.9.
    #[must_use]
    pub const fn with_backoff(mut self, backoff: f64) -> Self {
        self.backoff = Ratio::new(backoff);
        self
    }

    /// When an answer counts as overdue. Default 5 s.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(crate) const fn backoff(&self) -> f64 {
        self.backoff.get()
    }

    pub(crate) const fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(super) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        self.bounds.validate(path)?;
        ratio(path, "backoff", self.backoff.get(), 0.1..=0.999)?;
        period(path, "timeout", self.timeout, SHORTEST..=LONGEST)?;
        Ok(())
    }
}

bounded!(AimdSpec);

/// The default rule: it needs no settings but knows bounds. `{ kind = "adaptive", min = 4, max = 10000, initial = 20 }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdaptiveSpec {
    bounds: Bounds,
}

impl AdaptiveSpec {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self { bounds: Bounds { min: 4, max: 10000, initial: 20 } }
    }

    pub(super) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        self.bounds.validate(path)?;
        Ok(())
    }
}

bounded!(AdaptiveSpec);

/// Netflix's Gradient2. `{ kind = "gradient2", min = 20, max = 200, tolerance = 1.5, smoothing = 0.2, queue = 4, long_window = 600 }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gradient2Spec {
    bounds: Bounds,
    tolerance: Ratio,
    smoothing: Ratio,
    queue: u32,
    long_window: u32,
}

impl Gradient2Spec {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bounds: Bounds { min: 20, max: 200, initial: 20 },
            tolerance: Ratio(1500000),
            smoothing: Ratio(200000),
            queue: 4,
            long_window: 600,
        }
    }

    /// How many times its long average the latency may be before seats are taken away. Default 1.5.
    #[must_use]
    pub const fn with_tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = Ratio::new(tolerance);
        self
    }

    /// How much of the way to a new value is gone in one window. Default 0.2.
    #[must_use]
    pub const fn with_smoothing(mut self, smoothing: f64) -> Self {
        self.smoothing = Ratio::new(smoothing);
        self
    }

    /// How many requests may stand in the backends' queues. Default 4.
    #[must_use]
    pub const fn with_queue(mut self, queue: u32) -> Self {
        self.queue = queue;
        self
    }

    /// Over how many windows the long average is taken. Default 600.
    #[must_use]
    pub const fn with_long_window(mut self, long_window: u32) -> Self {
        self.long_window = long_window;
        self
    }

    pub(crate) const fn tolerance(&self) -> f64 {
        self.tolerance.get()
    }

    pub(crate) const fn smoothing(&self) -> f64 {
        self.smoothing.get()
    }

    pub(crate) const fn queue(&self) -> u32 {
        self.queue
    }

    pub(crate) const fn long_window(&self) -> u32 {
        self.long_window
    }

    pub(super) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        self.bounds.validate(path)?;
        ratio(path, "tolerance", self.tolerance.get(), 1.0..=100.0)?;
        ratio(path, "smoothing", self.smoothing.get(), 0.001..=1.0)?;
        number(path, "queue", self.queue, 0..=1_000_000)?;
        number(path, "long_window", self.long_window, 1..=1_000_000)?;
        Ok(())
    }
}

bounded!(Gradient2Spec);
