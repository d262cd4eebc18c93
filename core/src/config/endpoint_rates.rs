//! The rates that an endpoint may have.

use super::{ConfigError, Rate, RateUnit, error::quoted, tenant_rules::validate_rate};
use crate::limit::MAX_QUOTAS;

/// An endpoint's own rates: the plain ones of a tenant.
pub(super) fn validate_endpoint_rates(rates: &[Rate], path: &str) -> Result<(), ConfigError> {
    if rates.len() > MAX_QUOTAS {
        let fix = format!("give at most {MAX_QUOTAS} rates");
        return Err(ConfigError::new(format!("{path}.rate"), format!("{} rates", rates.len()), fix));
    }
    for (index, rate) in rates.iter().enumerate() {
        let path = if rates.len() == 1 { format!("{path}.rate") } else { format!("{path}.rate[{index}]") };
        if rate.amount() == 0 {
            let fix = "give at least 1; to keep requests away, leave the endpoint out";
            return Err(ConfigError::new(format!("{path}.{}", rate.unit().key()), 0, fix));
        }
        let (key, value) = match rate.unit() {
            RateUnit::Dimension(name) => (name.to_string(), rate.amount().to_string()),
            _ if rate.is_sliding() => ("window".to_owned(), quoted("sliding")),
            _ if rate.is_shadow() => ("shadow".to_owned(), "true".to_owned()),
            _ => {
                validate_rate(rate, &path)?;
                continue;
            }
        };
        let fix = "give an endpoint rates of requests or cost only, as in { cost = 60000, per = \"1m\" }";
        return Err(ConfigError::new(format!("{path}.{key}"), value, fix));
    }
    Ok(())
}
