//! Who stands out among its peers: by success rate, by the share that fails, by latency.
//!
//! Sources: Envoy's outlier detection and gRFC A50 (success rate: mean − factor × population deviation over those with enough requests; failure
//! percentage: an absolute threshold).
//!
//! *Where we differ*: the success rate sees nobody where a fifth is equally bad (of n, k bad ones stand √((n − k) / k) deviations off), so the threshold of the failure
//! percentage is low enough to be of use. What is low enough for that would blame whoever is a little unlucky: so both rules want more than chance, and more than a trifle, between
//! an endpoint and the others, and whoever fails as most others do is not blamed for what ails all of them. Latency has no counterpart there: geometric means
//! compare with the median of the same tier.

use super::record::Sample;

/// What an endpoint does worse than the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Finding {
    /// Its successes, the mean of all, and the least that is not an outlier, in percent; over so many requests and endpoints.
    SuccessRate { rate: f64, mean: f64, least: f64, requests: u64, endpoints: usize },
    /// Its failures, in percent of so many requests.
    FailurePercentage { percent: f64, threshold: u32, requests: u64 },
    /// Its mean latency and the median of the others', in nanoseconds; over so many requests and endpoints.
    Latency { mean: f32, median: f32, requests: u32, endpoints: usize },
}

/// The rule of the success rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SuccessRateRule {
    /// How many deviations below the mean are too many.
    pub(crate) factor: f64,
    pub(crate) min_endpoints: usize,
    pub(crate) min_requests: u64,
    pub(crate) shadow: bool,
}

/// The rule of the failure percentage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FailureRule {
    /// So many percent are too many.
    pub(crate) threshold: u32,
    pub(crate) min_endpoints: usize,
    pub(crate) min_requests: u64,
    pub(crate) shadow: bool,
}

/// The rule of latency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct LatencyRule {
    /// How many times the median are too many, as a base-2 logarithm.
    pub(crate) log_factor: f32,
    /// Nothing below this is slow, as a base-2 logarithm of nanoseconds.
    pub(crate) log_floor: f32,
    pub(crate) min_endpoints: usize,
    pub(crate) min_requests: u32,
    pub(crate) shadow: bool,
}

/// The place of one in the list, how far it is off (to tell the worst first), and what was found.
pub(crate) type Found = (usize, f64, Finding);

impl SuccessRateRule {
    /// Those whose requests succeed much less than others'.
    #[expect(clippy::cast_precision_loss, reason = "a count of endpoints")]
    pub(crate) fn find(&self, samples: &[Sample]) -> Vec<Found> {
        let counted =
            || samples.iter().enumerate().filter(|(_, sample)| sample.requests >= self.min_requests);
        let endpoints = counted().count();
        if endpoints < self.min_endpoints {
            return vec![];
        }
        let (mean, deviation) = mean_and_deviation(counted().map(|(_, sample)| success_percent(sample)));
        let least = deviation.mul_add(-self.factor, mean);
        let others = endpoints.saturating_sub(1).max(1) as f64;
        let outlies = |&(_, sample): &(usize, &Sample)| {
            let own = success_percent(sample);
            let of_others = (mean - own).mul_add(1.0 / others, mean);
            own < least && stands_out(sample, 1.0 - of_others / 100.0)
        };
        let found = |(place, sample): (usize, &Sample)| {
            let (rate, requests) = (success_percent(sample), sample.requests);
            (place, 100.0 - rate, Finding::SuccessRate { rate, mean, least, requests, endpoints })
        };
        counted().filter(outlies).map(found).collect()
    }
}

impl FailureRule {
    /// Those of whose requests too many fail, unless most others' do as well.
    pub(crate) fn find(&self, samples: &[Sample]) -> Vec<Found> {
        let counted =
            || samples.iter().enumerate().filter(|(_, sample)| sample.requests >= self.min_requests);
        let mut shares: Vec<f64> = counted().map(|(_, sample)| failing(sample)).collect();
        if shares.len() < self.min_endpoints.max(1) {
            return vec![];
        }
        let median = lower_median(&mut shares);
        let outlies = |&(_, sample): &(usize, &Sample)| {
            u128::from(sample.failed) * 100 >= u128::from(sample.requests) * u128::from(self.threshold)
                && stands_out(sample, median)
        };
        let found = |(place, sample): (usize, &Sample)| {
            let percent = failing(sample) * 100.0;
            let (threshold, requests) = (self.threshold, sample.requests);
            (place, percent, Finding::FailurePercentage { percent, threshold, requests })
        };
        counted().filter(outlies).map(found).collect()
    }
}

impl LatencyRule {
    /// Those of one tier whose successes take a multiple of what the others' take.
    pub(crate) fn find(&self, samples: &[Sample]) -> Vec<Found> {
        let counted = || samples.iter().enumerate().filter(|(_, sample)| sample.timed >= self.min_requests);
        let mut means: Vec<f32> = counted().map(|(_, sample)| sample.log_latency).collect();
        let endpoints = means.len();
        if endpoints < self.min_endpoints.max(2) {
            return vec![];
        }
        let median = lower_median(&mut means);
        let slow = (median + self.log_factor).max(self.log_floor);
        let found = |(place, sample): (usize, &Sample)| {
            let (mean, median) = (sample.log_latency.exp2(), median.exp2());
            let finding = Finding::Latency { mean, median, requests: sample.timed, endpoints };
            (place, f64::from(sample.log_latency), finding)
        };
        counted().filter(|(_, sample)| sample.log_latency >= slow).map(found).collect()
    }
}

/// Whether so many more fail here than the share that fails elsewhere that neither chance nor a trifle explains it: four standard errors of the difference, and
/// three in a hundred.
#[expect(clippy::cast_precision_loss, reason = "a share needs no more")]
fn stands_out(sample: &Sample, elsewhere: f64) -> bool {
    let here = failing(sample);
    let variance = here.mul_add(1.0 - here, elsewhere * (1.0 - elsewhere)) / sample.requests.max(1) as f64;
    here - elsewhere >= LEAST_EXCESS.max(ERRORS * variance.max(0.0).sqrt())
}

#[expect(clippy::cast_precision_loss, reason = "a share needs no more")]
fn failing(sample: &Sample) -> f64 {
    sample.failed as f64 / sample.requests.max(1) as f64
}

fn success_percent(sample: &Sample) -> f64 {
    (1.0 - failing(sample)) * 100.0
}

/// Mean and population deviation, in two passes.
#[expect(clippy::cast_precision_loss, reason = "a count of endpoints")]
fn mean_and_deviation(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.clone().count().max(1) as f64;
    let mean = values.clone().sum::<f64>() / count;
    let variance = values.map(|value| (value - mean) * (value - mean)).sum::<f64>() / count;
    (mean, variance.sqrt())
}

/// Of an even number the lower one: where half is bad, the other half is the measure.
fn lower_median<T: Copy + PartialOrd>(values: &mut [T]) -> T {
    let middle = (values.len() - 1) / 2;
    let by_size = |one: &T, other: &T| one.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal);
    *values.select_nth_unstable_by(middle, by_size).1
}

const LEAST_EXCESS: f64 = 0.03;
const ERRORS: f64 = 4.0;

#[cfg(all(test, not(loom)))]
#[path = "outliers_tests.rs"]
mod tests;
