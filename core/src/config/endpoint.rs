//! Endpoints as they are configured.

use std::collections::HashSet;

use super::{ConfigError, Rate, endpoint_rates::validate_endpoint_rates, error::quoted};

/// One endpoint. In the document: its address, or a table `{ address = "http://10.0.0.2:8080", weight = 2 }`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSpec {
    address: String,
    pub(super) weight: u32,
    max_in_flight: Option<u32>,
    priority: u32,
    zone: Option<String>,
    credential: Option<String>,
    model: Option<String>,
    pub(super) draining: bool,
    rates: Vec<Rate>,
}

impl EndpointSpec {
    /// An endpoint of weight 1. The address is what the caller will call; Tenantry does not look into it.
    #[must_use]
    pub fn new(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            weight: 1,
            max_in_flight: None,
            priority: 0,
            zone: None,
            credential: None,
            model: None,
            draining: false,
            rates: vec![],
        }
    }

    /// How much of the traffic it takes, relative to the others; 0: none but that of sessions which are bound to it. Default 1.
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

    /// One rate more of what the endpoint allows, whoever asks: at most 4, by requests or cost, as buckets. It is left out while one is spent;
    /// when all endpoints are, a request is told when the first returns, or waits for it. Default: none.
    #[must_use]
    pub fn with_rate(mut self, rate: Rate) -> Self {
        self.rates.push(rate);
        self
    }

    /// The rates.
    #[must_use]
    pub fn rates(&self) -> &[Rate] {
        &self.rates
    }

    /// Its level of priority, the first being 0: levels after it serve as far as those before cannot. Default 0.
    #[must_use]
    pub const fn with_priority(mut self, priority: u32) -> Self {
        self.priority = priority;
        self
    }

    /// Where it is. Among endpoints of one priority those in the [pool's zone](crate::PoolSpec::with_zone) go first, and shards are spread over
    /// zones. Default: nowhere in particular.
    #[must_use]
    pub fn with_zone(mut self, zone: impl Into<String>) -> Self {
        self.zone = Some(zone.into());
        self
    }

    /// Whose account it is called with: a name, not the secret. Endpoints of one account can [cool down together](crate::CooldownScope::Credential).
    /// Default: one of its own.
    #[must_use]
    pub fn with_credential(mut self, name: impl Into<String>) -> Self {
        self.credential = Some(name.into());
        self
    }

    /// What is behind it: a name. Endpoints with the same behind them can [cool down together](crate::CooldownScope::Model). Default: one of its own.
    #[must_use]
    pub fn with_model(mut self, name: impl Into<String>) -> Self {
        self.model = Some(name.into());
        self
    }

    /// Lets nothing new go there: what is in flight ends, and then it can be removed. Default: it serves.
    #[must_use]
    pub const fn draining(mut self) -> Self {
        self.draining = true;
        self
    }

    /// The cap, if there is one.
    #[must_use]
    pub const fn max_in_flight(&self) -> Option<u32> {
        self.max_in_flight
    }

    /// The level of priority.
    #[must_use]
    pub const fn priority(&self) -> u32 {
        self.priority
    }

    /// The zone, if it is told.
    #[must_use]
    pub fn zone(&self) -> Option<&str> {
        self.zone.as_deref()
    }

    /// The name of the account, if it is told.
    #[must_use]
    pub fn credential(&self) -> Option<&str> {
        self.credential.as_deref()
    }

    /// The name of what is behind it, if it is told.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Whether nothing new goes there.
    #[must_use]
    pub const fn is_draining(&self) -> bool {
        self.draining
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

impl EndpointSpec {
    pub(super) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        let usable = |c: char| !c.is_whitespace() && !c.is_control();
        if self.address.is_empty()
            || self.address.len() > LONGEST_ADDRESS
            || !self.address.chars().all(usable)
        {
            let fix = "write an address of 1 to 512 bytes without spaces, such as \"http://10.0.0.1:8080\"";
            return Err(ConfigError::new(format!("{path}.address"), quoted(&self.address), fix));
        }
        if self.priority > LAST_PRIORITY {
            let fix = format!("give a level from 0 to {LAST_PRIORITY}");
            return Err(ConfigError::new(format!("{path}.priority"), self.priority, fix));
        }
        let names = [("zone", self.zone()), ("credential", self.credential()), ("model", self.model())];
        for (field, name) in names {
            name.map_or(Ok(()), |name| validate_name(name, &format!("{path}.{field}")))?;
        }
        if self.max_in_flight == Some(0) {
            let fix = "give at least 1; to keep requests away, give it weight 0 or let it drain";
            return Err(ConfigError::new(format!("{path}.max_in_flight"), 0, fix));
        }
        validate_endpoint_rates(&self.rates, path)
    }
}

/// Each endpoint by itself, and no address twice.
pub(super) fn validate_list(endpoints: &[EndpointSpec], path: &str) -> Result<(), ConfigError> {
    let mut seen = HashSet::new();
    for (index, endpoint) in endpoints.iter().enumerate() {
        let path = format!("{path}[{index}]");
        endpoint.validate(&path)?;
        if !seen.insert(endpoint.address()) {
            let fix = "list each address once; give it a larger weight instead";
            return Err(ConfigError::new(format!("{path}.address"), quoted(endpoint.address()), fix));
        }
    }
    Ok(())
}

/// Of what an endpoint, or a pool, has in common with others.
pub(super) fn validate_name(name: &str, path: &str) -> Result<(), ConfigError> {
    if name.is_empty() || name.len() > LONGEST_NAME {
        return Err(ConfigError::new(path, quoted(name), "give a name of 1 to 64 bytes, or leave it out"));
    }
    Ok(())
}

const LONGEST_ADDRESS: usize = 512;
const LONGEST_NAME: usize = 64;
/// As Envoy has it.
const LAST_PRIORITY: u32 = 127;
