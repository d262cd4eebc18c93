//! The same decisions as `governor`'s, an implementation of GCRA by others, on random quotas and streams of requests.
//!
//! *Where we differ*: governor counts in whole nanoseconds and rounds the time of a unit down, so that it lets pass a little more than the
//! rate (at 3 000 000 units a second one in a thousand); Tenantry counts in 1/32 ns and rounds up, so that it never does. Where the time of a
//! unit is a whole number of nanoseconds both are exact, and every answer is the same. Where it is not, governor lets pass whatever Tenantry
//! does, and Tenantry refuses of what governor lets pass only what comes too early by less than the rounding of the units since both were full.

use std::{num::NonZeroU32, time::Duration};

use governor::{
    InsufficientCapacity, NotUntil, Quota, RateLimiter,
    clock::{Clock, FakeRelativeClock},
    middleware::StateInformationMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};
use proptest::prelude::*;
use tenantry::{
    Balancer, CapacitySpec, Config, LimitStatus, ManualClock, Outcome, PoolSpec, Rate, RateUnit, Rejection,
    Request, TenantSpec,
};

type Governor = RateLimiter<NotKeyed, InMemoryState, FakeRelativeClock, StateInformationMiddleware>;

/// What a limiter says to a request of some cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// It passes, and so many more would.
    Passes(u64),
    /// It passes after this long.
    Wait(Duration),
    /// It never passes; this many would.
    Never(u64),
}

/// Both, on clocks that move together.
struct Both {
    balancer: Balancer,
    clock: ManualClock,
    governor: Governor,
    its_clock: FakeRelativeClock,
}

impl Both {
    fn new(rate: Rate, quota: Quota) -> Self {
        let pool = PoolSpec::new(["http://10.0.0.1:80"]).with_capacity(CapacitySpec::fixed(1));
        let config = Config::new()
            .with_dimensions(["cells"])
            .with_pool("api", pool)
            .with_tenant("a", TenantSpec::new().with_rate(rate));
        let (clock, its_clock) = (ManualClock::new(), FakeRelativeClock::default());
        let governor = RateLimiter::direct_with_clock(quota, its_clock.clone())
            .with_middleware::<StateInformationMiddleware>();
        let balancer = Balancer::with_clock(config, clock.clone()).expect("usable");
        Self { balancer, clock, governor, its_clock }
    }

    fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.its_clock.advance(by);
    }

    fn status(&self) -> LimitStatus {
        self.balancer.limits_of("a").expect("it is there").remove(0)
    }

    fn ours(&self, cells: u32) -> Answer {
        let amounts = [("cells", cells.into())];
        match self.balancer.try_acquire(&Request::new("a").cost(cells.into()).amounts(&amounts)) {
            Ok(lease) => {
                lease.finish(Outcome::success());
                Answer::Passes(self.status().remaining())
            }
            Err(Rejection::RateLimited { retry_after }) => Answer::Wait(retry_after),
            Err(never @ Rejection::CostTooHigh { limit }) => {
                assert!(never.is_permanent());
                Answer::Never(limit)
            }
            Err(other) => unreachable!("{other:?}"),
        }
    }

    fn governors(&self, cells: u32) -> Answer {
        let wait = |not_until: NotUntil<Nanos>| Answer::Wait(not_until.wait_time_from(self.its_clock.now()));
        match self.governor.check_n(NonZeroU32::new(cells).expect("some")) {
            Ok(Ok(passed)) => Answer::Passes(passed.remaining_burst_capacity().into()),
            Ok(Err(not_until)) => wait(not_until),
            Err(InsufficientCapacity(most)) => Answer::Never(most.into()),
        }
    }
}

/// How long it is until the next request, and how many cells that one asks for.
type Step = (u64, u32);

/// Steps around what a quota gives back: in quarters of the time of a unit, at it, and a nanosecond to either side.
fn steps(unit: u64, burst: u32) -> impl Strategy<Value = Vec<Step>> {
    let gap = prop_oneof![
        3 => Just(0),
        3 => 0..=unit.saturating_mul(4),
        2 => (0_u64..8, -1_i64..=1).prop_map(move |(units, off)| unit.saturating_mul(units).saturating_add_signed(off)),
        1 => unit.saturating_mul(burst.into())..=unit.saturating_mul(2 * u64::from(burst)),
    ];
    prop::collection::vec((gap, prop_oneof![4 => Just(1), 4 => 1..=burst, 1 => 1..=burst + 3]), 1..150)
}

/// The time of a unit from nanoseconds to an hour, a burst, and a stream.
fn exact() -> impl Strategy<Value = (u64, u32, Vec<Step>)> {
    let unit = prop_oneof![1_u64..100, 100_u64..1_000_000, 1_000_000_u64..3_600_000_000_000];
    (unit, 1_u32..200)
        .prop_flat_map(|(unit, burst)| steps(unit, burst).prop_map(move |steps| (unit, burst, steps)))
}

/// So many units a second that a unit is mostly no whole number of nanoseconds, a burst, and a stream.
fn rounded() -> impl Strategy<Value = (u32, u32, Vec<Step>)> {
    (1_u32..3_000_000, 1_u32..200).prop_flat_map(|(amount, burst)| {
        steps(1_000_000_000 / u64::from(amount), burst).prop_map(move |steps| (amount, burst, steps))
    })
}

fn non_zero(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("not zero")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Decision, what remains, when to return, and what can never pass: all the same, to the nanosecond.
    #[test]
    fn answers_as_governor_where_both_are_exact((unit, burst, steps) in exact()) {
        let unit = Duration::from_nanos(unit);
        let quota = Quota::with_period(unit).expect("not zero").allow_burst(non_zero(burst));
        let both = Both::new(Rate::cost(1, unit).with_burst(burst.into()), quota);
        for (gap, cells) in steps {
            both.advance(Duration::from_nanos(gap));
            prop_assert_eq!(both.ours(cells), both.governors(cells));
        }
    }

    /// The same rate, written as so many in a time in which they fit without a rest, of cost or of a dimension (which is metered).
    #[test]
    fn answers_as_governor_however_the_rate_is_written(
        (unit, burst, steps) in exact(), amount in 1_u32..1_000, metered: bool,
    ) {
        let quota = Quota::with_period(Duration::from_nanos(unit)).expect("not zero").allow_burst(non_zero(burst));
        let counted = if metered { RateUnit::Dimension("cells".into()) } else { RateUnit::Cost };
        let rate = Rate::of(counted, amount.into(), Duration::from_nanos(unit) * amount).with_burst(burst.into());
        let both = Both::new(rate, quota);
        for (gap, cells) in steps {
            both.advance(Duration::from_nanos(gap));
            prop_assert_eq!(both.ours(cells), both.governors(cells));
        }
    }

    /// Where a unit is no whole number of nanoseconds: never more than governor, and later by the rounding at most.
    #[test]
    fn is_stricter_than_governor_by_the_rounding_at_most((amount, burst, steps) in rounded()) {
        let quota = Quota::per_second(non_zero(amount)).allow_burst(non_zero(burst));
        let both = Both::new(Rate::cost(amount.into(), Duration::from_secs(1)).with_burst(burst.into()), quota);
        // The units that both have let pass since both were full.
        let mut units = 0_u64;
        for (gap, cells) in steps {
            both.advance(Duration::from_nanos(gap));
            if both.status().full_in().is_zero() {
                units = 0;
            }
            // Less than 1 + 1/32 ns for each unit; and a wait is told in whole nanoseconds.
            let late = Duration::from_nanos((units + u64::from(cells)) * 33 / 32 + 1);
            match (both.ours(cells), both.governors(cells)) {
                (Answer::Never(ours), Answer::Never(its)) => prop_assert_eq!(ours, its),
                (Answer::Passes(ours), Answer::Passes(its)) => {
                    units += u64::from(cells);
                    prop_assert!(ours <= its && its <= ours + 1 + units * u64::from(amount) / 900_000_000);
                }
                (Answer::Wait(ours), Answer::Wait(its)) => {
                    prop_assert!(its <= ours && ours <= its + late, "{:?} and {:?}", ours, its);
                }
                (Answer::Wait(ours), Answer::Passes(_)) => {
                    prop_assert!(ours <= late, "{:?} too early", ours);
                    // They have parted: on with both full.
                    both.advance(Duration::from_secs(1 + u64::from(burst)));
                    prop_assert!(both.status().full_in().is_zero());
                }
                (ours, its) => prop_assert!(false, "{:?} where governor says {:?}", ours, its),
            }
        }
    }
}
