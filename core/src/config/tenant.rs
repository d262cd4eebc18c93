//! Tenants as they are configured.

use std::time::Duration;

use super::{ConfigError, Rate, SeatsSpec, error::quoted};
use crate::limit::{MAX_QUOTAS, Quota, Unit};

/// What one tenant may: its weight in the fair queue, its rates, its cap, its pools.
///
/// ```
/// use tenantry::{Rate, TenantSpec};
///
/// let acme = TenantSpec::new().with_weight(3).with_rate(Rate::per_second(100)).with_max_in_flight(64);
/// assert_eq!(acme.weight(), 3);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantSpec {
    pub(super) weight: u32,
    pub(super) rates: Vec<Rate>,
    pub(super) max_in_flight: Option<u32>,
    pub(super) pools: Option<Vec<String>>,
    pub(super) parent: Option<String>,
    pub(super) seats: SeatsSpec,
}

impl TenantSpec {
    /// Weight 1, no limits, every pool.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            weight: 1,
            rates: vec![],
            max_in_flight: None,
            pools: None,
            parent: None,
            seats: SeatsSpec::none(),
        }
    }

    /// Its share of a pool's seats when several tenants wait, relative to the others'. Default 1.
    #[must_use]
    pub const fn with_weight(mut self, weight: u32) -> Self {
        self.weight = weight;
        self
    }

    /// One rate quota more; at most 4. A request must pass all of them, and all of its parents'.
    #[must_use]
    pub fn with_rate(mut self, rate: Rate) -> Self {
        self.rates.push(rate);
        self
    }

    /// The most requests inside at once, waiting or in flight, together with those of tenants beneath it. At most, and by default,
    /// 1 048 575.
    #[must_use]
    pub const fn with_max_in_flight(mut self, requests: u32) -> Self {
        self.max_in_flight = Some(requests);
        self
    }

    /// The pools that it may use. Default: all.
    #[must_use]
    pub fn with_pools<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.pools = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// The tenant whose share it takes part in: its weight counts among that one's children. Default: none, it has a share of its
    /// own.
    #[must_use]
    pub fn with_parent(mut self, id: impl Into<String>) -> Self {
        self.parent = Some(id.into());
        self
    }

    /// The seats of each pool that it is guaranteed, and the most that it may have. Default: neither.
    #[must_use]
    pub const fn with_seats(mut self, seats: SeatsSpec) -> Self {
        self.seats = seats;
        self
    }

    /// Its weight.
    #[must_use]
    pub const fn weight(&self) -> u32 {
        self.weight
    }

    /// Its rates.
    #[must_use]
    pub fn rates(&self) -> &[Rate] {
        &self.rates
    }

    /// Its cap.
    #[must_use]
    pub const fn max_in_flight(&self) -> Option<u32> {
        self.max_in_flight
    }

    /// Its pools.
    #[must_use]
    pub fn pools(&self) -> Option<&[String]> {
        self.pools.as_deref()
    }

    /// Its parent.
    #[must_use]
    pub fn parent(&self) -> Option<&str> {
        self.parent.as_deref()
    }

    /// Its share of the seats.
    #[must_use]
    pub const fn seats(&self) -> SeatsSpec {
        self.seats
    }

    pub(super) fn validate(&self, path: &str, pools: &[&str]) -> Result<(), ConfigError> {
        if self.weight == 0 || self.weight > HEAVIEST {
            let fix = format!("give a weight from 1 to {HEAVIEST}");
            return Err(ConfigError::new(format!("{path}.weight"), self.weight, fix));
        }
        if self.max_in_flight == Some(0) {
            let fix = "give at least 1; to keep a tenant out, leave it out";
            return Err(ConfigError::new(format!("{path}.max_in_flight"), 0, fix));
        }
        if let Some(most) = self.max_in_flight.filter(|&most| most > MOST_INSIDE) {
            let fix = format!("give at most {MOST_INSIDE}: no tenant may have more inside");
            return Err(ConfigError::new(format!("{path}.max_in_flight"), most, fix));
        }
        if self.rates.len() > MAX_QUOTAS {
            let fix = format!("give at most {MAX_QUOTAS} rates");
            return Err(ConfigError::new(format!("{path}.rate"), format!("{} rates", self.rates.len()), fix));
        }
        for (index, rate) in self.rates.iter().enumerate() {
            let path =
                if self.rates.len() == 1 { format!("{path}.rate") } else { format!("{path}.rate[{index}]") };
            validate_rate(rate, &path)?;
        }
        self.seats.validate(&format!("{path}.seats"))?;
        let unknown = |name: &&String| !pools.contains(&name.as_str());
        let mut named = self.pools.iter().flatten().enumerate();
        match named.find(|(_, name)| unknown(name)) {
            Some((index, name)) => {
                let fix = format!("name one of the pools: {}", pools.join(", "));
                Err(ConfigError::new(format!("{path}.pools[{index}]"), quoted(name), fix))
            }
            None => Ok(()),
        }
    }
}

impl Default for TenantSpec {
    fn default() -> Self {
        Self::new()
    }
}

fn validate_rate(rate: &Rate, path: &str) -> Result<(), ConfigError> {
    let amount_key = match rate.unit() {
        super::RateUnit::Requests => "requests",
        super::RateUnit::Cost => "cost",
    };
    if rate.amount() == 0 {
        let fix = "give at least 1; to keep a tenant out, leave it out";
        return Err(ConfigError::new(format!("{path}.{amount_key}"), 0, fix));
    }
    if rate.period().is_zero() || rate.period() > LONGEST_PERIOD {
        let value = quoted(&format!("{:?}", rate.period()));
        return Err(ConfigError::new(format!("{path}.per"), value, "give a period from 1ns to 366d"));
    }
    if rate.burst() == 0 {
        return Err(ConfigError::new(
            format!("{path}.burst"),
            0,
            "give at least 1, or leave it out for one period's worth",
        ));
    }
    if Quota::new(Unit::Requests, rate.amount(), rate.period(), rate.burst()).is_none() {
        let fix = "give a burst that the rate refills within 4 years";
        return Err(ConfigError::new(format!("{path}.burst"), rate.burst(), fix));
    }
    Ok(())
}

/// The longest tenant id, in bytes.
pub(crate) const LONGEST_ID: usize = 255;
const HEAVIEST: u32 = 1_000_000;
/// The most requests that one tenant may have inside: what its state has bits for.
pub(crate) const MOST_INSIDE: u32 = (1 << 20) - 1;
const LONGEST_PERIOD: Duration = Duration::from_secs(366 * 86_400);
