//! Bounded load: how much of what is in flight one endpoint may have.
//!
//! Source: Mirrokni, Thorup, Zadimoghaddam, "Consistent Hashing with Bounded Loads" (2016): with `m` requests in flight, the one to come
//! included, an endpoint of share `s` has room for `⌈c·m·s⌉`. *The off-by-one*: the request to come counts on both sides, as in the paper; HAProxy asks
//! alike, Envoy lets one more in. *Where we differ*: the shares are those of the endpoints that health lets in, so that there is always room somewhere unless caps
//! forbid; and where there is none at all, the least loaded takes the request.

/// What is in flight of a pool, as one pick sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoadBound {
    /// The factor in millionths, times the requests in flight, the one to come included.
    allowed: u64,
    /// The weight that shares them, in millionths.
    weight: u64,
}

impl LoadBound {
    pub(crate) fn new(factor_millionths: u32, in_flight: u32, weight: u64) -> Self {
        let allowed = u64::from(factor_millionths) * u64::from(in_flight);
        Self { allowed, weight: weight.saturating_mul(1_000_000) }
    }

    /// Whether an endpoint with so many requests in flight may have one more: `load < c·m·w/W`, which for a whole number is
    /// `load + 1 ≤ ⌈c·m·w/W⌉`.
    #[inline]
    pub(crate) fn admits(&self, load: u32, weight: u32) -> bool {
        u128::from(load) * u128::from(self.weight) < u128::from(self.allowed) * u128::from(weight)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_the_factor_times_the_share_rounded_up() {
        for (factor, in_flight, weight, total, most) in [
            (1_250_000, 1, 1, 5, 1),
            (1_250_000, 48, 1, 5, 12),
            (1_250_000, 49, 1, 5, 13),
            (1_000_000, 10, 1, 5, 2),
            (1_000_000, 11, 1, 5, 3),
            (2_000_000, 7, 3, 4, 11),
            (1_250_000, 8, 0, 4, 0),
            (10_000_000, u32::MAX, u32::MAX, u64::from(u32::MAX), u32::MAX),
        ] {
            let bound = LoadBound::new(factor, in_flight, total);
            assert!(most == 0 || bound.admits(most - 1, weight), "{most} is allowed");
            assert!(most == u32::MAX || !bound.admits(most, weight), "{most} is the most");
        }
    }
}
