//! What an update must not lose, give away or let in.

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread,
    time::Duration,
};

use tenantry::{
    Balancer, CapacitySpec, Clock, Config, ManualClock, Outcome, OutlierSpec, PoolSpec, QueueSpec, Rate,
    Rejection, Request, TenantSpec, UnknownTenants,
};

const HOUR: Duration = Duration::from_secs(3_600);

fn config(rate: Rate) -> Config {
    let pool = PoolSpec::new(["x", "y"]).with_capacity(CapacitySpec::fixed(100));
    Config::new().with_pool("api", pool).with_tenant("a", TenantSpec::new().with_rate(rate))
}

fn balancer(config: Config) -> (Balancer, ManualClock) {
    let clock = ManualClock::new();
    (Balancer::with_clock(config, clock.clone()).expect("usable"), clock)
}

#[test]
fn an_update_that_keeps_the_rates_keeps_what_leases_may_give_back() {
    let (balancer, _clock) = balancer(config(Rate::cost(10, HOUR)));
    let lease = balancer.try_acquire_owned(&Request::new("a").cost(10)).expect("full");
    balancer.reconfigure(config(Rate::cost(10, HOUR))).expect("usable");
    lease.finish(Outcome::success().with_cost(1));
    assert!(balancer.try_acquire(&Request::new("a").cost(9)).is_ok());
}

#[test]
fn a_changed_rate_keeps_what_was_used_and_refills_it_at_the_new_one() {
    let (balancer, _clock) = balancer(config(Rate::requests(2, HOUR)));
    for _ in 0..2 {
        assert!(balancer.try_acquire(&Request::new("a")).is_ok());
    }
    balancer.reconfigure(config(Rate::per_second(1_000).with_burst(2))).expect("usable");
    let denied = balancer.try_acquire(&Request::new("a")).expect_err("two are used");
    assert_eq!(denied, Rejection::RateLimited { retry_after: Duration::from_millis(1) });
}

#[test]
fn limits_hold_whatever_the_clock_shows_at_the_start() {
    let clock = ManualClock::new();
    clock.advance(Duration::from_secs(1_800_000_000));
    let balancer = Balancer::with_clock(config(Rate::per_second(1)), clock.clone()).expect("usable");
    assert!(balancer.try_acquire(&Request::new("a")).is_ok());
    let denied = balancer.try_acquire(&Request::new("a")).expect_err("one a second");
    assert_eq!(denied, Rejection::RateLimited { retry_after: Duration::from_secs(1) });
    assert!(clock.now().as_nanos() > 1);
}

#[test]
fn the_newest_capacity_is_the_one_in_force() {
    let with = |capacity| {
        Config::new()
            .with_pool("api", PoolSpec::new(["x"]).with_capacity(capacity))
            .with_tenant("a", TenantSpec::new())
    };
    let (balancer, _clock) = balancer(with(CapacitySpec::adaptive()));
    let late = balancer.try_acquire_owned(&Request::new("a")).expect("a seat");
    balancer.reconfigure(with(CapacitySpec::fixed(2))).expect("usable");
    late.finish(Outcome::success());
    balancer.reconfigure(with(CapacitySpec::fixed(7))).expect("usable");
    assert_eq!(balancer.stats().pool("api").map(tenantry::PoolStats::capacity), Some(7));
}

/// One seat, and so many may wait for it.
fn with_waiting(endpoint: &str, most: u32, seats: u32) -> Config {
    let queue = QueueSpec::default().with_per_tenant(most);
    let pool = PoolSpec::new([endpoint]).with_capacity(CapacitySpec::fixed(seats)).with_queue(queue);
    Config::new().with_pool("api", pool).with_tenant("a", TenantSpec::new())
}

#[test]
fn queues_go_by_the_update_that_was_published_last() {
    for _ in 0..300 {
        let balancer = Balancer::new(with_waiting("http://two", 2, 1)).expect("usable");
        thread::scope(|scope| {
            for (endpoint, most) in [("http://one", 1), ("http://three", 3)] {
                let balancer = &balancer;
                scope.spawn(move || balancer.reconfigure(with_waiting(endpoint, most, 1)).expect("usable"));
            }
        });
        let lease = balancer.try_acquire(&Request::new("a")).expect("the seat is free");
        let published = if lease.endpoint().address() == "http://one" { 1 } else { 3 };
        let mut waiting: Vec<_> = (0..4).map(|_| Box::pin(balancer.acquire(Request::new("a")))).collect();
        let polled =
            waiting.iter_mut().map(|place| place.as_mut().poll(&mut Context::from_waker(Waker::noop())));
        assert_eq!(polled.filter(Poll::is_pending).count(), published);
    }
}

/// Somebody's waker that changes the configuration, again.
struct Changes(Balancer);

impl Wake for Changes {
    fn wake(self: Arc<Self>) {
        self.0.reconfigure(with_waiting("http://x", 1, 3)).expect("usable");
        self.0.set_tenant("a", &TenantSpec::new().with_weight(2)).expect("usable");
    }
}

#[test]
fn who_is_woken_by_an_update_may_make_another() {
    let balancer = Balancer::new(with_waiting("http://x", 1, 1)).expect("usable");
    let lease = balancer.try_acquire(&Request::new("a")).expect("the seat is free");
    let waker = Waker::from(Arc::new(Changes(balancer.clone())));
    let mut waiting = pin!(balancer.acquire(Request::new("a")));
    assert!(waiting.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    balancer.reconfigure(with_waiting("http://x", 1, 2)).expect("usable");
    let Poll::Ready(Ok(second)) = waiting.poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("there is a seat for it");
    };
    let third = balancer.try_acquire(&Request::new("a"));
    assert!(third.is_ok(), "the waker's configuration is the last: {third:?}");
    drop((lease, second));
}

#[test]
fn an_ejected_endpoint_stays_out_over_an_update_and_comes_back() {
    let outlier = OutlierSpec::new().with_consecutive_failures(1).with_ejection(Duration::from_secs(10));
    let with = |endpoints: &[&str]| {
        let pool = PoolSpec::new(endpoints.iter().copied())
            .with_outlier(outlier)
            .with_capacity(CapacitySpec::fixed(9));
        Config::new().with_pool("api", pool).with_tenant("a", TenantSpec::new())
    };
    let (balancer, clock) = balancer(with(&["x", "y", "z"]));
    let bad = loop {
        let lease = balancer.try_acquire(&Request::new("a")).expect("a seat");
        if lease.endpoint().address() == "x" {
            break lease;
        }
    };
    bad.finish(Outcome::failure());
    balancer.reconfigure(with(&["w", "x", "y", "z"])).expect("usable");
    let picked = |n: usize| {
        (0..n)
            .filter(|_| {
                balancer.try_acquire(&Request::new("a")).is_ok_and(|lease| lease.endpoint().address() == "x")
            })
            .count()
    };
    assert_eq!(picked(200), 0, "it is still ejected");
    clock.advance(Duration::from_secs(12));
    let trial = loop {
        let lease = balancer.try_acquire_owned(&Request::new("a")).expect("a seat");
        if lease.endpoint().address() == "x" {
            break lease;
        }
    };
    assert_eq!(picked(200), 0, "one trial at a time");
    trial.finish(Outcome::success());
    assert!(picked(200) > 0);
}

#[test]
fn ids_that_statistics_use_name_nobody() {
    let template = Config::new()
        .with_pool("api", PoolSpec::new(["x"]))
        .with_template("free", TenantSpec::new())
        .with_unknown_tenants(UnknownTenants::template("free", 9));
    let (balancer, _clock) = balancer(template);
    for id in ["(overflow)", "(other)"] {
        assert_eq!(balancer.try_acquire(&Request::new(id)).err(), Some(Rejection::UnknownTenant));
        let named = Config::new().with_tenant(id, TenantSpec::new());
        assert_eq!(Balancer::new(named).expect_err("reserved").path(), "tenants");
    }
}

#[test]
fn an_absurd_ejection_time_is_refused_and_a_long_one_does_not_overflow() {
    let with = |time| {
        let outlier =
            OutlierSpec::new().with_consecutive_failures(1).with_ejection(time).with_longest_ejection(time);
        Config::new()
            .with_pool("api", PoolSpec::new(["x", "y"]).with_outlier(outlier))
            .with_tenant("a", TenantSpec::new())
    };
    let error = Balancer::new(with(Duration::MAX)).expect_err("longer than a year");
    assert_eq!(error.path(), "pools.api.health.outlier.longest_ejection");
    let (balancer, _clock) = balancer(with(Duration::from_secs(366 * 86_400)));
    for _ in 0..20 {
        balancer.try_acquire(&Request::new("a")).expect("a seat").finish(Outcome::failure());
    }
    assert!(balancer.try_acquire(&Request::new("a")).is_ok());
}
