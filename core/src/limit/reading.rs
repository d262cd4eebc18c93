//! What is left of a quota, exactly as [`charge`](super::charge) would judge it.

use std::time::Duration;

use super::{Bucket, Buckets, Quota, quota};
use crate::time::Time;

/// One limit at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The most that can pass together.
    pub(crate) amount: u64,
    pub(crate) used: u64,
    /// The largest number of units that would pass together now.
    pub(crate) remaining: u64,
    /// When one more would; `None` where the quota is full.
    pub(crate) next_in: Option<Duration>,
    /// When it is full again.
    pub(crate) full_in: Duration,
    /// How long it takes from empty to full.
    pub(crate) window: Duration,
}

/// Reads every quota of one tenant, in their order.
pub(crate) fn read<'a>(
    buckets: &'a impl Buckets,
    quotas: &'a [Quota],
    now: Time,
) -> impl Iterator<Item = (&'a Quota, Reading)> {
    quotas
        .iter()
        .zip(buckets.all())
        .map(move |(quota, bucket)| (quota, read_bucket(quota, bucket, quota::ticks_at(now))))
}

/// Reads one bucket, at `now` in ticks.
pub(super) fn read_bucket(quota: &Quota, bucket: &Bucket, now: u64) -> Reading {
    // The ticks until the quota is full. More than the tolerance is debt.
    let missing = bucket.full_at().saturating_sub(now);
    let free = quota.tolerance().saturating_sub(missing);
    let remaining = free / quota.ticks(1);
    let next = (remaining < quota.burst())
        .then(|| (missing + quota.ticks(remaining + 1)).saturating_sub(quota.tolerance()));
    Reading {
        amount: quota.burst(),
        used: missing.div_ceil(quota.ticks(1)),
        remaining,
        next_in: next.map(quota::duration_of),
        full_in: quota::duration_of(missing),
        window: quota::duration_of(quota.tolerance()),
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limit::{BucketArray, Unit, charge, look};

    proptest! {
        /// A request of what remains passes, one of a unit more does not, until exactly `next_in` has gone by.
        #[test]
        fn what_remains_passes_and_one_more_does_not(
            amount in 1_u64..10_000, millis in 1_u64..100_000, burst in 1_u64..500,
            steps in prop::collection::vec((0_u64..50_000_000, 1_u64..5), 1..60),
        ) {
            let quota = Quota::new(Unit::Cost, amount, Duration::from_millis(millis), burst).expect("usable");
            let (buckets, mut now) = (BucketArray::default(), Time::from_nanos(1_000_000_000));
            for (gap, cost) in steps {
                now = now + Duration::from_nanos(gap);
                let _unless_refused = charge(&buckets, &[quota], cost, now);
                let (_, left) = read(&buckets, &[quota], now).next().expect("there is one");
                prop_assert!(left.remaining <= burst);
                prop_assert!(left.remaining == 0 || look(&buckets, &[quota], left.remaining, now).is_ok());
                prop_assert!(look(&buckets, &[quota], left.remaining + 1, now).is_err());
                prop_assert_eq!(left.next_in.is_none(), left.remaining == burst);
                if let Some(wait) = left.next_in {
                    prop_assert!(look(&buckets, &[quota], left.remaining + 1, now + wait).is_ok());
                    let early = now + (wait - Duration::from_nanos(1));
                    prop_assert!(look(&buckets, &[quota], left.remaining + 1, early).is_err());
                }
                prop_assert!(look(&buckets, &[quota], burst, now + left.full_in).is_ok());
            }
        }
    }

    #[test]
    fn in_debt_nothing_remains_and_the_next_unit_comes_after_the_debt() {
        let quota = Quota::new(Unit::Cost, 10, Duration::from_secs(1), 10).expect("usable");
        let (buckets, now) = (BucketArray::default(), Time::from_nanos(5_000_000_000));
        let reserved = charge(&buckets, &[quota], 1, now).expect("full");
        crate::limit::settle(&buckets, &[quota], &reserved, 30, now);
        let (_, left) = read(&buckets, &[quota], now).next().expect("there is one");
        assert_eq!(left.remaining, 0);
        assert_eq!(left.next_in, Some(Duration::from_millis(2_100)));
        assert_eq!((left.full_in, left.window), (Duration::from_secs(3), Duration::from_secs(1)));
    }
}
