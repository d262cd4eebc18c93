//! gRFC A50: gRPC's outlier detection, both of its rules with the defaults.
//!
//! Everything happens at the end of an interval. The cap is looked at before an ejection, so one host may always be ejected.

use super::{
    Rules, ejection_time,
    rates::{Count, least_success},
};

#[derive(Clone, Copy, Debug, Default)]
struct Address {
    count: Count,
    ejected_at: Option<u64>,
    multiplier: u64,
}

#[derive(Debug)]
pub(crate) struct A50 {
    addresses: Vec<Address>,
}

impl A50 {
    pub(crate) fn new(addresses: usize) -> Self {
        Self { addresses: vec![Address::default(); addresses] }
    }

    fn is_full(&self) -> bool {
        let ejected = self.addresses.iter().filter(|address| address.ejected_at.is_some()).count();
        ejected * 100 >= MAX_EJECTION_PERCENT * self.addresses.len()
    }

    fn counted(&self, volume: u64) -> Vec<(usize, f64)> {
        let counted =
            self.addresses.iter().enumerate().filter(|(_, address)| address.count.requests() >= volume);
        counted.map(|(place, address)| (place, address.count.success_percent())).collect()
    }

    /// Ejects these, one after the other, until the cap is reached.
    fn eject(&mut self, outliers: impl IntoIterator<Item = usize>, now: u64) {
        for place in outliers {
            if self.is_full() {
                return;
            }
            let address = &mut self.addresses[place];
            if address.ejected_at.is_none() {
                address.multiplier += 1;
                address.ejected_at = Some(now);
            }
        }
    }
}

impl Rules for A50 {
    fn finish(&mut self, address: usize, succeeded: bool, _: u64) {
        self.addresses[address].count.add(succeeded);
    }

    fn tick(&mut self, now: u64) {
        let by_rate = self.counted(SUCCESS_RATE_REQUEST_VOLUME);
        if by_rate.len() >= MINIMUM_HOSTS {
            let rates: Vec<_> = by_rate.iter().map(|(_, rate)| *rate).collect();
            let least = least_success(&rates, STDEV_FACTOR);
            self.eject(by_rate.iter().filter(|(_, rate)| *rate < least).map(|(place, _)| *place), now);
        }
        let by_percentage = self.counted(FAILURE_PERCENTAGE_REQUEST_VOLUME);
        if by_percentage.len() >= MINIMUM_HOSTS {
            let failing =
                by_percentage.iter().filter(|(_, rate)| 100.0 - rate > FAILURE_PERCENTAGE_THRESHOLD);
            self.eject(failing.map(|(place, _)| *place), now);
        }
        for address in &mut self.addresses {
            address.count = Count::default();
            match address.ejected_at {
                None => address.multiplier = address.multiplier.saturating_sub(1),
                Some(at) if now >= at + ejection_time(address.multiplier) => address.ejected_at = None,
                Some(_) => {}
            }
        }
    }

    fn is_ejected(&self, address: usize) -> bool {
        self.addresses[address].ejected_at.is_some()
    }

    fn join(&mut self) {
        self.addresses.push(Address::default());
    }
}

const MINIMUM_HOSTS: usize = 5;
const SUCCESS_RATE_REQUEST_VOLUME: u64 = 100;
const STDEV_FACTOR: u32 = 1_900;
const FAILURE_PERCENTAGE_REQUEST_VOLUME: u64 = 50;
const FAILURE_PERCENTAGE_THRESHOLD: f64 = 85.0;
const MAX_EJECTION_PERCENT: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::peers::{INTERVAL, envoy::tests::serve};

    fn ejected(successes: &[u64]) -> Vec<usize> {
        let mut rules = A50::new(successes.len());
        serve(&mut rules, successes);
        rules.tick(INTERVAL);
        (0..successes.len()).filter(|&address| rules.is_ejected(address)).collect()
    }

    #[test]
    fn ejects_by_success_rate_one_of_five_and_never_among_four() {
        assert_eq!(ejected(&[100, 100, 100, 100, 50]), [4]);
        assert!(ejected(&[100, 100, 100, 0]).is_empty());
        assert!(ejected(&[50, 50, 50, 100, 100, 100, 100, 100, 100, 100]).is_empty());
    }

    #[test]
    fn the_failure_percentage_ejects_above_85_as_many_as_the_cap_allows_and_one_at_least() {
        assert!(ejected(&[15, 15, 15, 15, 15]).is_empty());
        assert_eq!(ejected(&[14, 14, 14, 14, 14]), [0]);
        assert_eq!(ejected(&[14; 20]), [0, 1]);
        assert_eq!(ejected(&[14; 21]), [0, 1, 2], "the cap is looked at before");
    }

    #[test]
    fn returns_at_the_end_of_an_interval_after_thirty_seconds_for_each_time_in_a_row() {
        let mut rules = A50::new(5);
        let mut now = 0;
        for times in 1..=3 {
            now += INTERVAL;
            serve(&mut rules, &[100, 100, 100, 100, 50]);
            rules.tick(now);
            for _ in 0..times * 3 {
                assert!(rules.is_ejected(4), "{times}");
                now += INTERVAL;
                rules.tick(now);
            }
            assert!(!rules.is_ejected(4), "{times}");
        }
    }
}
