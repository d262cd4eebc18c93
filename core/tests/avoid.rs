//! A request that has been tried elsewhere: whom it avoids, and where it goes when nobody else is left.
#![cfg(feature = "toml")]

use std::{collections::BTreeSet, future::Future as _, pin::pin, task::Context, time::Duration};

use proptest::prelude::*;
use tenantry::{Balancer, Config, Format, ManualClock, Outcome, Rejection, Request};

const STRATEGIES: [&str; 12] = [
    r#""p2c""#,
    r#"{ kind = "p2c", choices = 5, load = "in_flight" }"#,
    r#""least_loaded""#,
    r#""round_robin""#,
    r#""random""#,
    r#""weighted""#,
    r#"{ kind = "prequal", probe = "/prequal" }"#,
    r#""ketama""#,
    r#"{ kind = "ketama", bounded = 1.25 }"#,
    r#""ring""#,
    r#""maglev""#,
    r#""rendezvous""#,
];

/// Six endpoints, of which the last two are of a lower tier. A failure ejects.
fn start(strategy: &str, tenant: &str, pool: &str) -> (Balancer, ManualClock) {
    let endpoints: Vec<String> = (0..6)
        .map(|index| format!("{{ address = \"e{index}\", priority = {} }}", u32::from(index > 3)))
        .collect();
    let text = format!(
        "[pools.api]\nstrategy = {strategy}\ncapacity = 100\nendpoints = [{}]\nretry = {{ ratio = 1.0, per_second = 1000 }}\n\
         hedge = {{ ratio = 1.0, per_second = 1000 }}\n\
         health = {{ outlier = {{ consecutive_failures = 1, max_ejected = 100 }} }}\n{pool}\n[tenants.acme]\n{tenant}\n",
        endpoints.join(", ")
    );
    let clock = ManualClock::new();
    clock.advance(Duration::from_secs(1));
    let config = Config::from_text(&text, Format::Toml).expect("a usable configuration");
    (Balancer::with_clock(config, clock.clone()).expect("usable"), clock)
}

fn eject(balancer: &Balancer, addresses: &BTreeSet<usize>) {
    for index in addresses {
        let address = format!("e{index}");
        let lease = balancer.try_acquire(&Request::new("acme").prefer(&address)).expect("a seat");
        if lease.endpoint().address() == address {
            lease.finish(Outcome::failure());
        }
    }
}

/// Where a tenant's requests go.
fn reach(balancer: &Balancer, request: Request<'_>) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    for number in 0..120_u32 {
        let key = number.to_string();
        let request = if number % 3 == 0 { request } else { request.key(key.as_bytes()) };
        let lease = balancer.try_acquire(&request).expect("somebody serves");
        reached.insert(lease.endpoint().address().to_owned());
        lease.finish(Outcome::success());
    }
    reached
}

fn names(indices: impl IntoIterator<Item = usize>) -> Vec<String> {
    indices.into_iter().map(|index| format!("e{index}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn under_every_strategy_it_goes_to_another_while_another_is_usable(
        avoided in prop::collection::btree_set(0_usize..6, 1..=6), shard in prop::option::of(1_u32..4),
    ) {
        let tenant = shard.map_or(String::new(), |size| format!("shard = {size}"));
        for strategy in STRATEGIES {
            let (balancer, _) = start(strategy, &tenant, "");
            let mut allowed = reach(&balancer, Request::new("acme"));
            let first: Vec<&str> = allowed.iter().map(String::as_str).collect();
            let second = reach(&balancer, Request::new("acme").retry().avoid(&first));
            let sizes = shard.map_or((4, 2), |size| (size as usize, size.min(2) as usize));
            prop_assert_eq!((allowed.len(), second.len()), sizes, "{}", strategy);
            allowed.extend(second);
            let avoided: BTreeSet<String> = names(avoided.iter().copied()).into_iter().collect();
            let addresses: Vec<&str> = avoided.iter().map(String::as_str).collect();
            let reached = reach(&balancer, Request::new("acme").retry().avoid(&addresses));
            let others: BTreeSet<String> = allowed.difference(&avoided).cloned().collect();
            let may = if others.is_empty() { allowed } else { others };
            prop_assert!(reached.is_subset(&may), "{}: {:?} of {:?}", strategy, reached, may);
        }
    }

    #[test]
    fn who_is_ejected_does_not_count_as_another(
        avoided in prop::collection::btree_set(0_usize..6, 1..6), ejected in prop::collection::btree_set(0_usize..6, 0..4),
    ) {
        for strategy in STRATEGIES {
            let (balancer, _) = start(strategy, "", "tiers = { panic = 0 }");
            eject(&balancer, &ejected);
            let usable: BTreeSet<usize> = (0..6).filter(|index| !ejected.contains(index)).collect();
            let others: BTreeSet<usize> = usable.difference(&avoided).copied().collect();
            let addresses = names(avoided.iter().copied());
            let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
            let reached = reach(&balancer, Request::new("acme").retry().avoid(&addresses));
            let may: BTreeSet<String> = names(if others.is_empty() { usable } else { others }).into_iter().collect();
            prop_assert!(reached.is_subset(&may), "{}: {:?} of {:?}", strategy, reached, may);
        }
    }

    #[test]
    fn a_hedge_goes_nowhere_rather_than_where_it_was(avoided in prop::collection::btree_set(0_usize..6, 1..=6)) {
        for strategy in STRATEGIES {
            let (balancer, _) = start(strategy, "", "");
            let addresses = names(avoided.iter().copied());
            let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
            let hedge = Request::new("acme").hedge().avoid(&addresses);
            if avoided.len() < 6 {
                let reached = reach(&balancer, hedge);
                prop_assert!(addresses.iter().all(|address| !reached.contains(*address)), "{}: {:?}", strategy, reached);
            } else {
                prop_assert_eq!(balancer.try_acquire(&hedge).map(drop), Err(Rejection::NoEndpoint));
                let stats = balancer.stats();
                let pool = stats.pool("api").expect("it is there");
                prop_assert_eq!((pool.in_flight(), pool.hedges().passed()), (0, 0));
            }
        }
    }
}

#[test]
fn a_session_is_not_kept_where_it_has_just_failed() {
    let (balancer, _) = start("\"p2c\"", "", "");
    let lease = balancer.try_acquire(&Request::new("acme").prefer("e2")).expect("a seat");
    assert_eq!(lease.endpoint().address(), "e2");
    let again =
        balancer.try_acquire(&Request::new("acme").prefer("e2").retry().avoid(&["e2"])).expect("a seat");
    assert_ne!(again.endpoint().address(), "e2");
}

#[test]
fn who_waits_keeps_in_mind_where_it_was() {
    let (balancer, _) = start("\"round_robin\"", "", "");
    for hedge in [false, true] {
        let full: Vec<_> =
            (0..100).map(|_| balancer.try_acquire(&Request::new("acme")).expect("a hundred seats")).collect();
        let addresses = ["e0", "e1", "e2", "e4", "e5"];
        let request = Request::new("acme").avoid(&addresses);
        let request = if hedge { request.hedge() } else { request.retry() };
        let mut waiting = pin!(balancer.acquire(request));
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        drop(full);
        let std::task::Poll::Ready(Ok(lease)) = waiting.as_mut().poll(&mut context) else {
            unreachable!("there are seats now")
        };
        assert_eq!(lease.endpoint().address(), "e3");
    }
}

#[test]
fn a_hedge_that_finds_nobody_holds_up_nobody_where_endpoints_have_limits() {
    let text = r#"
        [pools.api]
        capacity = 1
        hedge = { ratio = 1.0, per_second = 1000 }
        endpoints = [{ address = "e0", rate = "100/s" }]
        [tenants.acme]
    "#;
    let clock = ManualClock::new();
    clock.advance(Duration::from_secs(1));
    let config = Config::from_text(text, Format::Toml).expect("usable");
    let balancer = Balancer::with_clock(config, clock).expect("usable");
    let first = balancer.try_acquire(&Request::new("acme")).expect("a seat");
    let mut context = Context::from_waker(std::task::Waker::noop());
    let mut hedge = pin!(balancer.acquire(Request::new("acme").hedge().avoid(&["e0"])));
    let mut other = pin!(balancer.acquire(Request::new("acme")));
    assert!(hedge.as_mut().poll(&mut context).is_pending());
    assert!(other.as_mut().poll(&mut context).is_pending());
    drop(first);
    let refused = hedge.as_mut().poll(&mut context).map_ok(drop);
    assert_eq!(refused, std::task::Poll::Ready(Err(Rejection::NoEndpoint)));
    assert!(other.as_mut().poll(&mut context).is_ready());
}
