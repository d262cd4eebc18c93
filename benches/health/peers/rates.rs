//! What both peers count and compare: requests of one interval, the mean and the deviation of success rates.

/// The requests of one interval.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    pub(super) successes: u64,
    pub(super) failures: u64,
}

impl Count {
    pub(super) const fn add(&mut self, succeeded: bool) {
        if succeeded { self.successes += 1 } else { self.failures += 1 }
    }

    pub(super) const fn requests(self) -> u64 {
        self.successes + self.failures
    }

    /// From 0 to 100.
    #[expect(clippy::cast_precision_loss, reason = "counts are below 2⁵³")]
    pub(super) fn success_percent(self) -> f64 {
        self.successes as f64 * 100.0 / self.requests().max(1) as f64
    }
}

/// Below which success rate a host is an outlier: the mean minus so many thousandths of the population's deviation.
#[expect(clippy::cast_precision_loss, reason = "hosts are few")]
pub(super) fn least_success(rates: &[f64], stdev_factor: u32) -> f64 {
    let hosts = rates.len() as f64;
    let mean = rates.iter().sum::<f64>() / hosts;
    let variance = rates.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / hosts;
    mean - variance.sqrt() * f64::from(stdev_factor) / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::envoy::tests::vector;

    #[test]
    fn the_threshold_is_that_of_envoys_test() {
        let vector = &vector()["outlier_success_rate"];
        let rates: Vec<f64> = vector["success_rates"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(serde_json::Value::as_f64)
            .collect();
        let least = least_success(&rates, 1_900);
        assert!((least - vector["threshold"].as_f64().expect("a number")).abs() < 1e-9, "{least}");
    }

    /// Of n hosts k equally bad ones are √((n − k) / k) deviations off: more than a fifth hides itself.
    #[test]
    fn equally_bad_hosts_are_seen_up_to_a_fifth() {
        let seen = |hosts: usize, bad: usize| {
            let rates: Vec<f64> = (0..hosts).map(|host| if host < bad { 50.0 } else { 100.0 }).collect();
            50.0 < least_success(&rates, 1_900)
        };
        assert_eq!(
            [(5, 1), (10, 2), (10, 3), (100, 21), (100, 22)].map(|(n, k)| seen(n, k)),
            [true, true, false, true, false]
        );
    }
}
