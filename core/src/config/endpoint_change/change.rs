//! What can be changed of a pool's endpoints while it runs.

use std::collections::HashMap;

use crate::config::{
    ConfigError, EndpointSpec, PoolSpec,
    error::{key, quoted},
};

/// One change of a pool's endpoints; [`Balancer::change_endpoints`](crate::Balancer::change_endpoints) makes any number of them in one step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointChange {
    /// Adds an endpoint. One that is there takes the new settings and keeps its state.
    Add(EndpointSpec),
    /// Takes the endpoint of this address out. What is in flight there ends in peace.
    Remove(String),
    /// Gives the endpoint of this address another weight.
    Reweigh(String, u32),
    /// Lets nothing new go to the endpoint of this address.
    Drain(String),
    /// Ends the draining of the endpoint of this address.
    Resume(String),
}

impl EndpointChange {
    /// Of which endpoint.
    #[must_use]
    pub fn address(&self) -> &str {
        match self {
            Self::Add(spec) => spec.address(),
            Self::Remove(address)
            | Self::Reweigh(address, _)
            | Self::Drain(address)
            | Self::Resume(address) => address,
        }
    }
}

impl PoolSpec {
    /// The same pool after changes, or what is wrong with one of them.
    pub(crate) fn changed(&self, pool: &str, changes: &[EndpointChange]) -> Result<Self, ConfigError> {
        let path = format!("pools.{}", key(pool));
        let mut places = Places::of(&self.endpoints);
        for change in changes {
            places.apply(change).map_err(|address| {
                let fix = "name the address of one of the pool's endpoints, as it is written there";
                ConfigError::new(format!("{path}.endpoints"), quoted(address), fix)
            })?;
        }
        let changed = Self { endpoints: places.into_list(), ..self.clone() };
        changed.validate(&path)?;
        Ok(changed)
    }
}

/// A list that is found by address, so that a change costs the same in a long one.
struct Places {
    endpoints: Vec<Option<EndpointSpec>>,
    by_address: HashMap<String, usize>,
}

impl Places {
    fn of(endpoints: &[EndpointSpec]) -> Self {
        let places = endpoints.iter().enumerate();
        Self {
            by_address: places.map(|(place, endpoint)| (endpoint.address().to_owned(), place)).collect(),
            endpoints: endpoints.iter().cloned().map(Some).collect(),
        }
    }

    /// Makes one change. The error is an address that is not there.
    fn apply<'a>(&mut self, change: &'a EndpointChange) -> Result<(), &'a str> {
        let address = change.address();
        let place = self.by_address.get(address).copied();
        match (change, place.and_then(|place| self.endpoints[place].as_mut())) {
            (EndpointChange::Add(spec), Some(there)) => *there = spec.clone(),
            (EndpointChange::Add(spec), None) => {
                self.by_address.insert(address.to_owned(), self.endpoints.len());
                self.endpoints.push(Some(spec.clone()));
            }
            (_, None) => return Err(address),
            (EndpointChange::Remove(_), Some(_)) => {
                if let Some(place) = self.by_address.remove(address) {
                    self.endpoints[place] = None;
                }
            }
            (EndpointChange::Reweigh(_, weight), Some(there)) => there.weight = *weight,
            (EndpointChange::Drain(_), Some(there)) => there.draining = true,
            (EndpointChange::Resume(_), Some(there)) => there.draining = false,
        }
        Ok(())
    }

    fn into_list(self) -> Vec<EndpointSpec> {
        self.endpoints.into_iter().flatten().collect()
    }
}
