//! The settings of the rules that compare latency with a floor that they measure, with the defaults of their publications.

use std::time::Duration;

use super::{
    ConfigError,
    bounds::{Bounds, LONGEST, Ratio, SHORTEST, bounded, number, period, ratio},
};

/// Envoy's gradient. `{ kind = "gradient", min = 3, max = 1000, buffer = 0.25, percentile = 50, min_rtt_interval = "60s" }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GradientSpec {
    bounds: Bounds,
    buffer: Ratio,
    percentile: u32,
    window: Duration,
    min_rtt_interval: Duration,
    min_rtt_requests: u32,
    jitter: Ratio,
}

impl GradientSpec {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bounds: Bounds { min: 3, max: 1000, initial: 20 },
            buffer: Ratio(250000),
            percentile: 50,
            window: Duration::from_millis(100),
            min_rtt_interval: Duration::from_secs(60),
            min_rtt_requests: 50,
            jitter: Ratio(150000),
        }
    }

    /// How much above the floor counts as normal, as a share of the floor. Default 0.25.
    #[must_use]
    pub const fn with_buffer(mut self, buffer: f64) -> Self {
        self.buffer = Ratio::new(buffer);
        self
    }

    /// Which percentile of latency is compared. Default 50.
    #[must_use]
    pub const fn with_percentile(mut self, percentile: u32) -> Self {
        self.percentile = percentile;
        self
    }

    /// How often the seats are set anew. Default 100 ms.
    #[must_use]
    pub const fn with_window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// How often the floor is measured, with `min` seats. Default 60 s.
    #[must_use]
    pub const fn with_min_rtt_interval(mut self, min_rtt_interval: Duration) -> Self {
        self.min_rtt_interval = min_rtt_interval;
        self
    }

    /// How many requests measure the floor. Default 50.
    #[must_use]
    pub const fn with_min_rtt_requests(mut self, min_rtt_requests: u32) -> Self {
        self.min_rtt_requests = min_rtt_requests;
        self
    }

    /// By how much of itself the interval is lengthened at random. Default 0.15.
    #[must_use]
    pub const fn with_jitter(mut self, jitter: f64) -> Self {
        self.jitter = Ratio::new(jitter);
        self
    }

    pub(crate) const fn buffer(&self) -> f64 {
        self.buffer.get()
    }

    pub(crate) const fn percentile(&self) -> u32 {
        self.percentile
    }

    pub(crate) const fn window(&self) -> Duration {
        self.window
    }

    pub(crate) const fn min_rtt_interval(&self) -> Duration {
        self.min_rtt_interval
    }

    pub(crate) const fn min_rtt_requests(&self) -> u32 {
        self.min_rtt_requests
    }

    pub(crate) const fn jitter(&self) -> f64 {
        self.jitter.get()
    }

    pub(super) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        self.bounds.validate(path)?;
        ratio(path, "buffer", self.buffer.get(), 0.0..=10.0)?;
        number(path, "percentile", self.percentile, 1..=100)?;
        period(path, "window", self.window, SHORTEST..=LONGEST)?;
        period(path, "min_rtt_interval", self.min_rtt_interval, SHORTEST..=LONGEST)?;
        number(path, "min_rtt_requests", self.min_rtt_requests, 1..=10_000)?;
        ratio(path, "jitter", self.jitter.get(), 0.0..=1.0)?;
        Ok(())
    }
}

bounded!(GradientSpec);

/// Vegas, as Netflix has it. `{ kind = "vegas", min = 1, max = 1000, alpha = 3, beta = 6, probe = 30 }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VegasSpec {
    bounds: Bounds,
    alpha: u32,
    beta: u32,
    probe: u32,
    smoothing: Ratio,
}

impl VegasSpec {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            bounds: Bounds { min: 1, max: 1000, initial: 20 },
            alpha: 3,
            beta: 6,
            probe: 30,
            smoothing: Ratio(1000000),
        }
    }

    /// Below this much of a queue, times log₁₀ of the seats, seats are added. Default 3.
    #[must_use]
    pub const fn with_alpha(mut self, alpha: u32) -> Self {
        self.alpha = alpha;
        self
    }

    /// Above this much of a queue, times log₁₀ of the seats, seats are taken away. Default 6.
    #[must_use]
    pub const fn with_beta(mut self, beta: u32) -> Self {
        self.beta = beta;
        self
    }

    /// The floor is taken anew after ½ to 1 times this many requests per seat. Default 30.
    #[must_use]
    pub const fn with_probe(mut self, probe: u32) -> Self {
        self.probe = probe;
        self
    }

    /// How much of the way to a new value is gone in one step. Default 1.
    #[must_use]
    pub const fn with_smoothing(mut self, smoothing: f64) -> Self {
        self.smoothing = Ratio::new(smoothing);
        self
    }

    pub(crate) const fn alpha(&self) -> u32 {
        self.alpha
    }

    pub(crate) const fn beta(&self) -> u32 {
        self.beta
    }

    pub(crate) const fn probe(&self) -> u32 {
        self.probe
    }

    pub(crate) const fn smoothing(&self) -> f64 {
        self.smoothing.get()
    }

    pub(super) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        self.bounds.validate(path)?;
        number(path, "alpha", self.alpha, 1..=1_000)?;
        number(path, "beta", self.beta, 1..=1_000)?;
        number(path, "probe", self.probe, 1..=1_000_000)?;
        ratio(path, "smoothing", self.smoothing.get(), 0.001..=1.0)?;
        if self.alpha > self.beta {
            let fix = format!("give an alpha of at most the beta, {}", self.beta);
            return Err(ConfigError::new(format!("{path}.alpha"), self.alpha, fix));
        }
        Ok(())
    }
}

bounded!(VegasSpec);
