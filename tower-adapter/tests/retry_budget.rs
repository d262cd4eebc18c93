//! tower's own budget, and Tenantry's, at ratios that are no whole number the other way round.

use tenantry::{AttemptsSpec, Balancer, CapacitySpec, Config, ManualClock, PoolSpec, Request, TenantSpec};
use tower::retry::budget::{Budget, TpsBudget};

const WINDOW: std::time::Duration = std::time::Duration::from_secs(60);

/// Retries on 1 000 requests.
fn towers(ratio: f32) -> usize {
    let budget = TpsBudget::new(WINDOW, 0, ratio);
    (0..1_000).for_each(|_| budget.deposit());
    (0..2_000).take_while(|_| budget.withdraw()).count()
}

fn ours(percent: u32) -> usize {
    let retry = AttemptsSpec::none().with_percent(percent).with_window(WINDOW);
    let pool = PoolSpec::new(["x"]).with_capacity(CapacitySpec::fixed(9)).with_retry(retry);
    let config = Config::new().with_pool("api", pool).with_tenant("a", TenantSpec::new());
    let balancer = Balancer::with_clock(config, ManualClock::new()).expect("usable");
    let passes = |request: Request<'_>| balancer.try_acquire(&request).is_ok();
    assert!(!passes(Request::new("a").retry()), "requests count from here on");
    assert!((0..1_000).all(|_| passes(Request::new("a"))));
    (0..2_000).take_while(|_| passes(Request::new("a").retry())).count()
}

#[test]
fn seven_tenths_are_seven_tenths_where_tower_lets_every_request_be_retried() {
    assert_eq!((ours(70), towers(0.7)), (700, 1_000));
    assert_eq!((ours(30), towers(0.3)), (300, 333));
    assert_eq!((ours(50), towers(0.5)), (500, 500));
}
