//! Which pools a tenant may use, from when to when, and whose limits count in a pool that somebody owns.

use std::time::Duration;

use tenantry::{
    Balancer, Budget, BudgetPeriod, CapacitySpec, Config, Grant, LimitStatus, ManualClock, Outcome, PoolSpec,
    Rate, Rejection, Request, TenantSpec,
};

const SECOND: Duration = Duration::from_secs(1);
/// 2026-12-01T00:00:00Z.
const DECEMBER: Duration = Duration::from_secs(1_796_083_200);

fn pool() -> PoolSpec {
    PoolSpec::new(["http://10.0.0.1:80"]).with_capacity(CapacitySpec::fixed(10_000))
}

fn start(config: Config, unix: Duration) -> (Balancer, ManualClock) {
    let clock = ManualClock::starting_at(unix);
    (Balancer::with_clock(config, clock.clone()).expect("usable"), clock)
}

fn run(balancer: &Balancer, id: &str, pool: &str, cost: u64) -> Result<(), Rejection> {
    let lease = balancer.try_acquire(&Request::new(id).pool(pool).cost(cost))?;
    lease.finish(Outcome::success());
    Ok(())
}

fn used(balancer: &Balancer, id: &str) -> Vec<u64> {
    balancer.own_limits_of(id).expect("it is there").iter().map(LimitStatus::used).collect()
}

fn limited(retry_after: Duration) -> Result<(), Rejection> {
    Err(Rejection::RateLimited { retry_after })
}

#[test]
fn a_grant_begins_and_ends_to_the_nanosecond() {
    let december = Grant::of("gpu").from(DECEMBER).until(DECEMBER + 60 * SECOND);
    let config = Config::new()
        .with_pool("api", pool())
        .with_pool("gpu", pool())
        .with_tenant("a", TenantSpec::new().with_pools([Grant::of("api"), december]));
    let (balancer, clock) = start(config, DECEMBER - SECOND);
    let gpu = || run(&balancer, "a", "gpu", 1);
    assert_eq!((gpu(), run(&balancer, "a", "api", 1)), (Err(Rejection::PoolForbidden), Ok(())));
    clock.advance(SECOND - Duration::from_nanos(1));
    assert_eq!(gpu(), Err(Rejection::PoolForbidden));
    clock.advance(Duration::from_nanos(1));
    assert_eq!(gpu(), Ok(()));
    clock.advance(60 * SECOND - Duration::from_nanos(1));
    let lease = balancer.try_acquire(&Request::new("a").pool("gpu")).expect("still granted");
    clock.advance(Duration::from_nanos(1));
    assert_eq!(gpu(), Err(Rejection::PoolForbidden));
    lease.finish(Outcome::success());
    assert_eq!(balancer.tenant_stats("a").map(|stats| stats.completed()), Some(3));
}

/// A pool of acme's, which is a part of org; a guest who is not, and one who is.
fn owned() -> Config {
    let rate = |cost| TenantSpec::new().with_rate(Rate::cost(cost, SECOND));
    Config::new()
        .with_pool("gpu", pool().with_owner("acme"))
        .with_pool("api", pool())
        .with_tenant("org", rate(1_000))
        .with_tenant("acme", rate(100).with_max_in_flight(2).with_parent("org"))
        .with_tenant("acme_team", TenantSpec::new().with_parent("acme"))
        .with_tenant("guest", rate(60).with_pools(["api", "gpu"]))
        .with_tenant("cousin", rate(500).with_parent("org").with_pools(["gpu"]))
        .with_tenant("stranger", TenantSpec::new())
}

#[test]
fn a_guest_counts_under_its_own_limits_and_under_the_owners() {
    let (balancer, _) = start(owned(), DECEMBER);
    assert_eq!(run(&balancer, "stranger", "gpu", 1), Err(Rejection::PoolForbidden));
    assert_eq!(run(&balancer, "stranger", "api", 1), Ok(()));
    assert_eq!((run(&balancer, "acme", "gpu", 10), run(&balancer, "acme_team", "gpu", 10)), (Ok(()), Ok(())));
    assert_eq!(run(&balancer, "guest", "gpu", 50), Ok(()));
    assert_eq!(
        (used(&balancer, "guest"), used(&balancer, "acme"), used(&balancer, "org")),
        (vec![50], vec![70], vec![70])
    );
    // In a pool of nobody's it counts under its own alone.
    assert_eq!(run(&balancer, "guest", "api", 5), Ok(()));
    assert_eq!((used(&balancer, "guest"), used(&balancer, "acme")), (vec![55], vec![70]));
    assert_eq!(
        run(&balancer, "guest", "gpu", 25),
        limited(Duration::from_nanos(333_333_334)),
        "its own limit"
    );
    // The owner's: and then its own is untouched.
    assert_eq!(run(&balancer, "cousin", "gpu", 40), limited(SECOND / 10));
    assert_eq!((used(&balancer, "cousin"), used(&balancer, "org")), (vec![0], vec![70]));
    // Whom both are beneath counts once.
    assert_eq!(run(&balancer, "cousin", "gpu", 30), Ok(()));
    assert_eq!(
        (used(&balancer, "cousin"), used(&balancer, "org"), used(&balancer, "acme")),
        (vec![30], vec![100], vec![100])
    );
}

#[test]
fn a_guest_is_settled_and_leaves_where_it_was_charged() {
    let (balancer, clock) = start(owned(), DECEMBER);
    let first = balancer.try_acquire(&Request::new("guest").pool("gpu").cost(10)).expect("there is room");
    let second = balancer.try_acquire(&Request::new("acme").pool("gpu").cost(10)).expect("there is room");
    let third = run(&balancer, "guest", "gpu", 1);
    assert_eq!(third, Err(Rejection::TooManyInFlight { limit: 2 }), "the owner's cap");
    first.finish(Outcome::success().with_cost(30));
    assert_eq!(
        (used(&balancer, "guest"), used(&balancer, "acme"), used(&balancer, "org")),
        (vec![30], vec![40], vec![40])
    );
    drop(second);
    // An update between acquire and finish: other terms of the owner, another edition.
    let lease = balancer.try_acquire(&Request::new("guest").pool("gpu").cost(10)).expect("there is room");
    balancer
        .set_tenant("acme", &TenantSpec::new().with_rate(Rate::cost(200, SECOND)).with_parent("org"))
        .expect("usable");
    lease.finish(Outcome::success().with_cost(20));
    assert_eq!(
        (used(&balancer, "guest"), used(&balancer, "acme"), used(&balancer, "org")),
        (vec![50], vec![60], vec![60])
    );
    clock.advance(10 * SECOND);
    for id in ["guest", "acme", "org"] {
        let stats = balancer.tenant_stats(id).expect("it is there");
        assert_eq!((stats.in_flight(), stats.beneath()), (0, 0), "{id}");
    }
    assert!(balancer.remove_tenant("acme_team").expect("nobody is beneath it"));
    assert!(
        balancer.remove_tenant("acme").expect_err("it owns a pool").to_string().contains("owns the pool")
    );
}

#[test]
fn an_owners_budget_is_spent_by_guests_too() {
    let budget = |cost| TenantSpec::new().with_budget(Budget::cost(cost, BudgetPeriod::Day));
    let config = Config::new()
        .with_pool("gpu", pool().with_owner("acme"))
        .with_tenant("acme", budget(100))
        .with_tenant("guest", TenantSpec::new().with_pools(["gpu"]));
    let (balancer, _) = start(config, DECEMBER);
    assert_eq!(run(&balancer, "guest", "gpu", 80), Ok(()));
    let spent = Err(Rejection::BudgetExhausted { retry_after: Duration::from_secs(86_400) });
    assert_eq!((run(&balancer, "guest", "gpu", 30), run(&balancer, "acme", "gpu", 30)), (spent, spent));
}

#[test]
fn the_document_has_grants_and_owners_and_says_what_is_wrong_with_them() {
    let document = |grant: &str, owner: &str| {
        let text = format!(
            "[pools.gpu]\nendpoints = [\"http://a:1\"]\nowner = \"{owner}\"\n\
             [tenants.acme]\npools = [\"gpu\"]\n[tenants.guest]\npools = [{grant}]\n"
        );
        Config::from_text(&text, tenantry::Format::Toml).and_then(|config| config.validate().map(|()| config))
    };
    let table = r#"{ pool = "gpu", from = "2026-12-01T00:00:00Z", until = "2026-12-01T01:01:00+01:00" }"#;
    let config = document(table, "acme").expect("usable");
    let expected = Grant::of("gpu").from(DECEMBER).until(DECEMBER + 60 * SECOND);
    assert_eq!(config.tenants()["guest"].pools(), Some(&[expected][..]));
    assert_eq!(config.pools()["gpu"].owner(), Some("acme"));
    for (grant, owner, part) in [
        (r#""gpu""#, "nobody", "pools.gpu.owner"),
        (r#""cpu""#, "acme", "tenants.guest.pools[0]"),
        (r#"{ pool = "gpu", until = "tomorrow" }"#, "acme", "tomorrow"),
        (r#"{ pool = "gpu", since = "2026-12-01T00:00:00Z" }"#, "acme", "since"),
        (
            r#"{ pool = "gpu", from = "2026-12-01T00:00:00Z", until = "2026-12-01T00:00:00Z" }"#,
            "acme",
            "pools[0].until",
        ),
        (r#"{ pool = "gpu", from = "1950-01-01T00:00:00Z" }"#, "acme", "1950"),
    ] {
        let error = document(grant, owner).expect_err("it cannot be used").to_string();
        assert!(error.contains(part), "{error}");
    }
}
