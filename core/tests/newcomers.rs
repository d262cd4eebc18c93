//! Who has just joined may be cold: it gets its share by what it has in flight, and is judged later.

use std::time::Duration;

use tenantry::{
    Balancer, Config, EndpointChange, EndpointSpec, ManualClock, Outcome, PoolSpec, Request, TenantSpec,
};

const USUAL: Duration = Duration::from_millis(20);
const COLD: Duration = Duration::from_millis(200);

/// Serves so many requests one after the other, of which those to `slow` take long; how many went there.
fn serve(balancer: &Balancer, clock: &ManualClock, requests: u32, slow: &str) -> u32 {
    let mut reached = 0;
    for _ in 0..requests {
        let lease = balancer.try_acquire(&Request::new("t")).expect("a seat");
        let is_slow = lease.endpoint().address() == slow;
        reached += u32::from(is_slow);
        lease.finish(Outcome::success().with_latency(if is_slow { COLD } else { USUAL }));
        clock.advance(Duration::from_millis(10));
    }
    reached
}

fn latency(balancer: &Balancer, address: &str) -> Duration {
    let pool = balancer.pool_stats("api").expect("the pool");
    let endpoint = pool.endpoints().iter().find(|endpoint| endpoint.address() == address).cloned();
    endpoint.and_then(|endpoint| endpoint.latency()).expect("it has served")
}

fn start() -> (Balancer, ManualClock) {
    let clock = ManualClock::new();
    let config =
        Config::new().with_pool("api", PoolSpec::new(["a", "b", "c"])).with_tenant("t", TenantSpec::new());
    (Balancer::with_clock(config, clock.clone()).expect("usable"), clock)
}

#[test]
fn a_cold_newcomer_gets_its_share_for_two_minutes_and_then_what_it_earns() {
    let (balancer, clock) = start();
    serve(&balancer, &clock, 300, "");
    balancer.change_endpoints("api", &[EndpointChange::Add(EndpointSpec::new("d"))]).expect("it is new");
    // A quarter each, as nobody has anything in flight.
    let reached = serve(&balancer, &clock, 2_000, "d");
    assert!((350..650).contains(&reached), "{reached} of 2000");
    assert!(latency(&balancer, "d") <= USUAL * 2, "{:?}", latency(&balancer, "d"));
    clock.advance(Duration::from_secs(120));
    serve(&balancer, &clock, 100, "d");
    let reached = serve(&balancer, &clock, 2_000, "d");
    assert!(reached < 100, "{reached} of 2000 to who takes ten times as long");
}

#[test]
fn whoever_was_there_from_the_start_is_known_as_it_is() {
    let (balancer, clock) = start();
    let reached = serve(&balancer, &clock, 2_000, "c");
    assert!(reached < 100, "{reached} of 2000");
}

#[test]
fn where_all_are_new_nobody_is_measured_by_another() {
    let (balancer, clock) = start();
    clock.advance(Duration::from_secs(1));
    let changes: Vec<_> = ["a", "b", "c"]
        .map(|old| EndpointChange::Remove(old.to_owned()))
        .into_iter()
        .chain(["d", "e"].map(|new| EndpointChange::Add(EndpointSpec::new(new))))
        .collect();
    balancer.change_endpoints("api", &changes).expect("they are known");
    let reached = serve(&balancer, &clock, 1_000, "e");
    assert!(reached < 100, "{reached} of 1000");
    assert!(latency(&balancer, "e") > latency(&balancer, "d"));
}

#[test]
fn a_newcomer_taken_out_last_of_all_still_settles_and_gives_its_seat_back() {
    for tells_first_byte in [false, true] {
        let (balancer, clock) = start();
        clock.advance(Duration::from_secs(1));
        let swap = ["a", "b", "c"].map(|old| EndpointChange::Remove(old.to_owned()));
        let new = [EndpointChange::Add(EndpointSpec::new("d"))];
        balancer.change_endpoints("api", &[&swap[..], &new].concat()).expect("they are there");
        let mut lease = balancer.try_acquire(&Request::new("t")).expect("it serves");
        clock.advance(USUAL);
        balancer.change_endpoints("api", &[EndpointChange::Remove("d".to_owned())]).expect("it is there");
        if tells_first_byte {
            lease.first_byte();
        }
        lease.finish(Outcome::success());
        assert_eq!(balancer.pool_stats("api").expect("the pool").in_flight(), 0);
    }
}
