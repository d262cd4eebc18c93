//! Weights that change in place, and whose turn it is: the static stride scheduler.
//!
//! Source: gRFC A58 and grpc-java's `StaticStrideScheduler`: one counter runs around the endpoints; each takes its turn in as many rounds of 65 535 as its
//! weight, and is passed over in the others; a weight is at most ten times the mean and at least a tenth of it, so a pick passes over ten at most, on average.
//!
//! *Where we differ*: grpc swaps in a new table; here each weight is a word of its own, written while others pick. A pick reads one word at a time and needs no two
//! that agree.

use crate::sync::{AtomicU32, Ordering, Padded};

/// The weights of some endpoints, and the counter that goes around.
#[derive(Debug)]
pub(crate) struct Stride {
    /// Of 65 535.
    weights: Box<[AtomicU32]>,
    sequence: Padded<AtomicU32>,
}

/// Who has a turn in each round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round<F> {
    /// How many.
    pub(crate) turns: usize,
    /// The index of each.
    pub(crate) of: F,
}

/// How weights of any size become weights of at most 65 535.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    factor: f64,
    mean: f64,
    least: f64,
}

impl Stride {
    /// Equal weights; `sequence` is where the counter begins.
    pub(crate) fn new(count: usize, sequence: u32) -> Self {
        let weights = (0..count).map(|_| AtomicU32::new(MOST)).collect();
        Self { weights, sequence: Padded(AtomicU32::new(sequence)) }
    }

    /// Where the counter is.
    pub(crate) fn sequence(&self) -> u32 {
        self.sequence.0.load(Ordering::Relaxed)
    }

    /// Another weight, of at most 65 535.
    pub(crate) fn reweigh(&self, index: usize, weight: u32) {
        // Relaxed: each weight stands for itself.
        self.weights[index].store(weight, Ordering::Relaxed);
    }

    /// Whose turn it is, of those that `is_usable` lets pass; `None` where `tries` turns brought nobody.
    pub(crate) fn next(
        &self,
        tries: u32,
        round: Round<impl Fn(usize) -> usize>,
        is_usable: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let Round { turns, of } = round;
        let count = u64::try_from(turns).unwrap_or(u64::MAX);
        if count == 0 {
            return None;
        }
        (0..tries).find_map(|_| {
            let sequence = u64::from(self.sequence.0.fetch_add(1, Ordering::Relaxed));
            let (round, place) = (sequence / count, sequence % count);
            let index = of(usize::try_from(place).unwrap_or(usize::MAX));
            let weight = u64::from(self.weights[index].load(Ordering::Relaxed));
            let most = u64::from(MOST);
            let passed_over = (weight * round + place * (most / 2)) % most < most - weight;
            (!passed_over && is_usable(index)).then_some(index)
        })
    }
}

impl Scale {
    /// The scale for these weights. `None` where fewer than two are above zero: then all are equal.
    pub(crate) fn of(weights: impl Iterator<Item = f64>) -> Option<Self> {
        let (mut count, mut sum, mut most) = (0.0, 0.0, 0.0_f64);
        for weight in weights.filter(|&weight| weight > 0.0) {
            count += 1.0;
            sum += weight;
            most = most.max(weight);
        }
        if count < 2.0 {
            return None;
        }
        let mean = sum / count;
        let factor = f64::from(MOST) / most.min(mean * MOST_OF_MEAN);
        let mean = mean * factor;
        Some(Self { factor, mean: mean.round(), least: (mean * LEAST_OF_MEAN).ceil() })
    }

    /// A weight on this scale; what is not above zero has the mean.
    pub(crate) fn scaled(&self, weight: f64) -> f64 {
        if weight > 0.0 {
            (weight * self.factor).round().min(f64::from(MOST)).max(self.least)
        } else {
            self.mean
        }
    }
}

/// The largest weight.
pub(crate) const MOST: u32 = 65_535;
const MOST_OF_MEAN: f64 = 10.0;
const LEAST_OF_MEAN: f64 = 0.1;

#[cfg(all(test, not(loom)))]
mod tests {
    use serde_json::Value;

    use super::*;

    fn vectors() -> Value {
        serde_json::from_str(include_str!("../../../vectors/grpc-a58-wrr.json")).expect("JSON")
    }

    fn stride(weights: &[f64], sequence: u32) -> Stride {
        let stride = Stride::new(weights.len(), sequence);
        if let Some(scale) = Scale::of(weights.iter().copied()) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 65 535")]
            weights.iter().enumerate().for_each(|(index, &weight)| {
                stride.reweigh(index, scale.scaled(weight) as u32);
            });
        }
        stride
    }

    fn all(stride: &Stride) -> Round<impl Fn(usize) -> usize> {
        Round { turns: stride.weights.len(), of: |turn| turn }
    }

    fn counts(weights: &[f64], sequence: u32, picks: u64) -> Vec<u64> {
        let (stride, mut counts) = (stride(weights, sequence), vec![0; weights.len()]);
        for _ in 0..picks {
            counts[stride.next(1_000, all(&stride), |_| true).expect("all are usable")] += 1;
        }
        counts
    }

    #[test]
    fn the_counts_are_those_of_the_grpc_tests() {
        let vectors = vectors();
        let cases = vectors["counts"].as_array().unwrap();
        assert_eq!(cases.len(), 11);
        for case in cases {
            let weights: Vec<f64> = match case["weights"].as_array() {
                Some(weights) => weights.iter().map(|weight| weight.as_f64().unwrap()).collect(),
                // "81 then 19x 1"
                None => [81.0].into_iter().chain([1.0; 19]).collect(),
            };
            let picks = case["picks"].as_u64().unwrap();
            let start = case["start_seq"].as_i64().unwrap_or(0);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it wraps")]
            let counts = counts(&weights, start as u32, picks);
            if let Some(tolerance) = case["tol"].as_f64() {
                let sum: f64 = weights.iter().sum();
                for (count, weight) in counts.iter().zip(&weights) {
                    #[expect(clippy::cast_precision_loss, reason = "at most a thousand")]
                    let share = *count as f64 / picks as f64;
                    assert!((share - weight / sum).abs() < tolerance, "{case}: {counts:?}");
                }
            } else {
                let expected = match case["counts"].as_array() {
                    Some(counts) => counts.iter().map(|count| count.as_u64().unwrap()).collect(),
                    // "50 then 19x 1"
                    None => [50].into_iter().chain([1; 19]).collect::<Vec<u64>>(),
                };
                assert_eq!(counts, expected, "{case}");
            }
        }
    }

    #[test]
    fn the_steps_are_those_of_the_grpc_tests_also_where_the_counter_wraps() {
        let vectors = vectors();
        for (case, start) in [("deterministic", 0), ("deterministic_wrap", u32::MAX)] {
            let case = &vectors[case];
            let stride = stride(&[2.0, 3.0, 6.0], start);
            let steps = case["picks"].as_array().unwrap().iter().zip(case["seq_after"].as_array().unwrap());
            for (pick, after) in steps {
                let next = stride.next(100, all(&stride), |_| true).map(|index| index as u64);
                assert_eq!((next, u64::from(stride.sequence())), (pick.as_u64(), after.as_u64().unwrap()));
            }
        }
    }

    #[test]
    fn the_unusable_are_passed_over_and_where_all_are_it_ends() {
        let stride = stride(&[1.0, 2.0, 3.0], 0);
        assert!((0..100).all(|_| stride.next(100, all(&stride), |index| index == 0) == Some(0)));
        assert_eq!(stride.next(100, all(&stride), |_| false), None);
        assert_eq!(stride.next(100, Round { turns: 0, of: |turn| turn }, |_| true), None);
    }

    #[test]
    fn whoever_has_turns_has_those_of_a_list_of_their_own() {
        let (whole, part) = (stride(&[5.0, 2.0, 9.0, 3.0, 1.0, 6.0], 7), stride(&[2.0, 3.0, 6.0], 7));
        let weights = part.weights.iter().map(|weight| weight.load(Ordering::Relaxed));
        [1, 3, 5].into_iter().zip(weights).for_each(|(index, weight)| whole.reweigh(index, weight));
        let some = || Round { turns: 3, of: |turn| 1 + 2 * turn };
        for _ in 0..1_000 {
            let of_part = part.next(100, all(&part), |_| true);
            assert_eq!(whole.next(100, some(), |_| true), of_part.map(|index| 1 + 2 * index));
        }
    }
}
