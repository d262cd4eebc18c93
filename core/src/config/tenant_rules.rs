//! What a tenant's terms must hold to be usable.

use std::time::Duration;

use super::{
    ConfigError, Rate, RateUnit, TenantSpec,
    error::{key, quoted},
    root::validate_name,
};
use crate::limit::{MAX_QUOTAS, Quota, Unit};

impl TenantSpec {
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
        if self.shard == Some(0) {
            return Err(ConfigError::new(
                format!("{path}.shard"),
                0,
                "give at least 1, or leave it out: all",
            ));
        }
        let mut grants = self.pools.iter().flatten().enumerate();
        grants.try_for_each(|(index, grant)| grant.validate(&format!("{path}.pools[{index}]"), &known.pools))
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

pub(super) fn validate_rate(rate: &Rate, path: &str) -> Result<(), ConfigError> {
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
    let Some(quota) = Quota::new(Unit::Requests, rate.amount(), rate.period(), rate.burst()) else {
        let fix = "give a burst that the rate refills within 4 years";
        return Err(ConfigError::new(format!("{path}.burst"), rate.burst(), fix));
    };
    if quota.is_cut(rate.amount(), rate.period()) {
        let fix = "count in a larger unit (kilobytes, not bytes): a unit may take no less than 1/32 ns";
        return Err(ConfigError::new(format!("{path}.{amount_key}"), rate.amount(), fix));
    }
    Ok(())
}

/// The most limits that a tenant may have beside its plain rates.
const MOST_RULES: usize = 8;
const HEAVIEST: u32 = 1_000_000;
/// The most requests that one tenant may have inside: what its state has bits for.
pub(crate) const MOST_INSIDE: u32 = (1 << 20) - 1;
const LONGEST_PERIOD: Duration = Duration::from_secs(366 * 86_400);
