//! Akka's phi accrual failure detector: by the intervals between heartbeats so far, how sure is it that the next one does not come any more?
//!
//! Source: Hayashibara, Défago, Yared, Katayama, "The φ accrual failure detector" (2004), as Akka has it: intervals as a normal distribution, whose tail is approximated by a logistic
//! function; an interval that ends while the host counts as gone is not learnt. φ is minus the decimal logarithm of the probability that a heartbeat comes later than that.

use std::collections::VecDeque;

/// What is configured. Times in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PhiRules {
    /// From which φ on a host counts as gone.
    pub(crate) threshold: f64,
    pub(crate) longest_history: usize,
    pub(crate) least_deviation: f64,
    pub(crate) acceptable_pause: f64,
    /// What the first interval is expected to be.
    pub(crate) first_interval: f64,
}

impl PhiRules {
    /// Those of Akka's cluster, with a heartbeat each second.
    pub(crate) const CLUSTER: Self = Self {
        threshold: 8.0,
        longest_history: 1_000,
        least_deviation: 100.0,
        acceptable_pause: 3_000.0,
        first_interval: 1_000.0,
    };
}

/// Of one host.
#[derive(Clone, Debug)]
pub(crate) struct PhiAccrual {
    rules: PhiRules,
    history: History,
    last: Option<f64>,
}

impl PhiAccrual {
    pub(crate) fn new(rules: PhiRules) -> Self {
        let mut history = History::new(rules.longest_history);
        // Uncertain, as long as nothing is known.
        let quarter = rules.first_interval / 4.0;
        history.add(rules.first_interval - quarter);
        history.add(rules.first_interval + quarter);
        Self { rules, history, last: None }
    }

    pub(crate) fn heartbeat(&mut self, now: f64) {
        if let Some(last) = self.last
            && self.is_available(now)
        {
            self.history.add(now - last);
        }
        self.last = Some(now);
    }

    pub(crate) fn is_available(&self, now: f64) -> bool {
        let mean = self.history.mean() + self.rules.acceptable_pause;
        let deviation = self.history.variance().sqrt().max(self.rules.least_deviation);
        self.last.is_none_or(|last| phi(now - last, mean, deviation) < self.rules.threshold)
    }
}

/// φ when the last heartbeat is so old.
fn phi(age: f64, mean: f64, deviation: f64) -> f64 {
    let y = (age - mean) / deviation;
    let e = (-y * (1.5976 + 0.070_566 * y * y)).exp();
    -(if age > mean { e / (1.0 + e) } else { 1.0 - 1.0 / (1.0 + e) }).log10()
}

/// The last intervals.
#[derive(Clone, Debug)]
struct History {
    intervals: VecDeque<f64>,
    longest: usize,
}

impl History {
    const fn new(longest: usize) -> Self {
        Self { intervals: VecDeque::new(), longest }
    }

    fn add(&mut self, interval: f64) {
        if self.intervals.len() == self.longest {
            self.intervals.pop_front();
        }
        self.intervals.push_back(interval);
    }

    #[expect(clippy::cast_precision_loss, reason = "a thousand at most")]
    fn mean(&self) -> f64 {
        self.intervals.iter().sum::<f64>() / self.intervals.len() as f64
    }

    /// The population's.
    #[expect(clippy::cast_precision_loss, reason = "a thousand at most")]
    fn variance(&self) -> f64 {
        let mean = self.mean();
        self.intervals.iter().map(|interval| (interval - mean).powi(2)).sum::<f64>()
            / self.intervals.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn vector() -> Value {
        let text = include_str!("../../../vectors/health.json");
        serde_json::from_str::<Value>(text).expect("the vector is JSON")["akka_phi"].clone()
    }

    fn numbers(list: &Value) -> Vec<f64> {
        list.as_array().expect("a list").iter().filter_map(Value::as_f64).collect()
    }

    fn figure(value: &Value) -> f64 {
        value.as_f64().expect("a number")
    }

    fn holds(rows: &Value, of: impl Fn(f64) -> f64) {
        let tolerance = figure(&rows["tolerance"]);
        let rows_of = rows["rows"].as_array().expect("rows");
        assert!(!rows_of.is_empty());
        for row in rows_of {
            let [at, expected] = numbers(row)[..] else { panic!("{row} has two numbers") };
            assert!((of(at) - expected).abs() <= tolerance, "{at}: {} and not {expected}", of(at));
        }
    }

    #[test]
    fn phi_is_what_akkas_tests_say() {
        let vector = vector();
        for (name, of) in [
            ("phi", (|phi| phi) as fn(f64) -> f64),
            // The probability that it would have come by now.
            ("cumulative", |phi| 1.0 - 10_f64.powf(-phi)),
        ] {
            let rows = &vector[name];
            let (mean, deviation) = (figure(&rows["mean"]), figure(&rows["deviation"]));
            holds(rows, |age| of(phi(age, mean, deviation)));
        }
    }

    #[test]
    fn a_host_is_gone_when_akkas_test_says_so_and_back_with_its_next_heartbeat() {
        let case = vector()["threshold"].clone();
        let rules =
            PhiRules { threshold: figure(&case["threshold"]), acceptable_pause: 0.0, ..PhiRules::CLUSTER };
        let mut host = PhiAccrual::new(rules);
        numbers(&case["heartbeats_ms"]).into_iter().for_each(|beat| host.heartbeat(beat));
        let (available, gone) = (figure(&case["available_at_ms"]), figure(&case["unavailable_at_ms"]));
        assert!(host.is_available(available) && !host.is_available(gone));
        let known = host.history.intervals.len();
        host.heartbeat(gone);
        assert!(host.is_available(gone + 1.0));
        assert_eq!(host.history.intervals.len(), known, "what it was gone for is not learnt");
    }

    #[test]
    fn a_history_has_the_mean_and_variance_of_akkas_test_and_forgets_the_oldest() {
        let case = vector()["history"].clone();
        let samples = numbers(&case["samples"]);
        let mut history = History::new(samples.len());
        history.add(1e9);
        samples.into_iter().for_each(|sample| history.add(sample));
        assert!((history.mean() - figure(&case["mean"])).abs() < 1e-9);
        assert!((history.variance() - figure(&case["variance"])).abs() < 1e-9);
    }
}
