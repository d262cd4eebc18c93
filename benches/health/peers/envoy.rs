//! Envoy's outlier detection.
//!
//! Failures in a row eject at once; at the end of every interval success rates are compared and the failure percentage is looked at. The n-th ejection takes n
//! times the base, and ends at the end of an interval; n falls by one at each end of an interval at which the host is in.

use super::{
    Rules, ejection_time,
    rates::{Count, least_success},
};

/// What is configured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EnvoyRules {
    pub(crate) consecutive_5xx: u32,
    pub(crate) success_rate_minimum_hosts: usize,
    pub(crate) success_rate_request_volume: u64,
    pub(crate) success_rate_stdev_factor: u32,
    pub(crate) failure_percentage_threshold: f64,
    pub(crate) failure_percentage_minimum_hosts: usize,
    pub(crate) failure_percentage_request_volume: u64,
    /// Whether the failure percentage ejects.
    pub(crate) enforces_failure_percentage: bool,
    pub(crate) max_ejection_percent: usize,
    /// Whether one may be ejected whatever the percentage.
    pub(crate) always_ejects_one: bool,
}

impl EnvoyRules {
    /// As it comes, since the version that counts the host to be ejected (1.31): of fewer than ten hosts none is ever ejected.
    pub(crate) const DEFAULT: Self = Self {
        consecutive_5xx: 5,
        success_rate_minimum_hosts: 5,
        success_rate_request_volume: 100,
        success_rate_stdev_factor: 1_900,
        failure_percentage_threshold: 85.0,
        failure_percentage_minimum_hosts: 5,
        failure_percentage_request_volume: 50,
        enforces_failure_percentage: false,
        max_ejection_percent: 10,
        always_ejects_one: false,
    };

    /// With what is off by default: the failure percentage, and one ejection whatever the percentage.
    pub(crate) const ENABLED: Self =
        Self { enforces_failure_percentage: true, always_ejects_one: true, ..Self::DEFAULT };
}

#[derive(Clone, Copy, Debug, Default)]
struct Host {
    failures_in_a_row: u32,
    count: Count,
    ejected_at: Option<u64>,
    ejections: u64,
}

#[derive(Debug)]
pub(crate) struct Envoy {
    rules: EnvoyRules,
    hosts: Vec<Host>,
}

impl Envoy {
    pub(crate) fn new(rules: EnvoyRules, hosts: usize) -> Self {
        Self { rules, hosts: vec![Host::default(); hosts] }
    }

    fn eject(&mut self, host: usize, now: u64) {
        let ejected = self.hosts.iter().filter(|host| host.ejected_at.is_some()).count();
        let within = (ejected + 1) * 100 <= self.rules.max_ejection_percent * self.hosts.len();
        if within || (self.rules.always_ejects_one && ejected == 0) {
            let host = &mut self.hosts[host];
            host.ejections += 1;
            host.ejected_at = Some(now);
        }
    }

    /// The hosts in force that had so many requests, with their success rates.
    fn counted(&self, volume: u64) -> Vec<(usize, f64)> {
        let hosts = self.hosts.iter().enumerate();
        let counted = hosts.filter(|(_, host)| host.ejected_at.is_none() && host.count.requests() >= volume);
        counted.map(|(place, host)| (place, host.count.success_percent())).collect()
    }

    fn compare(&mut self, now: u64) {
        let rules = self.rules;
        let by_rate = self.counted(rules.success_rate_request_volume);
        let by_percentage = self.counted(rules.failure_percentage_request_volume);
        if by_rate.len() >= rules.success_rate_minimum_hosts {
            let rates: Vec<_> = by_rate.iter().map(|(_, rate)| *rate).collect();
            let least = least_success(&rates, rules.success_rate_stdev_factor);
            by_rate.iter().filter(|(_, rate)| *rate < least).for_each(|(host, _)| self.eject(*host, now));
        }
        if rules.enforces_failure_percentage && by_percentage.len() >= rules.failure_percentage_minimum_hosts
        {
            for (host, rate) in by_percentage {
                if 100.0 - rate >= rules.failure_percentage_threshold && !self.is_ejected(host) {
                    self.eject(host, now);
                }
            }
        }
    }
}

impl Rules for Envoy {
    fn finish(&mut self, place: usize, succeeded: bool, now: u64) {
        let host = &mut self.hosts[place];
        host.count.add(succeeded);
        host.failures_in_a_row = if succeeded { 0 } else { host.failures_in_a_row + 1 };
        if host.failures_in_a_row >= self.rules.consecutive_5xx {
            host.failures_in_a_row = 0;
            if host.ejected_at.is_none() {
                self.eject(place, now);
            }
        }
    }

    fn tick(&mut self, now: u64) {
        for host in &mut self.hosts {
            match host.ejected_at {
                Some(at) if now - at >= ejection_time(host.ejections) => host.ejected_at = None,
                Some(_) => {}
                None => host.ejections = host.ejections.saturating_sub(1),
            }
        }
        self.compare(now);
        self.hosts.iter_mut().for_each(|host| host.count = Count::default());
    }

    fn is_ejected(&self, host: usize) -> bool {
        self.hosts[host].ejected_at.is_some()
    }

    fn join(&mut self) {
        self.hosts.push(Host::default());
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::Value;

    use super::*;
    use crate::peers::{BASE_EJECTION, INTERVAL, LONGEST_EJECTION, SECOND};

    pub(in crate::peers) fn vector() -> Value {
        let text = include_str!("../../../vectors/envoy-misc.json");
        serde_json::from_str(text).expect("the vector is JSON")
    }

    /// Lets hosts serve 100 requests each, so many of which succeed, the failures apart.
    pub(in crate::peers) fn serve(rules: &mut dyn Rules, successes: &[u64]) {
        for (host, &successes) in successes.iter().enumerate() {
            // Spread, so that no failures follow each other where that can be.
            (0..100).for_each(|turn| rules.finish(host, (turn * successes) % 100 < successes, 0));
        }
    }

    fn ejected(rules: &dyn Rules, hosts: usize) -> Vec<usize> {
        (0..hosts).filter(|&host| rules.is_ejected(host)).collect()
    }

    #[test]
    fn defaults_are_those_of_the_vector() {
        let vector = &vector()["outlier_defaults"];
        let number = |name: &str| vector[name].as_u64().expect("a number");
        let rules = EnvoyRules::DEFAULT;
        assert_eq!(u64::from(rules.consecutive_5xx), number("consecutive_5xx"));
        assert_eq!(rules.max_ejection_percent as u64, number("max_ejection_percent"));
        assert_eq!(rules.success_rate_minimum_hosts as u64, number("success_rate_minimum_hosts"));
        assert_eq!(rules.success_rate_request_volume, number("success_rate_request_volume"));
        assert_eq!(u64::from(rules.success_rate_stdev_factor), number("success_rate_stdev_factor"));
        assert!(
            (rules.failure_percentage_threshold - number("failure_percentage_threshold") as f64).abs() < 1e-9
        );
        assert_eq!(rules.failure_percentage_minimum_hosts as u64, number("failure_percentage_minimum_hosts"));
        assert_eq!(rules.failure_percentage_request_volume, number("failure_percentage_request_volume"));
        assert_eq!(u64::from(rules.enforces_failure_percentage), number("enforcing_failure_percentage"));
        assert_eq!(INTERVAL, number("interval_ms") * 1_000_000);
        assert_eq!(BASE_EJECTION, number("base_ejection_ms") * 1_000_000);
        assert_eq!(LONGEST_EJECTION, number("max_ejection_ms") * 1_000_000);
    }

    #[test]
    fn ejects_by_success_rate_and_returns_when_envoys_test_says() {
        let vector = &vector()["outlier_success_rate"];
        let millis = |name: &str| vector[name].as_u64().expect("a number") * 1_000_000;
        let mut envoy = Envoy::new(EnvoyRules { consecutive_5xx: 100, ..EnvoyRules::ENABLED }, 5);
        serve(&mut envoy, &[100, 100, 100, 100, 50]);
        envoy.tick(millis("ejected_at_ms"));
        assert_eq!(ejected(&envoy, 5), [4]);
        envoy.tick(millis("not_back_at_ms"));
        assert_eq!(ejected(&envoy, 5), [4]);
        envoy.tick(millis("back_at_ms"));
        assert!(ejected(&envoy, 5).is_empty());
    }

    #[test]
    fn five_failures_in_a_row_eject_at_once_for_longer_each_time() {
        let mut envoy = Envoy::new(EnvoyRules::DEFAULT, 10);
        let mut now = 0;
        for times in 1..=12 {
            (0..4).for_each(|_| envoy.finish(3, false, now));
            envoy.finish(3, true, now);
            (0..5).for_each(|_| envoy.finish(3, false, now));
            assert!(envoy.is_ejected(3));
            let takes = 300.min(30 * times) * SECOND;
            envoy.tick(now + takes - 1);
            assert!(envoy.is_ejected(3), "{times}");
            now += takes;
            envoy.tick(now);
            assert!(!envoy.is_ejected(3), "{times}");
        }
        // Each interval in peace takes one off.
        (0..11).for_each(|_| envoy.tick(now));
        (0..5).for_each(|_| envoy.finish(3, false, now));
        envoy.tick(now + 60 * SECOND);
        assert!(!envoy.is_ejected(3));
    }

    #[test]
    fn the_cap_counts_the_host_to_be_ejected() {
        let ejected_of = |rules, hosts| {
            let mut envoy = Envoy::new(rules, hosts);
            (0..hosts).for_each(|host| (0..5).for_each(|_| envoy.finish(host, false, 0)));
            ejected(&envoy, hosts).len()
        };
        assert_eq!(
            [1, 2, 5, 9, 10, 19, 20, 100].map(|hosts| ejected_of(EnvoyRules::DEFAULT, hosts)),
            [0, 0, 0, 0, 1, 1, 2, 10]
        );
        assert_eq!(
            [1, 2, 5, 9, 10, 19, 20, 100].map(|hosts| ejected_of(EnvoyRules::ENABLED, hosts)),
            [1, 1, 1, 1, 1, 1, 2, 10]
        );
    }

    #[test]
    fn the_failure_percentage_ejects_from_85_on_where_it_is_enforced() {
        let blind =
            EnvoyRules { consecutive_5xx: 1_000, success_rate_minimum_hosts: 100, ..EnvoyRules::DEFAULT };
        let ejected_at = |enforces, successes| {
            let rules =
                EnvoyRules { enforces_failure_percentage: enforces, max_ejection_percent: 100, ..blind };
            let mut envoy = Envoy::new(rules, 5);
            serve(&mut envoy, &[100, 100, 100, 100, successes]);
            envoy.tick(INTERVAL);
            envoy.is_ejected(4)
        };
        assert_eq!(
            [(true, 16), (true, 15), (false, 0)].map(|(on, rate)| ejected_at(on, rate)),
            [false, true, false]
        );
    }
}
