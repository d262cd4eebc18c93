//! Charging every quota of a tenant at once: all or nothing, corrected at the end.

use std::time::Duration;

use super::{
    Buckets, MAX_QUOTAS, Quota,
    gcra::{Bucket, Reach},
    quota,
};
use crate::time::Time;

/// What was reserved: kept by the lease, to be settled or taken back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Charge {
    cost: u64,
    reach: [Reach; MAX_QUOTAS],
}

impl Charge {
    /// The cost that was reserved.
    pub(crate) const fn cost(&self) -> u64 {
        self.cost
    }
}

/// What a limit is to those whom it refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "ledger", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Cause {
    Rate,
    Budget,
}

/// Why limits refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A rate is spent: come back after this long.
    Wait(Duration),
    /// A budget is spent: come back after this long.
    Spent(Duration),
    /// Never: one request may cost at most this.
    TooCostly(u64),
}

impl Refusal {
    /// What two refusals together say: never, if one does; else the longer wait.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::TooCostly(one), Self::TooCostly(other)) => Self::TooCostly(one.min(other)),
            (never @ Self::TooCostly(_), _) | (_, never @ Self::TooCostly(_)) => never,
            (Self::Wait(one), Self::Wait(other)) => Self::Wait(one.max(other)),
            (Self::Spent(one), Self::Spent(other)) => Self::Spent(one.max(other)),
            (Self::Wait(rate), Self::Spent(budget)) | (Self::Spent(budget), Self::Wait(rate)) => {
                if rate > budget { Self::Wait(rate) } else { Self::Spent(budget) }
            }
        }
    }
}

/// What [`charge`] would answer, without charging.
///
/// # Errors
/// The same.
pub(crate) fn look(buckets: &impl Buckets, quotas: &[Quota], cost: u64, now: Time) -> Result<(), Refusal> {
    look_before(buckets, quotas, cost, quota::ticks_at(now))
}

/// What has become of a [`spend`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spending {
    Spent,
    /// Before `confirm` was asked.
    Refused(Refusal),
    Unconfirmed,
    /// After `confirm` was asked: another has taken the last of it.
    Outrun(Refusal),
}

/// As [`charge`] from one quota, never to be settled or taken back; if there is enough, `confirm` is asked before anything is taken.
#[inline(always)]
pub(crate) fn spend(
    bucket: &Bucket,
    quota: &Quota,
    cost: u64,
    now: Time,
    confirm: impl FnOnce() -> bool,
) -> Spending {
    let Some(ticks) = quota.affordable(cost) else {
        return Spending::Refused(Refusal::TooCostly(quota.burst()));
    };
    let (tolerance, now) = (quota.tolerance(), quota::ticks_at(now));
    match bucket.peek(ticks, tolerance, now) {
        Err(early) => Spending::Refused(wait(early)),
        Ok(_) if !confirm() => Spending::Unconfirmed,
        Ok((seen, next)) if bucket.moves(seen, next) => Spending::Spent,
        Ok(_) => match bucket.spend(ticks, tolerance, now) {
            Ok(_) => Spending::Spent,
            Err(early) => Spending::Outrun(wait(early)),
        },
    }
}

/// Takes `cost` from every quota, or nothing from any.
///
/// # Errors
/// The longest wait of those that refuse.
#[inline]
pub(crate) fn charge(
    buckets: &impl Buckets,
    quotas: &[Quota],
    cost: u64,
    now: Time,
) -> Result<Charge, Refusal> {
    let mut charged = Charge::default();
    charge_into(&mut charged, buckets, quotas, cost, now)?;
    Ok(charged)
}

/// The same, told to a charge of nothing.
///
/// # Errors
/// The same.
#[inline(always)]
pub(crate) fn charge_into(
    charged: &mut Charge,
    buckets: &impl Buckets,
    quotas: &[Quota],
    cost: u64,
    now: Time,
) -> Result<(), Refusal> {
    match quotas {
        [] => {}
        [only] => charged.reach[0] = take(buckets.first(), only, cost, quota::ticks_at(now))?,
        several => *charged = charge_several(buckets, several, cost, quota::ticks_at(now))?,
    }
    charged.cost = cost;
    Ok(())
}

#[inline(never)]
fn charge_several(buckets: &impl Buckets, quotas: &[Quota], cost: u64, now: u64) -> Result<Charge, Refusal> {
    // So that a refusal by a later quota does not touch an earlier one, not even for a moment.
    look_before(buckets, quotas, cost, now)?;
    let mut reserved = Charge { cost, reach: [Reach::default(); MAX_QUOTAS] };
    for (index, (quota, bucket)) in quotas.iter().zip(buckets.all()).enumerate() {
        match take(bucket, quota, cost, now) {
            Ok(reach) => reserved.reach[index] = reach,
            Err(refusal) => {
                undo_first(buckets, quotas, &reserved, index, now);
                return Err(refusal);
            }
        }
    }
    Ok(reserved)
}

#[inline]
fn take(bucket: &Bucket, quota: &Quota, cost: u64, now: u64) -> Result<Reach, Refusal> {
    let ticks = quota.affordable(cost).ok_or_else(|| Refusal::TooCostly(quota.burst()))?;
    bucket.take(ticks, quota.tolerance(), now).map_err(wait)
}

#[cold]
const fn wait(ticks: u64) -> Refusal {
    Refusal::Wait(quota::duration_of(ticks))
}

/// Takes a whole reservation back: the request did not run.
pub(crate) fn undo(buckets: &impl Buckets, quotas: &[Quota], reserved: &Charge, now: Time) {
    undo_first(buckets, quotas, reserved, quotas.len(), quota::ticks_at(now));
}

/// Corrects a reservation to what the request really cost. More than reserved becomes debt.
pub(crate) fn settle(buckets: &impl Buckets, quotas: &[Quota], reserved: &Charge, actual: u64, now: Time) {
    let now = quota::ticks_at(now);
    let counting =
        quotas.iter().zip(buckets.all()).zip(reserved.reach).filter(|((quota, _), _)| quota.counts_cost());
    for ((quota, bucket), reach) in counting {
        if actual > reserved.cost {
            bucket.owe(quota.ticks(actual - reserved.cost), now);
        } else {
            bucket.give_back(quota.ticks(reserved.cost - actual), reach, now);
        }
    }
}

/// Makes a request of `cost` count for what it would at `percent` of the rates' speed: the rest is owed.
pub(crate) fn slow_down(buckets: &impl Buckets, quotas: &[Quota], cost: u64, percent: u32, now: Time) {
    let now = quota::ticks_at(now);
    for (quota, bucket) in quotas.iter().zip(buckets.all()) {
        let ticks = u128::from(quota.ticks(quota.units(cost))) * u128::from(100 - percent.clamp(1, 100));
        let more = ticks / u128::from(percent.clamp(1, 100));
        bucket.owe(u64::try_from(more).unwrap_or(u64::MAX), now);
    }
}

fn look_before(buckets: &impl Buckets, quotas: &[Quota], cost: u64, now: u64) -> Result<(), Refusal> {
    let too_costly = quotas.iter().filter(|quota| quota.units(cost) > quota.burst()).map(Quota::burst).min();
    if let Some(limit) = too_costly {
        return Err(Refusal::TooCostly(limit));
    }
    let mut longest = 0;
    for (quota, bucket) in quotas.iter().zip(buckets.all()) {
        if let Err(early) = bucket.peek(quota.ticks(quota.units(cost)), quota.tolerance(), now) {
            longest = longest.max(early);
        }
    }
    if longest == 0 { Ok(()) } else { Err(Refusal::Wait(quota::duration_of(longest))) }
}

fn undo_first(buckets: &impl Buckets, quotas: &[Quota], reserved: &Charge, count: usize, now: u64) {
    for ((quota, bucket), reach) in quotas.iter().zip(buckets.all()).zip(reserved.reach).take(count) {
        bucket.give_back(quota.ticks(quota.units(reserved.cost)), reach, now);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limit::{BucketArray, Unit};

    fn buckets() -> BucketArray {
        BucketArray::default()
    }

    fn quota(unit: Unit, amount: u64, period: Duration, burst: u64) -> Quota {
        Quota::new(unit, amount, period, burst).expect("the figures are usable")
    }

    fn read(buckets: &BucketArray) -> String {
        format!("{buckets:?}")
    }

    #[test]
    fn the_strictest_wins_and_a_refusal_consumes_nothing() {
        let second = Duration::from_secs(1);
        let quotas = [quota(Unit::Requests, 100, second, 100), quota(Unit::Cost, 10, second, 10)];
        let (tats, now) = (buckets(), Time::from_nanos(5_000_000_000));
        assert!(charge(&tats, &quotas, 8, now).is_ok());
        let before = read(&tats);
        assert_eq!(charge(&tats, &quotas, 4, now).expect_err("2 are left"), Refusal::Wait(second / 5));
        assert_eq!(charge(&tats, &quotas, 11, now).expect_err("over the burst"), Refusal::TooCostly(10));
        assert_eq!(read(&tats), before);
    }

    #[test]
    fn more_than_reserved_is_debt_and_less_comes_back() {
        let quotas = [quota(Unit::Cost, 10, Duration::from_secs(1), 10)];
        let (tats, now) = (buckets(), Time::from_nanos(5_000_000_000));
        let reserved = charge(&tats, &quotas, 2, now).expect("full");
        settle(&tats, &quotas, &reserved, 32, now);
        assert_eq!(
            charge(&tats, &quotas, 1, now).expect_err("in debt"),
            Refusal::Wait(Duration::from_millis(2_300))
        );
        let later = now + Duration::from_millis(2_300);
        let reserved = charge(&tats, &quotas, 1, later).expect("the debt has drained");
        settle(&tats, &quotas, &reserved, 0, later);
        assert!(charge(&tats, &quotas, 1, later).is_ok());
    }

    proptest! {
        /// Invariant 7: the same request passes at `retry_after` and not 1 ns before.
        #[test]
        fn retry_after_is_exact(
            amount in 1_u64..10_000, millis in 1_u64..100_000, burst in 1_u64..500,
            gaps in prop::collection::vec(0_u64..50_000_000, 1..80), cost in 1_u64..5,
        ) {
            let quotas = [
                quota(Unit::Cost, amount, Duration::from_millis(millis), burst + 4),
                quota(Unit::Requests, amount, Duration::from_millis(millis / 2 + 1), burst),
            ];
            let (tats, mut now) = (buckets(), Time::from_nanos(1_000_000_000));
            for gap in gaps {
                now = now + Duration::from_nanos(gap);
                let Err(refusal) = charge(&tats, &quotas, cost, now) else { continue };
                let Refusal::Wait(wait) = refusal else { panic!("the cost is under the burst") };
                let early = now + (wait - Duration::from_nanos(1));
                prop_assert!(look_before(&tats, &quotas, cost, quota::ticks_at(early)).is_err());
                prop_assert!(look_before(&tats, &quotas, cost, quota::ticks_at(now + wait)).is_ok());
            }
        }

        /// Invariant 5 against a log of all that ran: no window holds more than burst + rate · t, whatever is given back and when.
        #[test]
        fn no_window_holds_more_than_burst_plus_rate(
            amount in 1_u64..1_000, burst in 1_u64..50,
            steps in prop::collection::vec((0_u64..30_000_000, 1_u64..6, 0_usize..8), 1..200),
        ) {
            let quotas = [quota(Unit::Cost, amount, Duration::from_secs(1), burst)];
            let (buckets, mut now) = (buckets(), Time::from_nanos(1_000_000_000));
            let mut log: Vec<(u64, Charge)> = vec![];
            for (gap, cost, action) in steps {
                now = now + Duration::from_nanos(gap);
                if let Ok(reserved) = charge(&buckets, &quotas, cost, now) {
                    log.push((now.as_nanos(), reserved));
                }
                // Some of what passed turns out not to have run, late or at once: it leaves the log.
                if action < 3 && action < log.len() {
                    let (_, reserved) = log.remove(log.len() - 1 - action);
                    undo(&buckets, &quotas, &reserved, now);
                }
                for (first, &(from, _)) in log.iter().enumerate() {
                    let ran: u64 = log[first..].iter().map(|(_, reserved)| reserved.cost).sum();
                    let elapsed = now.as_nanos() - from;
                    let allowed = u128::from(burst) * 1_000_000_000 + u128::from(amount) * u128::from(elapsed);
                    prop_assert!(u128::from(ran) * 1_000_000_000 <= allowed);
                }
            }
        }

        /// The other half of invariant 5: a tenant that asks steadily gets all of burst + rate · t, whatever is refused on the
        /// spot in between.
        #[test]
        fn who_asks_steadily_gets_all_of_it(amount in 1_u64..500, burst in 1_u64..20, undone in 0_u64..4) {
            let quotas = [quota(Unit::Requests, amount, Duration::from_secs(1), burst)];
            let (buckets, start) = (buckets(), Time::from_nanos(1_000_000_000));
            let (mut ran, mut now) = (0, start);
            // A unit may come up to 1/32 ns late, and is asked for at whole nanoseconds.
            let end = Duration::from_secs(3) + Duration::from_nanos(2 * 3 * amount);
            while now.since(start) <= end {
                match charge(&buckets, &quotas, 1, now) {
                    Ok(reserved) if ran % 4 < undone => {
                        undo(&buckets, &quotas, &reserved, now);
                        prop_assert!(charge(&buckets, &quotas, 1, now).is_ok());
                        ran += 1;
                    }
                    Ok(_) => ran += 1,
                    Err(Refusal::Wait(wait)) => now = now + wait,
                    Err(Refusal::TooCostly(_) | Refusal::Spent(_)) => prop_assert!(false),
                }
            }
            prop_assert!(ran >= burst + 3 * amount, "{ran} of {}", burst + 3 * amount);
        }
    }
}
