//! The ledger: what is used of limits outlives the process, whole or not at all.

use std::time::Duration;

use proptest::prelude::*;
use tenantry::{
    Balancer, Budget, BudgetPeriod, CapacitySpec, Config, Ledger, LedgerError, ManualClock, Outcome,
    PoolSpec, Rate, RateUnit, Rejection, Request, TenantSpec, UnknownTenants,
};

const SECOND: Duration = Duration::from_secs(1);
/// 2026-03-10T00:00:00Z.
const START: Duration = Duration::from_secs(1_773_100_800);

fn config(tenants: impl IntoIterator<Item = (&'static str, TenantSpec)>) -> Config {
    let pool = PoolSpec::new(["http://10.0.0.1:80"]).with_capacity(CapacitySpec::fixed(10_000));
    let config = Config::new().with_pool("api", pool).with_dimensions(["units"]).with_seed(1);
    tenants.into_iter().fold(config, |config, (id, spec)| config.with_tenant(id, spec))
}

fn one(spec: TenantSpec) -> Config {
    config([("a", spec)])
}

fn start(config: Config, unix: Duration) -> (Balancer, ManualClock) {
    let clock = ManualClock::starting_at(unix);
    (Balancer::with_clock(config, clock.clone()).expect("usable"), clock)
}

/// The next life of a balancer, so long after a ledger was taken of it.
fn next_life(before: &Balancer, config: Config, pause: Duration) -> (Balancer, ManualClock) {
    let ledger = Ledger::from_bytes(&before.ledger().to_bytes()).expect("whole");
    let (balancer, clock) = start(config, ledger.taken_at() + pause);
    assert_eq!(balancer.restore(&ledger).left_out(), 0);
    (balancer, clock)
}

fn run(balancer: &Balancer, cost: u64) -> Option<Rejection> {
    balancer.try_acquire(&Request::new("a").cost(cost)).map(|lease| lease.finish(Outcome::success())).err()
}

fn used(balancer: &Balancer, id: &str) -> Vec<u64> {
    balancer.limits_of(id).expect("it is there").iter().map(tenantry::LimitStatus::used).collect()
}

#[test]
fn a_debt_is_owed_after_a_restart_as_if_there_had_been_none() {
    let spec = || TenantSpec::new().with_rate(Rate::cost(10, SECOND));
    let (before, _) = start(one(spec()), START);
    let lease = before.try_acquire(&Request::new("a").cost(10)).expect("full");
    lease.finish(Outcome::success().with_cost(110));
    let (after, clock) = next_life(&before, one(spec()), 4 * SECOND);
    let wait = 6 * SECOND + SECOND / 10;
    assert_eq!(run(&after, 1), Some(Rejection::RateLimited { retry_after: wait }));
    clock.advance(wait - Duration::from_nanos(1));
    assert!(run(&after, 1).is_some());
    clock.advance(Duration::from_nanos(1));
    assert_eq!(run(&after, 1), None);
}

#[test]
fn budgets_are_spent_until_their_windows_end_whoever_holds_them() {
    let spec = || {
        TenantSpec::new()
            .with_parent("org")
            .with_budget(Budget::cost(100, BudgetPeriod::Month))
            .with_budget(Budget::of(RateUnit::Dimension("units".into()), 50, BudgetPeriod::Day))
            .with_budget(Budget::requests(10, BudgetPeriod::Rolling(Duration::from_secs(3_200))))
    };
    let org = || TenantSpec::new().with_budget(Budget::cost(1_000, BudgetPeriod::Year));
    let tenants = || config([("org", org()), ("a", spec())]);
    let (before, _) = start(tenants(), START);
    let mut lease = before.try_acquire(&Request::new("a").cost(60).amounts(&[("units", 10)])).expect("fits");
    lease.report(&[("units", 70)]).expect("a dimension");
    lease.finish(Outcome::success());
    // In flight: as it was declared.
    let flying = before.try_acquire(&Request::new("a").cost(5));
    assert!(flying.is_err(), "more units are used than there are");

    let (after, _) = next_life(&before, tenants(), 60 * SECOND);
    assert_eq!(used(&after, "a"), [60, 70, 1, 60]);
    assert_eq!(used(&after, "org"), [60]);
    let (tomorrow, _) = next_life(&before, tenants(), 86_400 * SECOND);
    assert_eq!(used(&tomorrow, "a"), [60, 20, 0, 60], "the day is over, what was overdrawn is owed");
    let (next_year, _) = next_life(&before, tenants(), 366 * 86_400 * SECOND);
    assert_eq!(used(&next_year, "a"), [0, 0, 0, 0]);
}

#[test]
fn a_ledger_is_restored_under_the_limits_that_are_in_force_now() {
    let spec = |amount, period| TenantSpec::new().with_budget(Budget::cost(amount, period));
    let (before, _) = start(one(spec(100, BudgetPeriod::Day)), START);
    assert_eq!(run(&before, 80), None);
    let (more, _) = next_life(&before, one(spec(200, BudgetPeriod::Day)), SECOND);
    assert_eq!((run(&more, 121).is_some(), run(&more, 120)), (true, None));
    let (other, _) = next_life(&before, one(spec(100, BudgetPeriod::Month)), SECOND);
    assert_eq!(used(&other, "a"), [80]);
    let (none, _) = next_life(&before, one(TenantSpec::new()), SECOND);
    assert_eq!(run(&none, 1_000), None);
    let rate = |amount| TenantSpec::new().with_rate(Rate::cost(amount, 100 * SECOND));
    let (before, _) = start(one(rate(100)), START);
    assert_eq!(run(&before, 80), None);
    // 80 units are missing, which come back at the new rate.
    let (faster, _) = next_life(&before, one(rate(1_000)), Duration::ZERO);
    assert_eq!(run(&faster, 1_000), Some(Rejection::RateLimited { retry_after: 8 * SECOND }));
}

#[test]
fn restoring_twice_restores_nothing_twice_and_what_is_used_since_counts() {
    let spec = || {
        TenantSpec::new()
            .with_rate(Rate::cost(100, 100 * SECOND))
            .with_budget(Budget::cost(1_000, BudgetPeriod::Day))
    };
    let (before, _) = start(one(spec()), START);
    assert_eq!(run(&before, 40), None);
    let ledger = before.ledger();
    let (after, _) = start(one(spec()), START);
    for _ in 0..3 {
        after.restore(&ledger);
        assert_eq!(used(&after, "a"), [40, 40]);
    }
    assert_eq!(run(&after, 20), None);
    after.restore(&ledger);
    assert_eq!(used(&after, "a"), [60, 60]);
}

#[test]
fn what_was_in_flight_at_a_restore_gives_nothing_back_that_is_not_its_own() {
    let spec = || TenantSpec::new().with_budget(Budget::cost(1_000, BudgetPeriod::Day));
    let (before, _) = start(one(spec()), START);
    assert_eq!(run(&before, 500), None);
    let (after, _) = start(one(spec()), START);
    let early = after.try_acquire(&Request::new("a").cost(30)).expect("fits");
    after.restore(&before.ledger());
    early.finish(Outcome::success().with_cost(0));
    assert_eq!(used(&after, "a"), [500]);
}

#[test]
fn made_tenants_come_back_and_so_does_the_one_that_newcomers_share() {
    let made = || {
        config([])
            .with_template("t", TenantSpec::new().with_budget(Budget::cost(100, BudgetPeriod::Day)))
            .with_unknown_tenants(UnknownTenants::template("t", 2))
    };
    let long = "x".repeat(200);
    let ids = ["one", long.as_str(), "shared 1", "shared 2"];
    let (before, _) = start(made(), START);
    for id in ids {
        before.try_acquire(&Request::new(id).cost(30)).expect("fits").finish(Outcome::success());
    }
    let (after, _) = next_life(&before, made(), SECOND);
    assert_eq!((used(&after, "one"), used(&after, &long)), (vec![30], vec![30]));
    let costs_71 = |id| after.try_acquire(&Request::new(id).cost(71)).map(drop).is_err();
    let costs_41 = |id| after.try_acquire(&Request::new(id).cost(41)).map(drop).is_err();
    assert!(costs_71("one") && costs_41("another newcomer"));
    // Nobody makes them any more.
    let (strict, _) = start(one(TenantSpec::new()), START);
    let restored = strict.restore(&before.ledger());
    assert_eq!((restored.tenants(), restored.left_out()), (0, 3));
}

#[test]
fn a_clock_that_was_set_back_makes_no_wait_longer_than_it_was() {
    let spec = || TenantSpec::new().with_rate(Rate::cost(10, 10 * SECOND));
    let (before, _) = start(one(spec()), START);
    assert_eq!(run(&before, 10), None);
    let (after, _) = start(one(spec()), START - 3_600 * SECOND);
    after.restore(&before.ledger());
    assert_eq!(run(&after, 10), Some(Rejection::RateLimited { retry_after: 10 * SECOND }));
}

#[test]
fn tenants_with_nothing_to_remember_are_not_in_it_and_settlements_are_counted() {
    let spec = TenantSpec::new().with_budget(Budget::cost(1_000, BudgetPeriod::Day));
    let (balancer, clock) = start(config([("a", spec), ("idle", TenantSpec::new())]), START);
    assert_eq!((balancer.ledger().tenants(), balancer.settlements()), (0, 0));
    assert_eq!((run(&balancer, 5), run(&balancer, 5)), (None, None));
    let ledger = balancer.ledger();
    assert_eq!((ledger.tenants(), ledger.settlements(), balancer.settlements()), (1, 2, 2));
    clock.advance(86_400 * SECOND);
    assert_eq!(balancer.ledger().tenants(), 0);
}

fn some_ledger() -> Vec<u8> {
    let spec = TenantSpec::new()
        .with_rate(Rate::cost(10, SECOND))
        .with_rate(Rate::cost(10, SECOND).with_sliding_window())
        .with_budget(
            Budget::cost(1_000, BudgetPeriod::Month).with_time_zone("Europe/Rome").with_warnings([50, 80]),
        );
    let (balancer, clock) = start(one(spec), START);
    clock.advance(Duration::from_millis(100));
    assert_eq!(run(&balancer, 7), None);
    balancer.ledger().to_bytes()
}

/// The format of version 1: whoever changes it raises the version.
#[test]
fn version_1_is_read_and_written_as_ever() {
    let golden = include_str!("../../vectors/ledger-v1.hex").trim();
    let bytes: Vec<u8> = (0..golden.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&golden[at..at + 2], 16).expect("hex"))
        .collect();
    let ours: String = some_ledger().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(ours, golden);
    assert_eq!(Ledger::from_bytes(&bytes).expect("whole").tenants(), 1);
}

#[test]
fn torn_damaged_and_foreign_bytes_are_told_apart() {
    let whole = some_ledger();
    assert!(Ledger::from_bytes(&whole).is_ok());
    for length in 0..whole.len() {
        let expected =
            if length < 8 { LedgerError::NotALedger } else { LedgerError::Torn { bytes: length as u64 } };
        assert_eq!(Ledger::from_bytes(&whole[..length]), Err(expected));
    }
    let longer = [&whole[..], b"x"].concat();
    assert_eq!(Ledger::from_bytes(&longer), Err(LedgerError::Torn { bytes: longer.len() as u64 }));
    for place in 0..whole.len() {
        for bit in 0..8 {
            let mut damaged = whole.clone();
            damaged[place] ^= 1 << bit;
            assert!(Ledger::from_bytes(&damaged).is_err(), "bit {bit} of byte {place}");
        }
    }
    let mut newer = whole;
    newer[8] = 2;
    let error = Ledger::from_bytes(&newer).expect_err("of the future");
    assert_eq!(error, LedgerError::OtherVersion { version: 2 });
    assert!(error.to_string().contains("version 2"));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), place in 0_usize..300, value: u8) {
        prop_assert!(Ledger::from_bytes(&bytes).is_err());
        let mut damaged = some_ledger();
        if let Some(byte) = damaged.get_mut(place) {
            *byte = value;
        }
        if let Ok(ledger) = Ledger::from_bytes(&damaged) {
            start(one(TenantSpec::new()), START).0.restore(&ledger);
        }
    }

    /// Against the oracle of never having restarted: buckets and calendar windows decide the same, at any moment; a sliding window lets nothing
    /// pass that it would have refused.
    #[test]
    fn a_restart_changes_no_decision(
        steps in prop::collection::vec((0_u64..3_000, 1_u64..30, 0_u64..60), 1..60),
        restart_at in 0_usize..60, pause in 0_u64..100_000, sliding: bool,
    ) {
        let spec = || {
            let spec = TenantSpec::new()
                .with_rate(Rate::cost(40, SECOND))
                .with_rate(Rate::requests(20, SECOND))
                .with_budget(Budget::cost(300, BudgetPeriod::Minute).with_carry_over(50));
            if sliding { spec.with_rate(Rate::cost(90, 5 * SECOND).with_sliding_window()) } else { spec }
        };
        let (oracle, oracle_clock) = start(one(spec()), START);
        let mut life = start(one(spec()), START);
        for (step, (gap, cost, actual)) in steps.into_iter().enumerate() {
            let gap = Duration::from_micros(gap * 300);
            oracle_clock.advance(gap);
            life.1.advance(gap);
            if step == restart_at {
                let pause = Duration::from_micros(pause);
                oracle_clock.advance(pause);
                life = next_life(&life.0, one(spec()), pause);
            }
            let settle = |balancer: &Balancer| {
                let lease = balancer.try_acquire(&Request::new("a").cost(cost));
                lease.map(|lease| lease.finish(Outcome::success().with_cost(actual)))
            };
            if sliding && step >= restart_at {
                let passes = life.0.try_acquire(&Request::new("a").cost(cost)).is_ok_and(|lease| {
                    lease.finish(Outcome::success().with_cost(0));
                    true
                });
                prop_assert!(!passes || oracle.try_acquire(&Request::new("a").cost(cost)).is_ok());
                return Ok(());
            }
            prop_assert_eq!(settle(&oracle), settle(&life.0));
        }
    }
}
