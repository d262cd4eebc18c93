//! How a pool is probed.

use std::time::Duration;

use super::{
    ConfigError,
    bounds::{Ratio, number, period, ratio},
    error::quoted,
};

/// Prequal: the endpoints are asked how they are, and requests go by their answers.
///
/// `{ kind = "prequal", probe = "/prequal", timeout = "3ms", probes_per_request = 3, pool = 16, max_age = "1s", quantile = 0.84, remove_per_request = 1 }`;
/// all but the kind may be left out. The defaults are those of the paper (NSDI 2024).
///
/// Somebody must carry the probes: [`Balancer::probes`](crate::Balancer::probes). As long as nobody does, requests go by power of two
/// choices.
///
/// ```
/// use tenantry::{PoolSpec, PrequalSpec};
///
/// let spec = PrequalSpec::new().with_path("/load").with_probes_per_request(1.5);
/// let pool = PoolSpec::new(["http://10.0.0.1:8080", "http://10.0.0.2:8080"]).with_strategy(spec);
/// # assert_eq!(pool.endpoints().len(), 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrequalSpec {
    path: Box<str>,
    timeout: Duration,
    probes_per_request: Ratio,
    pool: u32,
    max_age: Duration,
    quantile: Ratio,
    remove_per_request: Option<Ratio>,
}

impl PrequalSpec {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self {
            path: "/prequal".into(),
            timeout: Duration::from_millis(3),
            probes_per_request: Ratio(3_000_000),
            pool: 16,
            max_age: Duration::from_secs(1),
            // 2^(−1/4)
            quantile: Ratio(840_896),
            remove_per_request: None,
        }
    }

    /// Where an endpoint answers probes. Tenantry does not look into it; `tenantry-tower` asks with `GET`. Default `/prequal`.
    #[must_use]
    pub fn with_path(mut self, path: impl Into<Box<str>>) -> Self {
        self.path = path.into();
        self
    }

    /// When a probe without an answer is given up. Default 3 ms.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Probes for each request, on average: 0.5 is one for every other request. Default 3.
    #[must_use]
    pub const fn with_probes_per_request(mut self, probes: f64) -> Self {
        self.probes_per_request = Ratio::new(probes);
        self
    }

    /// The most answers that are kept. Default 16.
    #[must_use]
    pub const fn with_pool(mut self, answers: u32) -> Self {
        self.pool = answers;
        self
    }

    /// How long an answer counts. Default 1 s.
    #[must_use]
    pub const fn with_max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// Which quantile of the endpoints' recent loads parts the hot from the cold: 0 goes by load alone, 1 by latency alone. Default 2^(−1/4),
    /// about 0.84.
    #[must_use]
    pub const fn with_quantile(mut self, quantile: f64) -> Self {
        self.quantile = Ratio::new(quantile);
        self
    }

    /// Answers that are thrown away for each request, on average, so that the worst do not pile up: fewer than probes bring. Default 1, or a third of
    /// the probes per request where that is less.
    #[must_use]
    pub const fn with_remove_per_request(mut self, answers: f64) -> Self {
        self.remove_per_request = Some(Ratio::new(answers));
        self
    }

    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// In millionths.
    pub(crate) const fn probes_per_request(&self) -> u32 {
        self.probes_per_request.millionths()
    }

    pub(crate) const fn pool(&self) -> u32 {
        self.pool
    }

    pub(crate) const fn max_age(&self) -> Duration {
        self.max_age
    }

    pub(crate) const fn quantile(&self) -> f64 {
        self.quantile.get()
    }

    /// In millionths.
    pub(crate) const fn remove_per_request(&self) -> u32 {
        match self.remove_per_request {
            Some(ratio) => ratio.millionths(),
            None if self.probes_per_request() < 3_000_000 => self.probes_per_request() / 3,
            None => 1_000_000,
        }
    }

    pub(super) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        let plain = |c: char| c.is_ascii_graphic() && c != '#';
        if !self.path.starts_with('/') || self.path.len() > LONGEST_PATH || !self.path.chars().all(plain) {
            let fix = "write a path of at most 256 plain characters such as \"/prequal\"";
            return Err(ConfigError::new(format!("{path}.probe"), quoted(&self.path), fix));
        }
        period(path, "timeout", self.timeout, Duration::from_micros(100)..=Duration::from_secs(10))?;
        ratio(path, "probes_per_request", self.probes_per_request.get(), 0.001..=16.0)?;
        number(path, "pool", self.pool, 2..=64)?;
        period(path, "max_age", self.max_age, Duration::from_millis(1)..=Duration::from_secs(60))?;
        ratio(path, "quantile", self.quantile.get(), 0.0..=1.0)?;
        match self.remove_per_request {
            Some(removed) if !(0..self.probes_per_request.0).contains(&removed.0) => {
                let fix =
                    format!("give from 0 to less than probes_per_request, {}", self.probes_per_request.get());
                Err(ConfigError::new(format!("{path}.remove_per_request"), removed.get(), fix))
            }
            _ => Ok(()),
        }
    }
}

impl Default for PrequalSpec {
    fn default() -> Self {
        Self::new()
    }
}

const LONGEST_PATH: usize = 256;
