//! Tenants as they are configured.

use std::time::Duration;

use super::{
    Budget, ConfigError, Rate, RateUnit, SeatsSpec,
    error::{key, quoted},
    root::validate_name,
};
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
    pub(super) budgets: Vec<Budget>,
    pub(super) max_in_flight: Option<u32>,
    pub(super) shadow_in_flight: Option<u32>,
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
            budgets: vec![],
            max_in_flight: None,
            shadow_in_flight: None,
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

    /// One budget more; at most 8 budgets and rates that are not plain buckets by requests or cost. A request must pass all of
    /// them, and all of its parents'.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budgets.push(budget);
        self
    }

    /// A cap in shadow mode: requests beyond so many inside are [counted](crate::TenantStats::shadow_rejected), and pass. Beside a cap that
    /// is enforced or without one.
    #[must_use]
    pub const fn with_shadow_max_in_flight(mut self, requests: u32) -> Self {
        self.shadow_in_flight = Some(requests);
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

    /// Its budgets.
    #[must_use]
    pub fn budgets(&self) -> &[Budget] {
        &self.budgets
    }

    /// Its cap in shadow mode.
    #[must_use]
    pub const fn shadow_max_in_flight(&self) -> Option<u32> {
        self.shadow_in_flight
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

    /// As a tenant that is set by itself.
    pub(crate) fn validate_alone(&self, id: &str, known: &Known<'_>) -> Result<(), ConfigError> {
        validate_name("tenants", id)?;
        let path = format!("tenants.{}", key(id));
        if !self.seats.is_none() {
            let fix = "leave it out, or reconfigure: shares of the seats come with a whole configuration";
            return Err(ConfigError::new(format!("{path}.seats"), "", fix));
        }
        self.validate(&path, known)
    }

    pub(super) fn validate(&self, path: &str, known: &Known<'_>) -> Result<(), ConfigError> {
        if self.weight == 0 || self.weight > HEAVIEST {
            let fix = format!("give a weight from 1 to {HEAVIEST}");
            return Err(ConfigError::new(format!("{path}.weight"), self.weight, fix));
        }
        if self.max_in_flight == Some(0) {
            let fix = "give at least 1; to keep a tenant out, leave it out";
            return Err(ConfigError::new(format!("{path}.max_in_flight"), 0, fix));
        }
        if self.shadow_in_flight == Some(0) {
            let fix = "give at least 1, or leave it out";
            return Err(ConfigError::new(format!("{path}.max_in_flight.limit"), 0, fix));
        }
        if let Some(most) = self.max_in_flight.filter(|&most| most > MOST_INSIDE) {
            let fix = format!("give at most {MOST_INSIDE}: no tenant may have more inside");
            return Err(ConfigError::new(format!("{path}.max_in_flight"), most, fix));
        }
        self.validate_limits(path, known.dimensions)?;
        self.seats.validate(&format!("{path}.seats"))?;
        let unknown = |name: &&String| !known.pools.contains(&name.as_str());
        let mut named = self.pools.iter().flatten().enumerate();
        match named.find(|(_, name)| unknown(name)) {
            Some((index, name)) => {
                let fix = format!("name one of the pools: {}", known.pools.join(", "));
                Err(ConfigError::new(format!("{path}.pools[{index}]"), quoted(name), fix))
            }
            None => Ok(()),
        }
    }
}

/// What a tenant's limits may name.
pub(crate) struct Known<'a> {
    pub(crate) pools: Vec<&'a str>,
    pub(crate) dimensions: &'a [String],
}

impl TenantSpec {
    fn validate_limits(&self, path: &str, dimensions: &[String]) -> Result<(), ConfigError> {
        let plain = self.rates.iter().filter(|rate| is_plain(rate)).count();
        if plain > MAX_QUOTAS {
            let fix = format!("give at most {MAX_QUOTAS} rates by requests or cost");
            return Err(ConfigError::new(format!("{path}.rate"), format!("{plain} rates"), fix));
        }
        let others = self.rates.len() - plain + self.budgets.len();
        if others > MOST_RULES {
            let fix = format!(
                "give at most {MOST_RULES} budgets, sliding windows, dimensions and shadow rates together"
            );
            return Err(ConfigError::new(format!("{path}.budget"), format!("{others} limits"), fix));
        }
        let place = |field: &str, index: usize, of: usize| {
            if of == 1 { format!("{path}.{field}") } else { format!("{path}.{field}[{index}]") }
        };
        for (index, rate) in self.rates.iter().enumerate() {
            let path = place("rate", index, self.rates.len());
            validate_unit(rate.unit(), &path, dimensions)?;
            validate_rate(rate, &path)?;
        }
        for (index, budget) in self.budgets.iter().enumerate() {
            let path = place("budget", index, self.budgets.len());
            validate_unit(budget.unit(), &path, dimensions)?;
            budget.validate(&path, plain > 0)?;
        }
        Ok(())
    }
}

/// Whether a rate is a bucket by requests or cost that is enforced: what every tenant has room for beside its other state.
pub(crate) const fn is_plain(rate: &Rate) -> bool {
    !rate.is_sliding() && !rate.is_shadow() && !matches!(rate.unit(), RateUnit::Dimension(_))
}

fn validate_unit(unit: &RateUnit, path: &str, dimensions: &[String]) -> Result<(), ConfigError> {
    match unit {
        RateUnit::Dimension(name) if !dimensions.iter().any(|known| **known == **name) => {
            let known = ["requests", "cost"].into_iter().chain(dimensions.iter().map(String::as_str));
            let fix = format!(
                "count one of {}, or add it to the dimensions at the top of the document",
                known.collect::<Vec<_>>().join(", ")
            );
            Err(ConfigError::new(path, quoted(name), fix))
        }
        _ => Ok(()),
    }
}

impl Default for TenantSpec {
    fn default() -> Self {
        Self::new()
    }
}

fn validate_rate(rate: &Rate, path: &str) -> Result<(), ConfigError> {
    let amount_key = rate.unit().key();
    if rate.amount() == 0 {
        let fix = "give at least 1; to keep a tenant out, leave it out";
        return Err(ConfigError::new(format!("{path}.{amount_key}"), 0, fix));
    }
    if rate.period().is_zero() || rate.period() > LONGEST_PERIOD {
        let value = quoted(&format!("{:?}", rate.period()));
        return Err(ConfigError::new(format!("{path}.per"), value, "give a period from 1ns to 366d"));
    }
    if rate.is_sliding() {
        if rate.has_burst() {
            let fix = "leave it out: a sliding window has none";
            return Err(ConfigError::new(format!("{path}.burst"), rate.burst(), fix));
        }
        return Ok(());
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

/// The most limits that a tenant may have beside its plain rates.
const MOST_RULES: usize = 8;
const HEAVIEST: u32 = 1_000_000;
/// The most requests that one tenant may have inside: what its state has bits for.
pub(crate) const MOST_INSIDE: u32 = (1 << 20) - 1;
const LONGEST_PERIOD: Duration = Duration::from_secs(366 * 86_400);
