//! How many requests a pool has refused, and why.

use crate::{
    rejection::Rejection,
    stats::RejectionStats,
    sync::{AtomicU64, Ordering, Padded, thread_number},
};

/// Counts by reason. Threads write copies of their own, so that a flood of refusals on many cores writes few lines in common.
#[derive(Debug, Default)]
pub(super) struct Rejections {
    copies: [Padded<Counts>; COPIES],
}

type Counts = [AtomicU64; Rejection::CODES.len()];

impl Rejections {
    /// Counts one.
    #[cold]
    pub(super) fn count(&self, rejection: &Rejection) {
        // Relaxed: counts that nothing is decided by.
        self.copies[thread_number() % COPIES].0[rejection.index()].fetch_add(1, Ordering::Relaxed);
    }

    /// The sums.
    pub(super) fn stats(&self) -> RejectionStats {
        let sum = |reason: usize| self.copies.iter().map(|copy| copy.0[reason].load(Ordering::Relaxed)).sum();
        RejectionStats::new(std::array::from_fn(sum))
    }
}

const COPIES: usize = 8;
