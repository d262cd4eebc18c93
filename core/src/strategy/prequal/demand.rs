//! Which endpoints to probe next.

use super::{Carry, Rules};
use crate::rng;

/// Probes that requests have brought, and those that are under way.
#[derive(Debug)]
pub(super) struct Demand {
    carry: Carry,
    owed: u32,
    /// The endpoints of the batch under way: none twice.
    batch: Vec<u32>,
    under_way: u32,
    drawn: u64,
}

impl Demand {
    pub(super) fn new() -> Self {
        Self {
            carry: Carry::default(),
            owed: 0,
            batch: Vec::with_capacity(LARGEST_BATCH),
            under_way: 0,
            drawn: 0,
        }
    }

    /// So many requests were picked for. What nobody probes does not pile up: a pool's worth of probes is the most that is ever owed.
    pub(super) fn bring(&mut self, requests: u32, rules: &Rules) {
        let whole = self.carry.whole(requests, rules.probes_per_request);
        let most = u32::try_from(rules.pool).unwrap_or(u32::MAX);
        self.owed = self.owed.saturating_add(u32::try_from(whole).unwrap_or(u32::MAX)).min(most);
    }

    /// The next endpoint to probe, of `count`, at random.
    pub(super) fn next(
        &mut self,
        seed: u64,
        count: usize,
        usable: impl Fn(usize) -> bool,
        rules: &Rules,
    ) -> Option<usize> {
        if self.owed == 0 || self.under_way >= MOST_UNDER_WAY {
            return None;
        }
        let size = rules.probes_per_request.div_ceil(1_000_000) as usize;
        if self.batch.len() >= size.min(LARGEST_BATCH) {
            self.batch.clear();
        }
        self.drawn += 1;
        let draw = rng::draw(seed, self.drawn);
        let bound = u32::try_from(count).unwrap_or(u32::MAX);
        let start = rng::below((draw >> 32) as u32, bound) as usize;
        let around = (start..count).chain(0..start.min(count));
        let mut fresh = around.filter(|&index| !self.is_in_batch(index) && usable(index));
        let Some(index) = fresh.next() else {
            // Everyone is in the batch, or nobody can be used: this batch is as large as it gets.
            self.batch.clear();
            self.owed = 0;
            return None;
        };
        self.batch.push(u32::try_from(index).unwrap_or(u32::MAX));
        self.owed -= 1;
        self.under_way += 1;
        Some(index)
    }

    fn is_in_batch(&self, index: usize) -> bool {
        self.batch.iter().any(|&known| known as usize == index)
    }

    /// A probe is over, answered or not.
    pub(super) const fn end_one(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }
}

const LARGEST_BATCH: usize = 16;
/// More than that are not worth it: answers are kept for `pool` endpoints only.
const MOST_UNDER_WAY: u32 = 64;

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::config::PrequalSpec;

    fn rules(probes: f64) -> Rules {
        Rules::new(&PrequalSpec::new().with_probes_per_request(probes), 100)
    }

    fn all(demand: &mut Demand, count: usize, rules: &Rules) -> Vec<usize> {
        std::iter::from_fn(|| demand.next(5, count, |_| true, rules)).collect()
    }

    #[test]
    fn each_request_brings_its_probes_to_different_endpoints() {
        let (mut demand, rules) = (Demand::new(), rules(3.0));
        let mut seen = [0_u32; 10];
        for _ in 0..10_000 {
            demand.bring(1, &rules);
            let batch = all(&mut demand, 10, &rules);
            assert_eq!(batch.len(), 3);
            batch.iter().for_each(|&index| seen[index] += 1);
            batch.iter().for_each(|_| demand.end_one());
            let mut sorted = batch;
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(sorted.len(), 3, "none twice");
        }
        assert!(seen.iter().all(|seen| (2_800..3_200).contains(seen)), "{seen:?}");
    }

    #[test]
    fn a_fraction_of_a_probe_comes_every_so_many_requests() {
        let (mut demand, rules) = (Demand::new(), rules(0.25));
        let brought: Vec<usize> = (0..8)
            .map(|_| {
                demand.bring(1, &rules);
                all(&mut demand, 10, &rules).len()
            })
            .collect();
        assert_eq!(brought, [0, 0, 0, 1, 0, 0, 0, 1]);
    }

    #[test]
    fn neither_what_is_owed_nor_what_is_under_way_piles_up() {
        let (mut demand, rules) = (Demand::new(), rules(3.0));
        demand.bring(u32::MAX, &rules);
        assert_eq!(all(&mut demand, 100, &rules).len(), 16);
        (0..10).for_each(|_| {
            demand.bring(100, &rules);
            all(&mut demand, 100, &rules);
        });
        assert_eq!(demand.under_way, MOST_UNDER_WAY);
        demand.bring(1, &rules);
        assert_eq!(demand.next(5, 100, |_| true, &rules), None);
        demand.end_one();
        assert!(demand.next(5, 100, |_| true, &rules).is_some());
    }

    #[test]
    fn small_pools_and_unusable_endpoints_end_a_batch() {
        let (mut demand, rules) = (Demand::new(), rules(3.0));
        for (count, most) in [(0, 0), (1, 1), (2, 2)] {
            demand.bring(1, &rules);
            assert_eq!(all(&mut demand, count, &rules).len(), most);
        }
        demand.bring(1, &rules);
        assert_eq!(demand.next(5, 10, |index| index == 7, &rules), Some(7));
        assert_eq!(demand.next(5, 10, |index| index == 7, &rules), None);
    }
}
