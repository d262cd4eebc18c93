//! The recent loads of all endpoints, as probes told them: what is hot is measured by.

use std::collections::VecDeque;

/// The last [`REMEMBERED`] loads, in the order of their coming and in that of their size.
#[derive(Debug)]
pub(super) struct RecentLoads {
    by_time: VecDeque<f32>,
    by_size: Vec<f32>,
}

impl RecentLoads {
    pub(super) fn new() -> Self {
        Self { by_time: VecDeque::with_capacity(REMEMBERED), by_size: Vec::with_capacity(REMEMBERED) }
    }

    pub(super) fn note(&mut self, load: f32) {
        if self.by_time.len() == REMEMBERED
            && let Some(oldest) = self.by_time.pop_front()
        {
            let place = self.by_size.partition_point(|&known| known < oldest);
            self.by_size.remove(place);
        }
        self.by_time.push_back(load);
        let place = self.by_size.partition_point(|&known| known < load);
        self.by_size.insert(place, load);
    }

    /// What is above this is hot: the `quantile` of them, the least load that has at least so large a share at or below it. At 0 everything is hot, at
    /// 1 nothing.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "the quantile is from 0 to 1 and there are few loads"
    )]
    pub(super) fn threshold(&self, quantile: f64) -> f32 {
        if quantile <= 0.0 {
            return f32::NEG_INFINITY;
        }
        if quantile >= 1.0 {
            return f32::INFINITY;
        }
        let rank = (quantile * self.by_size.len() as f64).ceil() as usize;
        self.by_size.get(rank.saturating_sub(1)).copied().unwrap_or(f32::INFINITY)
    }
}

const REMEMBERED: usize = 128;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::rng;

    #[test]
    fn the_threshold_is_the_quantile_of_the_last_loads() {
        let (mut recent, mut all) = (RecentLoads::new(), vec![]);
        for turn in 0..1_000 {
            let load = f32::from(u8::try_from(rng::draw(4, turn) % 20).expect("below 20"));
            recent.note(load);
            all.push(load);
            let mut last: Vec<f32> = all[all.len().saturating_sub(REMEMBERED)..].to_vec();
            last.sort_by(f32::total_cmp);
            let at_or_below = |bound: f32| last.iter().filter(|&&load| load <= bound).count();
            for quantile in [0.01, 0.5, 0.84, 0.99] {
                let threshold = recent.threshold(quantile);
                let least = last.iter().copied().find(|&load| {
                    f64::from(u32::try_from(at_or_below(load)).expect("few"))
                        >= quantile * f64::from(u32::try_from(last.len()).expect("few"))
                });
                assert_eq!(Some(threshold.to_bits()), least.map(f32::to_bits), "{quantile} of {last:?}");
            }
        }
    }

    #[test]
    fn at_the_ends_everything_or_nothing_is_hot() {
        let mut recent = RecentLoads::new();
        assert!(1e9 < recent.threshold(0.84), "nothing is known yet, so nothing is hot");
        recent.note(3.0);
        assert!(0.0 > recent.threshold(0.0));
        assert!(f32::MAX < recent.threshold(1.0));
    }
}
