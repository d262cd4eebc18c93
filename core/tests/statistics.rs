//! What statistics say of weights, draining, panic and refusals.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tenantry::{
    Balancer, CapacitySpec, Config, EndpointChange, EndpointSpec, HealthOverride, ManualClock, PoolSpec,
    Rate, Rejection, Request, TenantSpec,
};

const A: &str = "http://a:1";

fn balancer() -> Balancer {
    let pool = PoolSpec::new([EndpointSpec::new(A), EndpointSpec::new("http://b:1").with_weight(4)]);
    let config = Config::new()
        .with_pool("api", pool)
        .with_tenant("acme", TenantSpec::new().with_weight(3))
        .with_tenant("org", TenantSpec::new().with_weight(7))
        .with_tenant("team", TenantSpec::new().with_parent("org").with_weight(2));
    Balancer::new(config).expect("a configuration")
}

#[test]
fn tenants_have_their_weights_in_every_reading_and_sums_have_none() {
    let balancer = balancer();
    // A parent's own requests stand beside its children's.
    for (id, weight) in [("acme", 3), ("team", 2), ("org", 1)] {
        let alone = balancer.tenant_stats(id).expect("it is there").weight();
        let listed = balancer.stats().tenant(id).expect("it is listed").weight();
        let page = balancer.tenant_page(0, 10);
        let on_page = page.tenants().iter().find(|tenant| tenant.id() == id).expect("it is there").weight();
        assert_eq!([alone, listed, on_page], [weight; 3], "{id}");
    }
    assert_eq!(balancer.stats().other().weight(), 0);
}

#[test]
fn endpoints_have_their_weights_and_tell_whether_they_drain() {
    let balancer = balancer();
    let changes = [EndpointChange::Drain(A.into()), EndpointChange::Reweigh("http://b:1".into(), 0)];
    let told = || {
        let pool = balancer.pool_stats("api").expect("the pool");
        let mut told: Vec<_> = pool
            .endpoints()
            .iter()
            .map(|endpoint| (endpoint.address().to_owned(), endpoint.weight(), endpoint.is_draining()))
            .collect();
        told.sort();
        told
    };
    assert_eq!(told(), [(A.to_owned(), 1, false), ("http://b:1".to_owned(), 4, false)]);
    balancer.change_endpoints("api", &changes).expect("they are there");
    assert_eq!(told(), [(A.to_owned(), 1, true), ("http://b:1".to_owned(), 0, false)]);
}

#[test]
fn a_pool_is_in_panic_while_too_few_are_healthy_and_not_after() {
    let balancer = balancer();
    let panics = || balancer.pool_stats("api").expect("the pool").is_in_panic();
    assert!(!panics());
    for address in [A, "http://b:1"] {
        balancer.override_health("api", address, HealthOverride::Ejected, None).expect("it is there");
    }
    assert!(panics());
    for address in [A, "http://b:1"] {
        balancer.clear_health_override("api", address).expect("it is there");
    }
    assert!(!panics());
}

#[test]
fn refusals_are_counted_by_reason_once_each_where_the_request_wanted_to_go() {
    let one_seat = || PoolSpec::new([A]).with_capacity(CapacitySpec::fixed(1));
    let config = Config::new()
        .with_pool("api", one_seat().with_fallback("spare"))
        .with_pool("spare", one_seat())
        .with_tenant("acme", TenantSpec::new())
        .with_tenant("slow", TenantSpec::new().with_rate(Rate::per_second(1)));
    let clock = ManualClock::new();
    let balancer = Balancer::with_clock(config, clock.clone()).expect("a configuration");
    let ask = |tenant: &'static str| Request::new(tenant).pool("api");
    let slow = balancer.try_acquire(&ask("slow")).expect("a seat");
    assert!(matches!(balancer.try_acquire(&ask("slow")), Err(Rejection::RateLimited { .. })));
    assert_eq!(balancer.try_acquire(&ask("nobody")).err(), Some(Rejection::UnknownTenant));
    // The fallback serves this one: nobody was refused. Then nobody serves.
    let spare = balancer.try_acquire(&ask("acme")).expect("the fallback's seat");
    assert_eq!(balancer.try_acquire(&ask("acme")).err(), Some(Rejection::Saturated));
    let mut waiting = pin!(balancer.acquire(ask("acme").timeout(Duration::from_secs(1))));
    let mut context = Context::from_waker(Waker::noop());
    assert!(waiting.as_mut().poll(&mut context).is_pending());
    clock.advance(Duration::from_secs(1));
    assert!(matches!(waiting.as_mut().poll(&mut context), Poll::Ready(Err(Rejection::TimedOut))));
    // Whoever goes by itself was not refused.
    drop(balancer.acquire(ask("acme")));
    drop((slow, spare));

    // An edition later they are still there.
    balancer.change_endpoints("api", &[EndpointChange::Drain(A.into())]).expect("it is there");
    let told = balancer.pool_stats("api").expect("the pool").rejections();
    let counted: Vec<_> = told.iter().filter(|(_, count)| *count > 0).collect();
    let expected = [("UNKNOWN_TENANT", 1), ("RATE_LIMITED", 1), ("SATURATED", 1), ("TIMED_OUT", 1)];
    assert_eq!(counted, expected);
    assert_eq!((told.of("RATE_LIMITED"), told.of("NO_SUCH_CODE"), told.total()), (1, 0, 4));
    assert_eq!(balancer.pool_stats("spare").expect("the pool").rejections().total(), 0);
}
