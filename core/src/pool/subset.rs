//! Deterministic subsetting: which endpoints one of many instances of an application connects to.
//!
//! After the question of Google's SRE book (chapter 20) and of "Reinventing Backend Subsetting at Google" (2022): every instance works out all instances'
//! subsets, by numbers alone. Here each endpoint is given as many instances as its even part, to within one; each instance in turn takes
//! those endpoints that it must take for the sums to come out, and then the ones it likes best by rendezvous hashing. *Where we differ*: it is
//! exactly even (no two endpoints differ by more than one instance), whatever divides what, and an endpoint less moves about three times as
//! many connections as it had, where plain rendezvous (gRFC A68) moves just those but leaves endpoints with half or twice their part, and
//! the book's shuffled rounds move nearly all.

use std::cmp::Reverse;

use crate::rng;

/// Which instance of how many takes how many endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SubsetRules {
    pub(crate) size: u32,
    pub(crate) instance: u32,
    pub(crate) instances: u32,
}

impl SubsetRules {
    /// The places of this instance's endpoints, in order, among those of these identities.
    pub(super) fn choose(&self, identities: &[u64]) -> Vec<usize> {
        let (count, size) = (identities.len(), self.size as usize);
        if size >= count {
            return (0..count).collect();
        }
        let mut left = self.parts(identities);
        let mut chosen = vec![];
        for instance in 0..=self.instance {
            // Whoever has as many instances left as there are takes each of them.
            let must = |place: &usize| left[*place] >= self.instances - instance;
            let free = |place: &usize| left[*place] > 0 && !must(place);
            chosen = (0..count).filter(must).collect();
            let mut liked: Vec<usize> = (0..count).filter(free).collect();
            let rest = size - chosen.len();
            if rest < liked.len() {
                liked.select_nth_unstable_by_key(rest, |&place| {
                    Reverse((rng::draw(u64::from(instance), identities[place]), identities[place]))
                });
            }
            chosen.extend(liked.into_iter().take(rest));
            chosen.iter().for_each(|&place| left[place] -= 1);
        }
        chosen.sort_unstable();
        chosen
    }

    /// How many instances each endpoint has.
    fn parts(&self, identities: &[u64]) -> Vec<u32> {
        let all = u64::from(self.size) * u64::from(self.instances);
        let count = identities.len() as u64;
        let part = u32::try_from(all / count).unwrap_or(u32::MAX);
        let mut parts = vec![part; identities.len()];
        let mut order: Vec<usize> = (0..identities.len()).collect();
        order.sort_by_key(|&place| rng::draw(PARTS, identities[place]));
        let more = usize::try_from(all % count).unwrap_or(usize::MAX);
        order.into_iter().take(more).for_each(|place| parts[place] += 1);
        parts
    }
}

/// Who has one instance more must not depend on what instances like.
const PARTS: u64 = u64::MAX;

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn identities(count: u64) -> Vec<u64> {
        (0..count).map(|number| rng::hash(&number.to_le_bytes())).collect()
    }

    fn subsets(identities: &[u64], size: u32, instances: u32) -> Vec<BTreeSet<u64>> {
        let choose = |instance| SubsetRules { size, instance, instances }.choose(identities);
        let subset = |instance| choose(instance).into_iter().map(|place| identities[place]).collect();
        (0..instances).map(subset).collect()
    }

    proptest! {
        /// Every instance has its size, and no two endpoints differ by more than one instance.
        #[test]
        fn subsets_are_even(count in 1_u64..60, size in 1_u32..20, instances in 1_u32..40) {
            let identities = identities(count);
            let subsets = subsets(&identities, size, instances);
            let held = |identity: &u64| subsets.iter().filter(|subset| subset.contains(identity)).count();
            let counts: Vec<usize> = identities.iter().map(held).collect();
            prop_assert!(subsets.iter().all(|subset| subset.len() as u64 == u64::from(size).min(count)));
            prop_assert!(counts.iter().max().unwrap_or(&0) - counts.iter().min().unwrap_or(&0) <= 1, "{counts:?}");
        }

        /// The order of the list does not matter.
        #[test]
        fn subsets_go_by_identity(count in 2_u64..30, size in 1_u32..10, instances in 1_u32..10) {
            let identities = identities(count);
            let reversed: Vec<u64> = identities.iter().rev().copied().collect();
            prop_assert_eq!(subsets(&identities, size, instances), subsets(&reversed, size, instances));
        }
    }

    /// In the mean over all endpoints, of 50 instances with 20 of 100: one that goes had 10 connections, and 40 move at the most.
    #[test]
    fn an_endpoint_less_moves_few_connections() {
        let all = identities(100);
        let before = subsets(&all, 20, 50);
        let moved = |gone: usize| -> usize {
            let mut left = all.clone();
            left.remove(gone);
            let after = subsets(&left, 20, 50);
            before.iter().zip(&after).map(|(before, after)| before.difference(after).count()).sum()
        };
        let sum: usize = (0..100).step_by(5).map(moved).sum();
        assert!((10 * 20..=40 * 20).contains(&sum), "{} in the mean", sum / 20);
    }
}
