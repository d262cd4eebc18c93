//! Changing a tenant's quotas in place: what was used stays used, in units, and debt stays owed.

use super::{Buckets, MAX_QUOTAS, Quota, quota};
use crate::time::Time;

/// Turns the state of `old` quotas into that of `new` ones. Each new quota takes over from an old one of the same unit and rate,
/// else from one of the same unit, whose missing units it then refills at its own rate; one that has no
/// predecessor starts full. Reservations from before give nothing back any more.
pub(crate) fn carry_over(buckets: &Buckets, old: &[Quota], new: &[Quota], now: Time) {
    let now = quota::ticks_at(now);
    let mut tats = [0; MAX_QUOTAS];
    let mut free: Vec<usize> = (0..old.len()).collect();
    let mut missing: Vec<usize> = vec![];
    for (place, wanted) in new.iter().enumerate() {
        match free.iter().position(|&other| old[other].same_rate(wanted)) {
            Some(found) => tats[place] = buckets[free.remove(found)].full_at(),
            None => missing.push(place),
        }
    }
    for place in missing {
        if let Some(found) = free.iter().position(|&other| old[other].same_unit(&new[place])) {
            let other = free.remove(found);
            let lacks = buckets[other].full_at().saturating_sub(now);
            tats[place] = now.saturating_add(old[other].rescale(lacks, &new[place]));
        }
    }
    for (bucket, tat) in buckets.iter().zip(tats) {
        bucket.restart(tat);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::limit::{Refusal, Unit, charge};

    fn quota(unit: Unit, amount: u64, secs: u64) -> Quota {
        Quota::new(unit, amount, Duration::from_secs(secs), amount).expect("usable")
    }

    fn wait(buckets: &Buckets, quotas: &[Quota], cost: u64, now: Time) -> Option<Duration> {
        match charge(buckets, quotas, cost, now) {
            Ok(_) => None,
            Err(Refusal::Wait(wait) | Refusal::Spent(wait)) => Some(wait),
            Err(Refusal::TooCostly(limit)) => unreachable!("{cost} is over {limit}"),
        }
    }

    #[test]
    fn a_raised_rate_refills_what_is_missing_at_the_new_rate() {
        let (buckets, now) = (Buckets::default(), Time::from_nanos(1_000_000_000));
        let (slow, fast) = ([quota(Unit::Cost, 10, 3_600)], [quota(Unit::Cost, 1_000, 1)]);
        assert_eq!(wait(&buckets, &slow, 10, now), None);
        carry_over(&buckets, &slow, &fast, now);
        assert_eq!(wait(&buckets, &fast, 1_000, now), Some(Duration::from_millis(10)));
        assert_eq!(wait(&buckets, &fast, 990, now), None);
    }

    #[test]
    fn reordered_rates_keep_their_own_state() {
        let (buckets, now) = (Buckets::default(), Time::from_nanos(1_000_000_000));
        let (second, hour) = (quota(Unit::Requests, 5, 1), quota(Unit::Requests, 100, 3_600));
        for _ in 0..5 {
            assert_eq!(wait(&buckets, &[second, hour], 1, now), None);
        }
        carry_over(&buckets, &[second, hour], &[hour, second], now);
        assert_eq!(wait(&buckets, &[hour, second], 1, now), Some(Duration::from_millis(200)));
        assert_eq!(wait(&buckets, &[hour, second], 1, now + Duration::from_millis(200)), None);
    }
}
