//! Session affinity: a token brings a tenant's requests back to an endpoint, as long as it serves, and nobody else's.

use std::{future::Future, time::Duration};

use tenantry::{
    Balancer, CapacitySpec, Config, EndpointChange, EndpointSpec, Lease, ManualClock, Outcome, OutlierSpec,
    PoolSpec, Request, StrategySpec, TenantSpec, UnknownTenants,
};

const SECOND: Duration = Duration::from_secs(1);

fn config(endpoints: impl IntoIterator<Item = EndpointSpec>) -> Config {
    let outlier = OutlierSpec::new().with_consecutive_failures(1).with_max_ejected_percent(100);
    let pool = PoolSpec::new(endpoints)
        .with_outlier(outlier)
        .with_strategy(StrategySpec::round_robin())
        .with_capacity(CapacitySpec::fixed(100));
    Config::new()
        .with_pool("api", pool.clone())
        .with_pool("web", pool)
        .with_tenant("a", TenantSpec::new())
        .with_tenant("b", TenantSpec::new())
}

fn four() -> impl Iterator<Item = EndpointSpec> {
    ["e0.test", "e1.test", "e2.test", "e3.test"].into_iter().map(EndpointSpec::new)
}

fn start(config: Config) -> (Balancer, ManualClock) {
    let clock = ManualClock::new();
    clock.advance(SECOND);
    (Balancer::with_clock(config, clock.clone()).expect("usable"), clock)
}

fn go<'a>(balancer: &'a Balancer, request: &Request<'_>) -> (String, Lease<&'a Balancer>) {
    let lease = balancer.try_acquire(request).expect("somebody serves");
    (lease.endpoint().address().to_owned(), lease)
}

/// A session, and where it is.
fn session(balancer: &Balancer, tenant: &str) -> (String, String) {
    let (address, lease) = go(balancer, &Request::new(tenant).pool("api"));
    let token = lease.affinity_token().expect("the pool is there");
    lease.finish(Outcome::success());
    (token, address)
}

/// At how many endpoints ten requests arrive.
fn places(balancer: &Balancer, request: &Request<'_>) -> usize {
    (0..10).map(|_| go(balancer, request).0).collect::<std::collections::BTreeSet<_>>().len()
}

#[test]
fn a_session_returns_to_its_endpoint_and_nobody_elses_token_counts() {
    let (balancer, _) = start(config(four()));
    let (token, address) = session(&balancer, "a");
    let request = Request::new("a").pool("api").affinity(&token);
    for _ in 0..10 {
        let (back, lease) = go(&balancer, &request);
        assert_eq!((back, lease.affinity_token()), (address.clone(), Some(token.clone())));
    }
    assert!(!token.contains(&address), "a dot is in no token: this fails only if the address stands in it");
    assert_eq!(places(&balancer, &Request::new("b").pool("api").affinity(&token)), 4, "another tenant");
    assert_eq!(places(&balancer, &Request::new("a").pool("web").affinity(&token)), 4, "another pool");
    assert_eq!(places(&balancer, &Request::new("a").pool("api").affinity("")), 4, "no token");
    let (other, _) = start(config(four()));
    assert_eq!(places(&other, &request), 4, "another balancer's");
}

#[test]
fn instances_with_the_same_secrets_understand_each_other_and_secrets_rotate() {
    let with =
        |keys: &[&str]| start(config(four()).with_affinity_keys(keys.iter().map(|key| key.as_bytes()))).0;
    let (old, both, new) = (
        with(&["an old secret, long"]),
        with(&["a new secret, longer", "an old secret, long"]),
        with(&["a new secret, longer"]),
    );
    let (token, address) = session(&old, "a");
    let request = Request::new("a").pool("api").affinity(&token);
    let (back, lease) = go(&both, &request);
    assert_eq!(back, address);
    let renewed = lease.affinity_token().expect("the pool is there");
    assert_ne!(renewed, token, "signed anew");
    assert_eq!(places(&new, &request), 4);
    assert_eq!(go(&new, &Request::new("a").pool("api").affinity(&renewed)).0, address);
    let error =
        Balancer::new(config(four()).with_affinity_keys(["short".as_bytes()])).expect_err("too short");
    assert!(
        error.to_string().contains("affinity.keys[0]") && !error.to_string().contains("short\""),
        "{error}"
    );
}

#[test]
fn a_session_moves_on_when_its_endpoint_cannot_serve() {
    let capped = || four().map(|endpoint| endpoint.with_max_in_flight(1));
    let (balancer, clock) = start(config(capped()));
    let (token, address) = session(&balancer, "a");
    let request = Request::new("a").pool("api").affinity(&token);
    let (back, held) = go(&balancer, &request);
    assert_eq!(back, address);
    assert_ne!(go(&balancer, &request).0, address, "over its bound");
    held.finish(Outcome::failure());
    assert_ne!(go(&balancer, &request).0, address, "ejected");
    clock.advance(40 * SECOND);
    let (back, trial) = go(&balancer, &request);
    assert_eq!(back, address, "its own session may be the trial");
    trial.finish(Outcome::success());
    assert_eq!(go(&balancer, &request).0, address);
    balancer.change_endpoints("api", &[EndpointChange::Reweigh(address.clone(), 0)]).expect("it is there");
    assert_eq!(go(&balancer, &request).0, address, "weight 0 takes nothing but its sessions");
    balancer.change_endpoints("api", &[EndpointChange::Drain(address.clone())]).expect("it is there");
    assert_ne!(go(&balancer, &request).0, address, "draining");
    balancer.change_endpoints("api", &[EndpointChange::Remove(address.clone())]).expect("it is there");
    assert_ne!(go(&balancer, &request).0, address, "gone");
    balancer.change_endpoints("api", &[EndpointChange::Add(address.as_str().into())]).expect("it is new");
    assert_eq!(go(&balancer, &request).0, address, "and there again");
}

#[test]
fn a_session_stays_within_its_tenants_shard_and_sharers_of_the_overflow_tenant_have_sessions_too() {
    let config = config(four())
        .with_seed(1)
        .with_tenant("few", TenantSpec::new().with_shard(1))
        .with_template("free", TenantSpec::new())
        .with_unknown_tenants(UnknownTenants::template("free", 1));
    let (balancer, _) = start(config);
    let (own, _) = session(&balancer, "few");
    let request = Request::new("few").pool("api");
    let home = go(&balancer, &request).0;
    assert_eq!(go(&balancer, &request.affinity(&own)).0, home);
    for address in ["e0.test", "e1.test", "e2.test", "e3.test"] {
        assert_eq!(go(&balancer, &request.prefer(address)).0, home, "not by its own wish either");
        assert_eq!(go(&balancer, &Request::new("a").pool("api").prefer(address)).0, address);
    }
    for tenant in ["first", "second", "third"] {
        let (token, address) = session(&balancer, tenant);
        assert_eq!(go(&balancer, &Request::new(tenant).pool("api").affinity(&token)).0, address, "{tenant}");
    }
}

#[test]
fn a_session_that_had_to_wait_returns_as_well() {
    let (balancer, _) = start(
        config(four()).with_pool(
            "api",
            PoolSpec::new(four())
                .with_strategy(StrategySpec::round_robin())
                .with_capacity(CapacitySpec::fixed(1)),
        ),
    );
    let (token, address) = session(&balancer, "a");
    for _ in 0..8 {
        let (_, running) = go(&balancer, &Request::new("b").pool("api"));
        let mut waiting = std::pin::pin!(balancer.acquire(Request::new("a").pool("api").affinity(&token)));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        running.finish(Outcome::success());
        let std::task::Poll::Ready(Ok(lease)) = waiting.as_mut().poll(&mut context) else {
            panic!("the seat is free")
        };
        assert_eq!(lease.endpoint().address(), address);
    }
}
