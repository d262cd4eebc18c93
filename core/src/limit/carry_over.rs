//! Changing a tenant's quotas in place: what was used stays used, in units, and debt stays owed.

use super::{Bucket, Buckets, MAX_QUOTAS, Quota, quota};
use crate::time::Time;

/// Turns the state of `old` quotas into that of `new` ones. Each new quota takes over from an old one of the same unit and rate,
/// else from one of the same unit, whose missing units it then refills at its own rate; one that has no
/// predecessor starts full. Reservations from before give nothing back any more, except to a quota whose rate stays in its place.
pub(crate) fn carry_over(buckets: &impl Buckets, old: &[Quota], new: &[Quota], now: Time) {
    let now = quota::ticks_at(now);
    let from: Vec<_> = buckets.all().map(Bucket::full_at).collect();
    let mut tats = [0; MAX_QUOTAS];
    let mut free: Vec<usize> = (0..old.len()).collect();
    let (mut missing, mut stays) = (vec![], [false; MAX_QUOTAS]);
    for (place, wanted) in new.iter().enumerate() {
        // Its own place first: what stays where it is loses nothing of what others charge meanwhile.
        let own = free.iter().position(|&other| other == place && old[other].same_rate(wanted));
        match own.or_else(|| free.iter().position(|&other| old[other].same_rate(wanted))) {
            Some(found) => {
                tats[place] = from[free.remove(found)];
                stays[place] = own.is_some();
            }
            None => missing.push(place),
        }
    }
    for place in missing {
        if let Some(found) = free.iter().position(|&other| old[other].same_unit(&new[place])) {
            let other = free.remove(found);
            let lacks = from[other].saturating_sub(now);
            tats[place] = now.saturating_add(old[other].rescale(lacks, &new[place]));
        }
    }
    for (place, bucket) in buckets.all().enumerate().filter(|(place, _)| !stays[*place]) {
        bucket.restart(from[place], tats[place], now);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::limit::{BucketArray, Refusal, Unit, charge};

    fn quota(unit: Unit, amount: u64, secs: u64) -> Quota {
        Quota::new(unit, amount, Duration::from_secs(secs), amount).expect("usable")
    }

    fn wait(buckets: &BucketArray, quotas: &[Quota], cost: u64, now: Time) -> Option<Duration> {
        match charge(buckets, quotas, cost, now) {
            Ok(_) => None,
            Err(Refusal::Wait(wait) | Refusal::Spent(wait)) => Some(wait),
            Err(Refusal::TooCostly(limit)) => unreachable!("{cost} is over {limit}"),
        }
    }

    #[test]
    fn a_raised_rate_refills_what_is_missing_at_the_new_rate() {
        let (buckets, now) = (BucketArray::default(), Time::from_nanos(1_000_000_000));
        let (slow, fast) = ([quota(Unit::Cost, 10, 3_600)], [quota(Unit::Cost, 1_000, 1)]);
        assert_eq!(wait(&buckets, &slow, 10, now), None);
        carry_over(&buckets, &slow, &fast, now);
        assert_eq!(wait(&buckets, &fast, 1_000, now), Some(Duration::from_millis(10)));
        assert_eq!(wait(&buckets, &fast, 990, now), None);
    }

    #[test]
    fn what_was_charged_to_rates_that_have_gone_and_come_back_gives_nothing_back() {
        let (slow, fast) = ([quota(Unit::Cost, 10, 3_600)], [quota(Unit::Cost, 1_000, 1)]);
        for times in 1..8 {
            let (buckets, mut now) = (BucketArray::default(), Time::from_nanos(1_000_000_000));
            let early = charge(&buckets, &slow, 10, now).expect("full");
            for _ in 0..times {
                carry_over(&buckets, &slow, &fast, now);
                now = now + Duration::from_secs(1);
                carry_over(&buckets, &fast, &slow, now);
            }
            assert_eq!(wait(&buckets, &slow, 10, now), None, "all of it has come back at the fast rate");
            crate::limit::undo(&buckets, &slow, &early, now);
            assert!(
                wait(&buckets, &slow, 1, now).is_some(),
                "ten ran just now, after {times} changes and back"
            );
        }
    }

    #[test]
    fn another_burst_leaves_what_was_charged_to_be_given_back() {
        let (buckets, now) = (BucketArray::default(), Time::from_nanos(1_000_000_000));
        let with = |burst| [Quota::new(Unit::Cost, 10, Duration::from_secs(3_600), burst).expect("usable")];
        let early = charge(&buckets, &with(10), 10, now).expect("full");
        carry_over(&buckets, &with(10), &with(20), now);
        carry_over(&buckets, &with(20), &with(10), now);
        crate::limit::undo(&buckets, &with(10), &early, now);
        assert_eq!(wait(&buckets, &with(10), 10, now), None);
    }

    #[test]
    fn reordered_rates_keep_their_own_state() {
        let (buckets, now) = (BucketArray::default(), Time::from_nanos(1_000_000_000));
        let (second, hour) = (quota(Unit::Requests, 5, 1), quota(Unit::Requests, 100, 3_600));
        for _ in 0..5 {
            assert_eq!(wait(&buckets, &[second, hour], 1, now), None);
        }
        carry_over(&buckets, &[second, hour], &[hour, second], now);
        assert_eq!(wait(&buckets, &[hour, second], 1, now), Some(Duration::from_millis(200)));
        assert_eq!(wait(&buckets, &[hour, second], 1, now + Duration::from_millis(200)), None);
    }
}
