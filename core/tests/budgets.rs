//! Budgets, dimensions, sliding windows, soft limits and shadow ones, through the façade.

use std::{collections::HashMap, time::Duration};

use proptest::prelude::*;
use tenantry::{
    Balancer, Budget, BudgetPeriod, CapacitySpec, Config, Event, ManualClock, Outcome, PoolSpec, Rate,
    RateUnit, Rejection, Request, TenantSpec, UnknownTenants,
};

const SECOND: Duration = Duration::from_secs(1);
/// 2026-03-10T00:00:00Z.
const START: u64 = 1_773_100_800;

fn config(tenants: impl IntoIterator<Item = (&'static str, TenantSpec)>) -> Config {
    let pool = PoolSpec::new(["http://10.0.0.1:80"]).with_capacity(CapacitySpec::fixed(10_000));
    let config = Config::new().with_pool("api", pool).with_dimensions(["input", "output"]).with_seed(1);
    tenants.into_iter().fold(config, |config, (id, spec)| config.with_tenant(id, spec))
}

fn balancer(tenants: impl IntoIterator<Item = (&'static str, TenantSpec)>) -> (Balancer, ManualClock) {
    let clock = ManualClock::starting_at(Duration::from_secs(START));
    (Balancer::with_clock(config(tenants), clock.clone()).expect("usable"), clock)
}

fn dimension(name: &str) -> RateUnit {
    RateUnit::Dimension(name.into())
}

/// Runs one request that really costs what it declares; says why not.
fn run(balancer: &Balancer, cost: u64) -> Option<Rejection> {
    balancer.try_acquire(&Request::new("a").cost(cost)).map(|lease| lease.finish(Outcome::success())).err()
}

fn used(balancer: &Balancer) -> Vec<u64> {
    balancer.limits_of("a").expect("it is there").iter().map(tenantry::LimitStatus::used).collect()
}

#[test]
fn a_budget_is_spent_until_its_window_ends_and_says_exactly_when() {
    let budget = Budget::cost(100, BudgetPeriod::Day).with_time_zone("Europe/Rome");
    let (balancer, clock) = balancer([("a", TenantSpec::new().with_budget(budget))]);
    assert_eq!(run(&balancer, 100), None);
    // Rome's day ends an hour before UTC's.
    let wait = Duration::from_secs(23 * 3_600);
    assert_eq!(run(&balancer, 1), Some(Rejection::BudgetExhausted { retry_after: wait }));
    assert_eq!(run(&balancer, 101), Some(Rejection::CostTooHigh { limit: 100 }));
    clock.advance(wait - Duration::from_nanos(1));
    assert_eq!(run(&balancer, 1), Some(Rejection::BudgetExhausted { retry_after: Duration::from_nanos(1) }));
    clock.advance(Duration::from_nanos(1));
    assert_eq!(run(&balancer, 100), None);
}

#[test]
fn what_is_overdrawn_is_owed_in_the_windows_that_follow() {
    let budget = Budget::cost(100, BudgetPeriod::Hour);
    let (balancer, clock) = balancer([("a", TenantSpec::new().with_budget(budget))]);
    let lease = balancer.try_acquire(&Request::new("a").cost(10)).expect("fresh");
    lease.finish(Outcome::success().with_cost(250));
    assert_eq!(used(&balancer), [250]);
    let hour = Duration::from_secs(3_600);
    assert_eq!(run(&balancer, 50), Some(Rejection::BudgetExhausted { retry_after: hour * 2 }));
    assert_eq!(run(&balancer, 51), Some(Rejection::BudgetExhausted { retry_after: hour * 3 }));
    clock.advance(hour * 2);
    assert_eq!((run(&balancer, 50), used(&balancer)), (None, vec![100]));
}

#[test]
fn what_is_left_is_carried_over_as_far_as_it_may() {
    let budget = Budget::cost(100, BudgetPeriod::Hour).with_carry_over(30);
    let (balancer, clock) = balancer([("a", TenantSpec::new().with_budget(budget))]);
    assert_eq!(run(&balancer, 90), None);
    clock.advance(Duration::from_secs(3_600));
    // Ten were left.
    assert_eq!((run(&balancer, 110), run(&balancer, 1).is_some()), (None, true));
    clock.advance(Duration::from_secs(3_600 * 5));
    assert_eq!((run(&balancer, 130), run(&balancer, 1).is_some()), (None, true));
}

#[test]
fn marks_are_told_once_in_a_window() {
    let budget = Budget::cost(100, BudgetPeriod::Hour).with_warnings([50, 90]);
    let (balancer, clock) = balancer([("a", TenantSpec::new().with_budget(budget))]);
    let told = || -> Vec<u32> {
        let percent = |event| match event {
            Event::BudgetWarning { percent, ends_unix_s: Some(_), .. } => Some(percent),
            _ => None,
        };
        balancer.take_events().into_iter().filter_map(percent).collect()
    };
    run(&balancer, 49);
    assert!(told().is_empty());
    run(&balancer, 1);
    run(&balancer, 10);
    assert_eq!(told(), [50]);
    drop(balancer.try_acquire(&Request::new("a").cost(30)).expect("40 are left"));
    assert_eq!(told(), [90]);
    clock.advance(Duration::from_secs(3_600));
    run(&balancer, 95);
    assert_eq!(told(), [90]);
}

#[test]
fn dimensions_are_reserved_together_and_settled_by_what_is_reported() {
    let spec = TenantSpec::new()
        .with_budget(Budget::of(dimension("input"), 1_000, BudgetPeriod::Day))
        .with_rate(Rate::of(dimension("output"), 100, SECOND));
    let (balancer, clock) = balancer([("a", spec)]);
    let ask = |input, output| {
        balancer.try_acquire(&Request::new("a").amounts(&[("input", input), ("output", output)])).map(drop)
    };
    // The one that refuses leaves the other as it was.
    assert_eq!(ask(10, 101), Err(Rejection::CostTooHigh { limit: 100 }));
    let amounts = [("input", 400), ("output", 100)];
    let mut lease = balancer.try_acquire(&Request::new("a").amounts(&amounts)).expect("fresh");
    assert_eq!(ask(10, 10), Err(Rejection::RateLimited { retry_after: SECOND / 10 }));
    // Rates stand before budgets.
    assert_eq!(used(&balancer), [100, 400]);
    lease.report(&[("output", 20)]).expect("known");
    lease.report(&[("output", 50), ("input", 700)]).expect("known");
    assert_eq!(lease.report(&[("outputs", 1)]), Err(Rejection::UnknownDimension));
    lease.finish(Outcome::failure());
    assert_eq!(used(&balancer), [50, 700]);
    clock.advance(SECOND);
    // Who declares nothing passes while anything is left.
    assert_eq!(balancer.try_acquire(&Request::new("a")).map(drop), Ok(()));
    assert_eq!(ask(300, 1), Ok(()));
    assert!(matches!(ask(0, 0), Err(Rejection::BudgetExhausted { .. })));
    let unknown = balancer.try_acquire(&Request::new("a").amounts(&[("tokens", 1)])).map(drop);
    assert_eq!(unknown, Err(Rejection::UnknownDimension));
}

#[test]
fn a_sliding_window_never_holds_more_than_its_amount() {
    let rate = Rate::requests(10, SECOND * 32).with_sliding_window();
    let (balancer, clock) = balancer([("a", TenantSpec::new().with_rate(rate))]);
    for _ in 0..10 {
        assert_eq!(run(&balancer, 1), None);
    }
    assert_eq!(run(&balancer, 1), Some(Rejection::RateLimited { retry_after: SECOND * 33 }));
    clock.advance(SECOND * 33);
    assert_eq!(run(&balancer, 1), None);
}

#[test]
fn shadow_limits_count_and_refuse_nothing() {
    let spec = TenantSpec::new()
        .with_rate(Rate::requests(2, SECOND).in_shadow())
        .with_budget(Budget::requests(5, BudgetPeriod::Day).in_shadow())
        .with_shadow_max_in_flight(1);
    let (balancer, _clock) = balancer([("a", spec)]);
    for _ in 0..8 {
        assert_eq!(run(&balancer, 1), None);
    }
    let stats = |balancer: &Balancer| balancer.tenant_stats("a").expect("it is there");
    // Two fit the rate; each of the other six is one that would have been refused.
    assert_eq!((stats(&balancer).shadow_rejected(), stats(&balancer).rejected()), (6, 0));
    let leases: Vec<_> = (0..2).map(|_| balancer.try_acquire(&Request::new("a"))).collect();
    assert!(leases.iter().all(Result::is_ok));
    assert!(stats(&balancer).shadow_rejected() >= 9);
}

#[test]
fn a_soft_limit_slows_the_rates_and_refuses_nothing_itself() {
    let spec = TenantSpec::new()
        .with_rate(Rate::per_second(10).with_burst(1))
        .with_budget(Budget::requests(1_000, BudgetPeriod::Day).with_soft_limit(50, 25));
    let (balancer, clock) = balancer([("a", spec)]);
    let passed_in = |seconds: u64| {
        let step = Duration::from_millis(10);
        (0..seconds * 100).fold(0, |passed, _| {
            clock.advance(step);
            passed + usize::from(run(&balancer, 1).is_none())
        })
    };
    assert!((490..=510).contains(&passed_in(50)), "at full speed up to half of it");
    let slow = passed_in(40);
    assert!((90..=115).contains(&slow), "a quarter of 400 and not {slow}");
}

#[test]
fn parents_have_budgets_too_and_a_refusal_takes_from_nobody() {
    let team = TenantSpec::new().with_budget(Budget::cost(100, BudgetPeriod::Day));
    let own = TenantSpec::new().with_parent("team").with_budget(Budget::cost(80, BudgetPeriod::Day));
    let other = TenantSpec::new().with_parent("team").with_rate(Rate::per_second(1_000));
    let (balancer, _clock) = balancer([("team", team), ("a", own), ("b", other)]);
    balancer.try_acquire(&Request::new("b").cost(50)).expect("fresh").finish(Outcome::success());
    assert!(matches!(run(&balancer, 60), Some(Rejection::BudgetExhausted { .. })));
    let all = balancer.limits_of("a").expect("it is there");
    let all: Vec<_> = all.iter().map(|limit| (limit.parent(), limit.used(), limit.amount())).collect();
    assert_eq!(all, [(None, 0, 80), (Some("team"), 50, 100)]);
    assert_eq!(run(&balancer, 50), None);
}

#[test]
fn an_update_keeps_what_was_used_whatever_it_changes() {
    let with = |budget: Budget| config([("a", TenantSpec::new().with_budget(budget))]);
    let (balancer, _clock) =
        balancer([("a", TenantSpec::new().with_budget(Budget::cost(100, BudgetPeriod::Day)))]);
    let inside = balancer.try_acquire(&Request::new("a").cost(10)).expect("fresh");
    run(&balancer, 50);
    balancer.reconfigure(with(Budget::cost(200, BudgetPeriod::Day))).expect("usable");
    assert_eq!(used(&balancer), [60]);
    balancer.reconfigure(with(Budget::cost(200, BudgetPeriod::Month))).expect("usable");
    assert_eq!(used(&balancer), [60]);
    inside.finish(Outcome::success().with_cost(40));
    assert_eq!(used(&balancer), [90], "debt is owed under the new terms");
    balancer.reconfigure(with(Budget::cost(50, BudgetPeriod::Month))).expect("usable");
    assert!(matches!(run(&balancer, 1), Some(Rejection::BudgetExhausted { .. })));
}

#[test]
fn eviction_forgets_no_budget() {
    let free = TenantSpec::new().with_budget(Budget::requests(1, BudgetPeriod::Month));
    let config = config([])
        .with_template("free", free)
        .with_unknown_tenants(UnknownTenants::template("free", 2).with_idle(SECOND));
    let clock = ManualClock::starting_at(Duration::from_secs(START));
    let balancer = Balancer::with_clock(config, clock.clone()).expect("usable");
    assert_eq!(run(&balancer, 1), None);
    for newcomer in 0..20 {
        clock.advance(SECOND * 60);
        let id = format!("n{newcomer}");
        drop(balancer.try_acquire(&Request::new(&id)));
    }
    assert!(matches!(run(&balancer, 1), Some(Rejection::BudgetExhausted { .. })));
    // In the next month there is nothing to remember.
    clock.advance(SECOND * 86_400 * 31);
    for newcomer in 20..24 {
        clock.advance(SECOND * 60);
        let id = format!("n{newcomer}");
        drop(balancer.try_acquire(&Request::new(&id)));
    }
    assert!(balancer.tenant_stats("a").is_none() && balancer.tenant_stats("n21").is_some());
}

#[test]
fn bad_budgets_are_refused_with_their_path_and_a_fix() {
    let say = |budget: Budget| {
        let refused = Balancer::new(config([("a", TenantSpec::new().with_budget(budget))]));
        refused.expect_err("it is bad").to_string()
    };
    let day = |amount| Budget::cost(amount, BudgetPeriod::Day);
    for (budget, field) in [
        (day(0), "tenants.a.budget.cost"),
        (day(1).with_time_zone("Europe/Atlantis"), "tenants.a.budget.time_zone"),
        (day(1).with_anchor_day(3), "tenants.a.budget.anchor_day"),
        (Budget::cost(1, BudgetPeriod::Week).with_anchor_day(8), "tenants.a.budget.anchor_day"),
        (Budget::cost(1, BudgetPeriod::Rolling(Duration::ZERO)), "tenants.a.budget.per"),
        (Budget::cost(1, BudgetPeriod::Rolling(SECOND)).with_carry_over(1), "tenants.a.budget.per"),
        (day(1).with_warnings([90, 50]), "tenants.a.budget.warn"),
        (day(1).with_soft_limit(50, 50), "tenants.a.budget.soft"),
        (Budget::of(dimension("tokens"), 1, BudgetPeriod::Day), "tenants.a.budget"),
    ] {
        let said = say(budget);
        assert!(said.contains(field), "{said}");
    }
    assert!(Balancer::new(config([]).with_dimensions(["per"])).is_err());
}

#[test]
fn a_hundred_units_a_minute_hold_against_five_hundred_at_once() {
    let budget = Budget::cost(100, BudgetPeriod::Minute);
    let (balancer, clock) = balancer([("a", TenantSpec::new().with_budget(budget))]);
    let ask = || balancer.try_acquire(&Request::new("a").cost(20));
    let leases: Vec<_> = (0..500).filter_map(|_| ask().ok()).collect();
    assert_eq!(leases.len(), 5, "never more than the limit");
    leases.into_iter().for_each(|lease| lease.finish(Outcome::success().with_cost(175)));
    assert_eq!(used(&balancer), [875], "the settled sum is the sum of what was used");
    // 875 of them: eight windows for 800, and 25 + 20 in the ninth.
    let wait = match ask().map(drop) {
        Err(Rejection::BudgetExhausted { retry_after }) => retry_after,
        other => unreachable!("{other:?}"),
    };
    assert_eq!(wait, SECOND * 60 * 8);
    clock.advance(wait);
    assert!(ask().is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Against a log of everything: in no window is more admitted than is left of it, and what is used is the sum of what was really used.
    #[test]
    fn budgets_are_what_a_log_says(
        amount in 1_u64..60,
        steps in prop::collection::vec((0_u64..1_500, 1_u64..20, 0_u64..30, 0_usize..4), 1..120),
    ) {
        let budget = Budget::cost(amount, BudgetPeriod::Hour);
        let (balancer, clock) = balancer([("a", TenantSpec::new().with_budget(budget))]);
        let (mut now, mut used_in, mut open) = (0, HashMap::<u64, u64>::new(), vec![]);
        for (gap, cost, actual, action) in steps {
            clock.advance(SECOND * u32::try_from(gap).expect("small"));
            now += gap;
            let window = now / 3_600;
            // What the windows before have overdrawn.
            let owed = (0..window).fold(0_u64, |owed, past| {
                (owed + used_in.get(&past).copied().unwrap_or(0)).saturating_sub(amount)
            });
            let used_now = used_in.get(&window).copied().unwrap_or(0) + owed;
            match balancer.try_acquire(&Request::new("a").cost(cost)) {
                Ok(lease) => {
                    prop_assert!(used_now + cost <= amount);
                    *used_in.entry(window).or_default() += cost;
                    open.push((lease, window, cost));
                }
                Err(Rejection::CostTooHigh { .. }) => prop_assert!(cost > amount),
                Err(_) => prop_assert!(used_now + cost > amount),
            }
            if action > 0 && !open.is_empty() {
                let (lease, taken_in, cost) = open.remove(open.len() / 2);
                lease.finish(Outcome::success().with_cost(actual));
                if actual > cost {
                    *used_in.entry(window).or_default() += actual - cost;
                } else if taken_in == window {
                    *used_in.entry(window).or_default() -= cost - actual;
                }
            }
        }
    }
}

/// Whatever happens to requests in four threads while updates change the budget, what is used is in the end what was really used.
#[test]
fn threads_and_updates_lose_nothing() {
    let with = |amount| {
        let team = TenantSpec::new().with_budget(Budget::cost(u64::MAX / 8, BudgetPeriod::Year));
        let own = TenantSpec::new().with_parent("team").with_budget(Budget::cost(amount, BudgetPeriod::Year));
        config([("team", team), ("a", own)])
    };
    let clock = ManualClock::starting_at(Duration::from_secs(START));
    let balancer = Balancer::with_clock(with(1_000_000_000), clock).expect("usable");
    let total: u64 = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|seed| {
                scope.spawn({
                    let balancer = &balancer;
                    move || run_many(balancer, seed)
                })
            })
            .collect();
        for amount in 0..50 {
            balancer.reconfigure(with(1_000_000_000 + amount)).expect("usable");
        }
        workers.into_iter().map(|worker| worker.join().expect("it does not panic")).sum()
    });
    assert_eq!(used(&balancer), [total, total]);
    let stats = balancer.tenant_stats("a").expect("it is there");
    assert_eq!((stats.in_flight(), stats.waiting()), (0, 0));
}

/// Runs 3 000 requests that end in every way there is; says what they have really cost.
fn run_many(balancer: &Balancer, seed: u64) -> u64 {
    let one = |n: u64| {
        let (cost, actual) = (1 + (n * 7 + seed) % 13, (n * 5 + seed) % 29);
        let lease = balancer.try_acquire(&Request::new("a").cost(cost)).ok()?;
        let outcome = match n % 4 {
            0 => Outcome::cancelled(),
            1 => Outcome::failure(),
            _ => Outcome::success().with_cost(actual),
        };
        if n.is_multiple_of(8) {
            drop(lease);
        } else {
            lease.finish(outcome);
        }
        Some(outcome.cost().unwrap_or(cost))
    };
    (0..3_000).filter_map(one).sum()
}

#[test]
fn a_soft_limit_slows_checks_too() {
    let spec = TenantSpec::new()
        .with_rate(Rate::per_second(10).with_burst(1))
        .with_budget(Budget::requests(1_000, BudgetPeriod::Day).with_soft_limit(1, 10));
    let (balancer, clock) = balancer([("a", spec)]);
    let passed = (0..300).filter(|_| {
        clock.advance(Duration::from_millis(100));
        balancer.check(&Request::new("a")).is_ok()
    });
    let passed = passed.count();
    assert!((30..=50).contains(&passed), "ten at full speed, then one a second, and not {passed}");
}

#[test]
fn a_debt_of_thousands_of_minutes_drains_minute_by_minute_while_idle() {
    let (balancer, clock) =
        balancer([("a", TenantSpec::new().with_budget(Budget::cost(10, BudgetPeriod::Minute)))]);
    let lease = balancer.try_acquire(&Request::new("a").cost(1)).expect("fresh");
    lease.finish(Outcome::success().with_cost(20_011));
    clock.advance(Duration::from_secs(60 * 1_999));
    assert!(run(&balancer, 1).is_some(), "the last of it is owed yet");
    clock.advance(Duration::from_secs(60 * 3));
    assert_eq!(used(&balancer), [0]);
    assert_eq!(run(&balancer, 10), None);
}

#[test]
fn a_dimension_that_is_named_twice_counts_twice_and_never_overflows() {
    let spec = TenantSpec::new().with_budget(Budget::of(dimension("input"), 100, BudgetPeriod::Day));
    let (balancer, _clock) = balancer([("a", spec)]);
    let ask = |amounts| balancer.try_acquire(&Request::new("a").amounts(amounts));
    let refused = ask(&[("input", u64::MAX), ("input", 2)]).err();
    assert_eq!(refused, Some(Rejection::CostTooHigh { limit: 100 }));
    let mut lease = ask(&[("input", 1), ("input", 2)]).expect("fresh");
    assert_eq!(used(&balancer), [3]);
    lease.report(&[("input", 5), ("input", 7)]).expect("it is a dimension");
    lease.finish(Outcome::success());
    assert_eq!(used(&balancer), [12]);
}
