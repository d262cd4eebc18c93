//! Pools and endpoints as they are configured.

use std::{collections::HashSet, time::Duration};

use super::{CapacitySpec, ConfigError, OutlierSpec, QueueSpec, StrategySpec, error::quoted};

/// One endpoint. In the document: its address, or a table `{ address = "http://10.0.0.2:8080", weight = 2 }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSpec {
    address: String,
    weight: u32,
    max_in_flight: Option<u32>,
}

impl EndpointSpec {
    /// An endpoint of weight 1. The address is what the caller will call; Tenantry does not look into it.
    #[must_use]
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), weight: 1, max_in_flight: None }
    }

    /// How much of the traffic it takes, relative to the others. Default 1.
    #[must_use]
    pub const fn with_weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// The most requests in flight there: 1 or 2 for a GPU or a function. Default: no cap. Never exceeded, from pick to the end of the
    /// lease; the pool's seats are no more than its endpoints can take.
    /// At least 1.
    #[must_use]
    pub const fn with_max_in_flight(mut self, requests: u32) -> Self {
        self.max_in_flight = Some(requests);
        self
    }

    /// The cap, if there is one.
    #[must_use]
    pub const fn max_in_flight(&self) -> Option<u32> {
        self.max_in_flight
    }

    /// The address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The weight.
    #[must_use]
    pub const fn weight(&self) -> u32 {
        self.weight
    }
}

impl<T: Into<String>> From<T> for EndpointSpec {
    fn from(address: T) -> Self {
        Self::new(address)
    }
}

/// Endpoints that serve the same thing, and how requests are admitted to them and spread over them.
///
/// ```
/// use tenantry::{CapacitySpec, EndpointSpec, PoolSpec, StrategySpec};
///
/// let pool = PoolSpec::new(["http://10.0.0.1:8080"])
///     .with_endpoint(EndpointSpec::new("http://10.0.0.2:8080").with_weight(2))
///     .with_strategy(StrategySpec::RoundRobin)
///     .with_capacity(CapacitySpec::fixed(64));
/// assert_eq!(pool.endpoints().len(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PoolSpec {
    pub(super) endpoints: Vec<EndpointSpec>,
    pub(super) strategy: StrategySpec,
    pub(super) capacity: CapacitySpec,
    pub(super) outlier: OutlierSpec,
    pub(super) queue: QueueSpec,
}

impl PoolSpec {
    /// A pool of these endpoints with all defaults: P2C, adaptive capacity, ejection after 5 failures in a row.
    #[must_use]
    pub fn new<E: Into<EndpointSpec>>(endpoints: impl IntoIterator<Item = E>) -> Self {
        Self { endpoints: endpoints.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// One endpoint more.
    #[must_use]
    pub fn with_endpoint(mut self, endpoint: impl Into<EndpointSpec>) -> Self {
        self.endpoints.push(endpoint.into());
        self
    }

    /// How to choose among the endpoints. Default [`StrategySpec::P2c`].
    #[must_use]
    pub const fn with_strategy(mut self, strategy: StrategySpec) -> Self {
        self.strategy = strategy;
        self
    }

    /// How many requests may be in flight. Default [`CapacitySpec::adaptive`].
    #[must_use]
    pub const fn with_capacity(mut self, capacity: CapacitySpec) -> Self {
        self.capacity = capacity;
        self
    }

    /// When to leave an endpoint out. Default [`OutlierSpec::new`].
    #[must_use]
    pub const fn with_outlier(mut self, outlier: OutlierSpec) -> Self {
        self.outlier = outlier;
        self
    }

    /// How many may wait, and how long. Default [`QueueSpec::new`].
    #[must_use]
    pub const fn with_queue(mut self, queue: QueueSpec) -> Self {
        self.queue = queue;
        self
    }

    /// The endpoints.
    #[must_use]
    pub fn endpoints(&self) -> &[EndpointSpec] {
        &self.endpoints
    }

    /// The strategy.
    #[must_use]
    pub const fn strategy(&self) -> StrategySpec {
        self.strategy
    }

    /// The capacity.
    #[must_use]
    pub const fn capacity(&self) -> CapacitySpec {
        self.capacity
    }

    /// The rules of ejection.
    #[must_use]
    pub const fn outlier(&self) -> OutlierSpec {
        self.outlier
    }

    /// The bounds of the queue.
    #[must_use]
    pub const fn queue(&self) -> QueueSpec {
        self.queue
    }

    pub(super) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        let mut seen = HashSet::new();
        for (index, endpoint) in self.endpoints.iter().enumerate() {
            let path = format!("{path}.endpoints[{index}]");
            endpoint.validate(&path)?;
            if !seen.insert(endpoint.address()) {
                let fix = "list each address once; give it a larger weight instead";
                return Err(ConfigError::new(format!("{path}.address"), quoted(&endpoint.address), fix));
            }
        }
        self.capacity.validate(path)?;
        self.queue.validate(&format!("{path}.queue"))?;
        validate_outlier(&self.outlier, &format!("{path}.health.outlier"))
    }
}

impl EndpointSpec {
    fn validate(&self, path: &str) -> Result<(), ConfigError> {
        let usable = |c: char| !c.is_whitespace() && !c.is_control();
        if self.address.is_empty()
            || self.address.len() > LONGEST_ADDRESS
            || !self.address.chars().all(usable)
        {
            let fix = "write an address of 1 to 512 bytes without spaces, such as \"http://10.0.0.1:8080\"";
            return Err(ConfigError::new(format!("{path}.address"), quoted(&self.address), fix));
        }
        if self.weight == 0 {
            let fix = "give a weight from 1 on, or leave the endpoint out";
            return Err(ConfigError::new(format!("{path}.weight"), self.weight, fix));
        }
        if self.max_in_flight == Some(0) {
            let fix = "give at least 1; to keep requests away, leave the endpoint out";
            return Err(ConfigError::new(format!("{path}.max_in_flight"), 0, fix));
        }
        Ok(())
    }
}

fn validate_outlier(outlier: &OutlierSpec, path: &str) -> Result<(), ConfigError> {
    let wrong =
        |field: &str, value: String, fix: &str| Err(ConfigError::new(format!("{path}.{field}"), value, fix));
    if outlier.consecutive_failures() == 0 {
        let fix = "give at least 1; max_ejected = 0 turns ejection off";
        return wrong("consecutive_failures", "0".to_owned(), fix);
    }
    if outlier.ejection().is_zero() {
        return wrong("ejection", quoted("0s"), "give a duration above zero, such as \"30s\"");
    }
    if outlier.longest_ejection() < outlier.ejection() {
        let fix = "give at least as long as the first ejection";
        return wrong("longest_ejection", quoted(&format!("{:?}", outlier.longest_ejection())), fix);
    }
    if outlier.longest_ejection() > LONGEST_EJECTION {
        let value = quoted(&format!("{:?}", outlier.longest_ejection()));
        return wrong("longest_ejection", value, "give at most 366d");
    }
    if outlier.max_ejected_percent() > 100 {
        return wrong(
            "max_ejected",
            outlier.max_ejected_percent().to_string(),
            "give a percentage from 0 to 100",
        );
    }
    Ok(())
}

const LONGEST_ADDRESS: usize = 512;
const LONGEST_EJECTION: Duration = Duration::from_secs(366 * 86_400);
