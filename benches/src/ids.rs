//! Tenant ids, and the order in which requests name them.

use std::cell::Cell;

/// `count` tenant ids of 16 bytes.
#[must_use]
pub fn population(count: usize) -> Vec<String> {
    (0..count).map(|tenant| format!("tenant-{tenant:09}")).collect()
}

/// How often each tenant is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Spread {
    /// Every tenant equally often.
    Uniform,
    /// The tenant of rank `k` in proportion to `1/k` (Zipf with exponent 1).
    Zipf,
}

impl Spread {
    /// The word for it in tables and files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Zipf => "zipf",
        }
    }
}

/// The ids of `count` requests, drawn from the whole population and laid out in the order in which they come.
///
/// Every stack reads the same strings, so that the cost of fetching the id itself is the same for all.
#[must_use]
pub fn requests(population: &[String], spread: Spread, count: usize, seed: u64) -> Vec<String> {
    let random = Random::new(seed);
    let ranks = Ranks::new(population.len(), spread);
    (0..count).map(|_| population[ranks.draw(&random)].clone()).collect()
}

#[derive(Debug)]
struct Ranks {
    count: usize,
    cumulative: Vec<f64>,
    /// Ranks are scattered over the population, so that popular tenants are no neighbours in memory.
    scatter: usize,
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "populations stay far below 2^52, and draws below their count"
)]
impl Ranks {
    fn new(count: usize, spread: Spread) -> Self {
        let mut sum = 0.0;
        let harmonic = |rank: usize| {
            sum += 1.0 / rank as f64;
            sum
        };
        let cumulative = match spread {
            Spread::Uniform => Vec::new(),
            Spread::Zipf => (1..=count).map(harmonic).collect(),
        };
        Self { count, cumulative, scatter: coprime(count) }
    }

    fn draw(&self, random: &Random) -> usize {
        let uniform = random.unit();
        let Some(total) = self.cumulative.last() else {
            return ((uniform * self.count as f64) as usize).min(self.count - 1);
        };
        let rank = self.cumulative.partition_point(|below| *below < uniform * total);
        rank.min(self.count - 1) * self.scatter % self.count
    }
}

/// A step near the golden ratio of `count` that reaches every index.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "any step will do that shares no factor with the count"
)]
fn coprime(count: usize) -> usize {
    let mut step = ((count as f64 * 0.618) as usize).max(1);
    while gcd(step, count) != 1 {
        step += 1;
    }
    step
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// xorshift64*, seeded.
#[derive(Debug)]
struct Random(Cell<u64>);

impl Random {
    fn new(seed: u64) -> Self {
        Self(Cell::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1))
    }

    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    fn unit(&self) -> f64 {
        let mut word = self.0.get();
        word ^= word >> 12;
        word ^= word << 25;
        word ^= word >> 27;
        self.0.set(word);
        (word.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn counts(spread: Spread) -> Vec<usize> {
        let mut counts = BTreeMap::<_, usize>::new();
        for id in requests(&population(100), spread, 100_000, 1) {
            *counts.entry(id).or_default() += 1;
        }
        let mut counts: Vec<_> = counts.into_values().collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        counts
    }

    #[test]
    fn uniform_names_everyone_about_equally_often() {
        let counts = counts(Spread::Uniform);
        assert_eq!(counts.len(), 100);
        assert!(counts[0] < 1_200 && counts[99] > 800, "{counts:?}");
    }

    #[test]
    fn zipf_names_the_second_half_as_often_as_the_first() {
        let counts = counts(Spread::Zipf);
        assert_eq!(counts.len(), 100);
        let ratio = counts[0] as f64 / counts[1] as f64;
        assert!((1.8..2.2).contains(&ratio), "{ratio}");
    }

    #[test]
    fn ids_have_sixteen_bytes_and_are_distinct() {
        let mut ids = population(1_000);
        assert!(ids.iter().all(|id| id.len() == 16));
        ids.dedup();
        assert_eq!(ids.len(), 1_000);
    }
}
