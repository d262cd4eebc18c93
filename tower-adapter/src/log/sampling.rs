use std::{
    fmt,
    hash::BuildHasher,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use crate::tenant::TenantId;

/// Which requests are told: all that failed, were rejected, were given up or took long, and a share of the others.
///
/// The share is taken of each tenant for itself, evenly: at 1 % its first, its 101st and so on, so that a small tenant is seen. Tenants are told apart by a hash into 4,096 places; those that
/// share one share their turns. Clones count together.
#[derive(Clone)]
pub struct Sampling {
    /// How far a request moves its place, of 2³²; all are told where there is none.
    step: Option<u32>,
    slow: Option<Duration>,
    places: Arc<Places>,
}

struct Places {
    hash: std::hash::RandomState,
    turns: Box<[AtomicU32]>,
}

impl Sampling {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self::of_successes(1.0)
    }

    /// So much of what was served in time: 0 (none) to 1 (all). What is no number counts as 1.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "from 0 to below 2³², and `as` saturates"
    )]
    pub fn of_successes(share: f64) -> Self {
        let step = (share < 1.0).then(|| (share.max(0.0) * TURN).round() as u32);
        let turns = if step.is_some() { PLACES } else { 0 };
        // The first of each place passes the end of its turn.
        let turns = std::iter::repeat_with(|| AtomicU32::new(u32::MAX)).take(turns).collect();
        Self { step, slow: None, places: Arc::new(Places { hash: std::hash::RandomState::new(), turns }) }
    }

    /// From which duration on a request is told whatever became of it. Default: none.
    #[must_use]
    pub const fn with_slow(mut self, slow: Duration) -> Self {
        self.slow = Some(slow);
        self
    }

    pub(super) fn keeps(&self, tenant: Option<&TenantId>, is_plain: bool, duration: Duration) -> bool {
        if !is_plain || self.slow.is_some_and(|slow| duration >= slow) {
            return true;
        }
        let Some(step) = self.step else { return true };
        let place = self.places.hash.hash_one(tenant.map(TenantId::as_str));
        let index = usize::try_from(place % (PLACES as u64)).unwrap_or_default();
        // Relaxed: only this word counts, and each request moves it once.
        self.places.turns[index].fetch_add(step, Ordering::Relaxed).checked_add(step).is_none()
    }
}

impl fmt::Debug for Sampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = self.step.map_or(1.0, |step| f64::from(step) / TURN);
        f.debug_struct("Sampling").field("share", &share).field("slow", &self.slow).finish_non_exhaustive()
    }
}

const PLACES: usize = 4_096;
const TURN: f64 = 4_294_967_296.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn told(sampling: &Sampling, tenant: &str, requests: usize) -> usize {
        let tenant = TenantId::new(tenant);
        (0..requests).filter(|_| sampling.keeps(Some(&tenant), true, Duration::ZERO)).count()
    }

    #[test]
    fn the_first_of_a_tenant_is_told_and_then_its_share() {
        let sampling = Sampling::of_successes(0.01);
        assert_eq!(told(&sampling, "small", 1), 1);
        assert!((98..=102).contains(&told(&sampling, "large", 10_000)));
        assert_eq!(told(&Sampling::of_successes(0.0), "any", 1_000), 0);
        assert_eq!(told(&Sampling::all(), "any", 1_000), 1_000);
    }

    #[test]
    fn what_is_not_plain_or_slow_is_always_told() {
        let sampling = Sampling::of_successes(0.0).with_slow(Duration::from_secs(1));
        assert!(sampling.keeps(None, false, Duration::ZERO));
        assert!(sampling.keeps(None, true, Duration::from_secs(1)));
        assert!(!sampling.keeps(None, true, Duration::from_millis(999)));
    }
}
