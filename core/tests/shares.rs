//! Shares of the seats, wide requests and the tenant tree, through the public interface.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tenantry::{
    Acquire, Amount, Balancer, CapacitySpec, Config, Lease, ManualClock, Outcome, PoolSpec, Rejection,
    Request, SeatsSpec, TenantSpec,
};

/// A pool of so many seats over one endpoint, and these tenants.
fn balancer(seats: u32, tenants: &[(&str, TenantSpec)]) -> (Balancer, ManualClock) {
    let clock = ManualClock::new();
    let balancer = Balancer::with_clock(config(seats, tenants), clock.clone()).expect("it is valid");
    (balancer, clock)
}

fn config(seats: u32, tenants: &[(&str, TenantSpec)]) -> Config {
    let pool = PoolSpec::new(["a"]).with_capacity(CapacitySpec::fixed(seats));
    let config = Config::new().with_pool("pool", pool);
    tenants.iter().fold(config, |config, (id, spec)| config.with_tenant(*id, spec.clone()))
}

fn poll(acquire: &mut Acquire) -> Poll<Result<Lease, Rejection>> {
    Pin::new(acquire).poll(&mut Context::from_waker(Waker::noop()))
}

/// As many requests of a tenant as this, all waiting or seated.
fn crowd(balancer: &Balancer, tenant: &str, count: usize) -> Vec<Acquire> {
    (0..count).map(|_| balancer.acquire_owned(Request::new(tenant))).collect()
}

/// Takes out those who have their seat.
fn seated(waiting: &mut Vec<Acquire>) -> Vec<Lease> {
    let mut leases = vec![];
    waiting.retain_mut(|acquire| match poll(acquire) {
        Poll::Ready(lease) => {
            leases.extend(lease.ok());
            false
        }
        Poll::Pending => true,
    });
    leases
}

fn guaranteed(seats: u32) -> SeatsSpec {
    SeatsSpec::none().with_guaranteed(Amount::Seats(seats))
}

#[test]
fn what_is_guaranteed_and_lent_comes_back_first() {
    let (balancer, _clock) = balancer(
        4,
        &[
            ("vip", TenantSpec::new().with_seats(guaranteed(2))),
            ("crowd", TenantSpec::new().with_weight(100)),
        ],
    );
    let mut waiting = crowd(&balancer, "crowd", 20);
    let mut leases = seated(&mut waiting);
    assert_eq!(leases.len(), 4, "the guarantee is lent");
    let mut vip = crowd(&balancer, "vip", 3);
    for expected in [1, 2, 2] {
        leases.remove(0).finish(Outcome::success());
        leases.extend(seated(&mut waiting));
        let got = vip.len();
        let mut vips = seated(&mut vip);
        assert_eq!(got - vip.len(), vips.len());
        leases.append(&mut vips);
        assert_eq!(3 - vip.len(), expected);
    }
}

#[test]
fn what_is_not_lent_stays_free() {
    let spec = guaranteed(3).with_lendable(Amount::Seats(1));
    let (balancer, _clock) =
        balancer(4, &[("vip", TenantSpec::new().with_seats(spec)), ("crowd", TenantSpec::new())]);
    let mut waiting = crowd(&balancer, "crowd", 10);
    let leases = seated(&mut waiting);
    assert_eq!(leases.len(), 2, "two of four stay free");
    assert_eq!(balancer.try_acquire(&Request::new("crowd")).err(), Some(Rejection::Saturated));
    let first = balancer.try_acquire(&Request::new("vip")).expect("its seat is free");
    let second = balancer.try_acquire(&Request::new("vip")).expect("its seat is free");
    assert_eq!(balancer.try_acquire(&Request::new("vip")).err(), Some(Rejection::Saturated));
    drop((first, second));
    assert!(seated(&mut waiting).is_empty(), "they stay reserved");
    drop(leases);
    assert_eq!(seated(&mut waiting).len(), 2);
}

#[test]
fn a_reservation_ends_with_its_configuration() {
    let spec = guaranteed(3).with_lendable(Amount::Seats(0));
    let tenants = [("vip", TenantSpec::new().with_seats(spec)), ("crowd", TenantSpec::new())];
    let (balancer, _clock) = balancer(4, &tenants);
    let mut waiting = crowd(&balancer, "crowd", 10);
    assert_eq!(seated(&mut waiting).len(), 1);
    balancer
        .reconfigure(config(4, &[("vip", TenantSpec::new()), ("crowd", TenantSpec::new())]))
        .expect("it is valid");
    assert_eq!(seated(&mut waiting).len(), 4, "the lease above was dropped, and nothing is reserved");
}

#[test]
fn nobody_gets_more_than_its_maximum_and_nobody_waits_for_that() {
    let most = SeatsSpec::none().with_max(Amount::Percent(50));
    let (balancer, _clock) =
        balancer(4, &[("big", TenantSpec::new().with_seats(most)), ("other", TenantSpec::new())]);
    let mut big = crowd(&balancer, "big", 10);
    let held = seated(&mut big);
    assert_eq!(held.len(), 2);
    let mut other = crowd(&balancer, "other", 3);
    assert_eq!(seated(&mut other).len(), 2, "big waits for its own seats, not in anybody's way");
    assert!(seated(&mut big).is_empty());
    drop(held);
    assert_eq!(seated(&mut other).len() + seated(&mut big).len(), 3);
}

#[test]
fn a_team_has_its_maximum_together() {
    let team = TenantSpec::new().with_seats(SeatsSpec::none().with_max(Amount::Seats(3)));
    let member = TenantSpec::new().with_parent("team");
    let (balancer, _clock) = balancer(
        8,
        &[("team", team), ("ann", member.clone()), ("bob", member), ("other", TenantSpec::new())],
    );
    let (mut ann, mut bob) = (crowd(&balancer, "ann", 5), crowd(&balancer, "bob", 5));
    let (first, second) = (seated(&mut ann), seated(&mut bob));
    assert_eq!(first.len() + second.len(), 3);
    let mut other = crowd(&balancer, "other", 9);
    assert_eq!(seated(&mut other).len(), 5);
    drop((first, second));
    let (first, second) = (seated(&mut ann), seated(&mut bob));
    assert_eq!(first.len() + second.len(), 3);
    assert!(!second.is_empty(), "bob has waited as long");
}

#[test]
fn a_wide_request_takes_its_seats_at_once_and_is_not_starved() {
    let (balancer, _clock) = balancer(4, &[("wide", TenantSpec::new()), ("narrow", TenantSpec::new())]);
    let mut narrow = crowd(&balancer, "narrow", 4);
    let mut leases = seated(&mut narrow);
    let mut wide = vec![balancer.acquire_owned(Request::new("wide").seats(3))];
    let mut more = crowd(&balancer, "narrow", 8);
    for _ in 0..3 {
        assert!(seated(&mut wide).is_empty());
        leases.remove(0).finish(Outcome::success());
        assert!(seated(&mut more).len() <= 1, "narrow ones do not pass it for long");
    }
    let pool = |balancer: &Balancer| balancer.stats().pools()[0].in_flight();
    for _ in 0..4 {
        leases.extend(seated(&mut more));
        if wide.is_empty() || leases.is_empty() {
            break;
        }
        leases.remove(0).finish(Outcome::success());
        leases.extend(seated(&mut wide));
        assert!(pool(&balancer) <= 4);
    }
    assert!(wide.is_empty(), "it has run");
}

#[test]
fn a_request_wider_than_the_pool_runs_alone() {
    let (balancer, _clock) = balancer(4, &[("wide", TenantSpec::new()), ("narrow", TenantSpec::new())]);
    let narrow = balancer.try_acquire_owned(&Request::new("narrow")).expect("a seat is free");
    let mut wide = vec![balancer.acquire_owned(Request::new("wide").seats(9))];
    assert!(seated(&mut wide).is_empty());
    drop(narrow);
    let lease = seated(&mut wide);
    assert_eq!((lease.len(), balancer.stats().pools()[0].in_flight()), (1, 4));
    assert_eq!(balancer.try_acquire(&Request::new("narrow")).err(), Some(Rejection::Saturated));
    drop(lease);
    assert_eq!(balancer.stats().pools()[0].in_flight(), 0);
}

#[test]
fn shares_of_a_tree_hold_in_the_seats() {
    let member = |weight| TenantSpec::new().with_parent("org").with_weight(weight);
    let (balancer, clock) = balancer(
        1,
        &[
            ("org", TenantSpec::new().with_weight(1)),
            ("one", member(1)),
            ("two", member(3)),
            ("alone", TenantSpec::new().with_weight(1)),
        ],
    );
    let mut waiting: BTreeMap<&str, Vec<Acquire>> =
        ["one", "two", "alone"].into_iter().map(|id| (id, crowd(&balancer, id, 250))).collect();
    let mut served: BTreeMap<&str, u32> = BTreeMap::new();
    for _ in 0..200 {
        clock.advance(Duration::from_millis(1));
        for (id, line) in &mut waiting {
            for lease in seated(line) {
                *served.entry(id).or_default() += 1;
                lease.finish(Outcome::success());
            }
        }
    }
    let total: u32 = served.values().sum();
    let share = |id| f64::from(served[id]) / f64::from(total);
    assert!((share("alone") - 0.5).abs() < 0.02, "{served:?}");
    assert!((share("one") - 0.125).abs() < 0.02, "{served:?}");
    assert!((share("two") - 0.375).abs() < 0.02, "{served:?}");
}

#[test]
fn the_tree_is_checked() {
    let message = |config: Config| Balancer::new(config).expect_err("it is refused").to_string();
    let child = |parent: &str| TenantSpec::new().with_parent(parent);
    let unknown = message(config(1, &[("a", child("nobody"))]));
    assert!(unknown.contains("tenants.a.parent") && unknown.contains("nobody"), "{unknown}");
    let circle = message(config(1, &[("a", child("b")), ("b", child("a"))]));
    assert!(circle.contains("circle"), "{circle}");
    let lendable = SeatsSpec::none().with_lendable(Amount::Seats(1));
    assert!(message(config(1, &[("a", TenantSpec::new().with_seats(lendable))])).contains("lendable"));
    let share = SeatsSpec::none().with_guaranteed(Amount::Seats(5)).with_max(Amount::Seats(3));
    assert!(message(config(1, &[("a", TenantSpec::new().with_seats(share))])).contains("guaranteed"));
}
