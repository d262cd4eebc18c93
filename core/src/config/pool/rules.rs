//! What a pool's settings must be like.

use std::{ops::RangeInclusive, time::Duration};

use crate::config::{
    ConfigError, PoolSpec,
    bounds::period,
    endpoint::{validate_list, validate_name},
};

impl PoolSpec {
    pub(in crate::config) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        validate_list(&self.endpoints, &format!("{path}.endpoints"))?;
        self.strategy.validate(path, self.endpoints.len())?;
        if let Some(zone) = self.zone() {
            validate_name(zone, &format!("{path}.zone"))?;
        }
        self.tiers.validate(&format!("{path}.tiers"))?;
        period(path, "latency_decay", self.latency_decay, LATENCY_DECAYS)?;
        if let Some(slow_start) = self.slow_start {
            let path = format!("{path}.slow_start");
            if self.strategy.is_by_key() {
                let fix =
                    "leave it out: a strategy that goes by keys sends a key to its endpoint, new or not";
                return Err(ConfigError::new(path, "", fix));
            }
            slow_start.validate(&path)?;
        }
        if let Some(subset) = self.subset {
            subset.validate(&format!("{path}.subset"))?;
        }
        self.capacity.validate(path)?;
        self.queue.validate(&format!("{path}.queue"))?;
        self.retry.validate(&format!("{path}.retry"))?;
        self.hedge.validate(&format!("{path}.hedge"))?;
        self.cooldown.validate(&format!("{path}.health.cooldown"))?;
        let probe = format!("{path}.health.probe");
        self.health_check.as_ref().map_or(Ok(()), |check| check.validate(&probe))?;
        self.outlier.validate(&format!("{path}.health.outlier"))
    }
}

/// A stamp of the average is a millisecond long: below a hundred of them it would be coarse.
const LATENCY_DECAYS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(3_600);
