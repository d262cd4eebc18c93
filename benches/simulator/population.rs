//! Whose requests they are: one tenant, or a population of whom few ask for much.

use serde::Deserialize;

use super::rng::Rng;

/// So many tenants, named `prefix0`, `prefix1`, …; the n-th asks in proportion to n^−`zipf`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Population {
    pub(crate) prefix: String,
    pub(crate) count: usize,
    /// 0: all ask for the same.
    #[serde(default)]
    pub(crate) zipf: f64,
}

/// Draws members of a population.
#[derive(Clone, Debug)]
pub(crate) struct Sampler {
    /// The share of all up to each, in ascending order.
    cumulated: Vec<f64>,
}

impl Population {
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        (0..self.count).map(|member| format!("{}{member}", self.prefix))
    }

    #[expect(clippy::cast_precision_loss, reason = "a population is far below 2⁵³")]
    pub(crate) fn sampler(&self) -> Sampler {
        let shares = (1..=self.count).map(|rank| (rank as f64).powf(-self.zipf));
        let total: f64 = shares.clone().sum();
        let mut sum = 0.0;
        let cumulated = shares.map(|share| {
            sum += share / total;
            sum
        });
        Sampler { cumulated: cumulated.collect() }
    }
}

impl Sampler {
    /// The only member there is.
    pub(crate) fn single() -> Self {
        Self { cumulated: vec![1.0] }
    }

    pub(crate) fn draw(&self, rng: &mut Rng) -> usize {
        let at = rng.uniform();
        self.cumulated.partition_point(|&share| share <= at).min(self.cumulated.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_zipf_population_asks_n_times_as_often_as_the_nth() {
        let population = Population { prefix: "t".to_owned(), count: 10, zipf: 1.0 };
        let sampler = population.sampler();
        let mut rng = Rng::new(3, 0);
        let mut counts = [0_u32; 10];
        (0..290_000).for_each(|_| counts[sampler.draw(&mut rng)] += 1);
        // The harmonic number of 10 is 2.929.
        let expected = 290_000.0 / 2.928_968;
        for (rank, &count) in (1_u32..).zip(&counts) {
            let ratio = f64::from(count) * f64::from(rank) / expected;
            assert!((ratio - 1.0).abs() < 0.05, "{rank}: {count}");
        }
    }
}
