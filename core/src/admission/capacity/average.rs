//! An exponential average over samples that begins as a plain mean.
//!
//! Source: `ExpAvgMeasurement` of Netflix's concurrency-limits. *Where we differ*: nothing.

/// The average over `window` samples: each new one has the weight 2 / (window + 1), after a plain mean of the first ones.
#[derive(Clone, Copy, Debug)]
pub(super) struct Average {
    value: f64,
    count: u32,
    factor: f64,
}

impl Average {
    pub(super) fn new(window: u32) -> Self {
        Self { value: 0.0, count: 0, factor: 2.0 / (f64::from(window) + 1.0) }
    }

    pub(super) fn add(&mut self, sample: f64) -> f64 {
        if self.count < WARM_UP {
            self.count += 1;
            self.value += (sample - self.value) / f64::from(self.count);
        } else {
            self.value += (sample - self.value) * self.factor;
        }
        self.value
    }

    pub(super) fn scale(&mut self, by: f64) {
        self.value *= by;
    }
}

const WARM_UP: u32 = 10;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// `vectors/capacity.json`, `expavg`.
    #[test]
    fn averages_as_the_original() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../../../vectors/capacity.json")).expect("vectors");
        let vector = &vectors["expavg"];
        let mut average = Average::new(100);
        for (step, expected) in vector["values"].as_array().expect("a list").iter().enumerate() {
            let sample = 10.0 + f64::from(u32::try_from(step).expect("few"));
            assert!((average.add(sample) - expected.as_f64().expect("a number")).abs() < 1e-9);
        }
        let last = vector["then_add_100"].as_f64().expect("a number");
        assert!((average.add(100.0) - last).abs() < 0.05);
    }
}
