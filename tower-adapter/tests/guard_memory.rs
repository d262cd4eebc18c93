//! A flood of addresses neither grows the guard nor flushes its bans. It counts allocations, so it is a program of its own.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    time::Duration,
};

use allocation_counter::measure;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use tenantry::ManualClock;
use tenantry_tower::{
    guard::{Guard, GuardLayer, GuardPolicy, Subject},
    proxy::Peer,
};
use tower::{Layer, Service, service_fn};

const CAPACITY: u32 = 4_096;

#[test]
fn a_million_addresses_neither_grow_it_nor_flush_a_ban() {
    let clock = ManualClock::new();
    let mut kept = None;
    let memory = measure(|| {
        let policy = GuardPolicy::new().with_capacity(NonZeroU32::new(CAPACITY).unwrap());
        let guard = Guard::with_clock(policy, clock.clone());
        let scanned = service_fn(async |_: Request<()>| {
            let mut nothing = Response::new(Bytes::new());
            *nothing.status_mut() = StatusCode::NOT_FOUND;
            Ok::<_, Infallible>(nothing)
        });
        let mut service = GuardLayer::new(guard.clone()).layer(scanned);
        let mut send = |address: IpAddr| {
            let mut request = Request::get(format!("/.env/{}", "x".repeat(100))).body(()).unwrap();
            request.extensions_mut().insert(Peer::new(SocketAddr::new(address, 1)));
            let mut answer = std::pin::pin!(service.call(request));
            let waker = std::task::Waker::noop();
            match answer.as_mut().poll(&mut std::task::Context::from_waker(waker)) {
                std::task::Poll::Ready(answer) => answer.unwrap().status(),
                std::task::Poll::Pending => panic!("it has nothing to wait for"),
            }
        };
        let attacker = IpAddr::from(Ipv4Addr::new(192, 0, 2, 1));
        while send(attacker) != StatusCode::TOO_MANY_REQUESTS {}
        let by_operator = Subject::client("192.0.2.2".parse().unwrap());
        assert!(guard.ban(&by_operator, Duration::from_secs(3_600)));
        for address in 0..1_000_000u32 {
            clock.advance(Duration::from_micros(10));
            send(IpAddr::from(Ipv4Addr::from(0x0a00_0000 + address)));
        }
        assert_eq!(send(attacker), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(send("192.0.2.2".parse().unwrap()), StatusCode::TOO_MANY_REQUESTS);
        // Somebody who comes back in the middle of a flood is still found.
        let late = IpAddr::from(Ipv4Addr::new(192, 0, 2, 3));
        let tries = (0..100u32).take_while(|round| {
            (0..500u32).for_each(|at| {
                send(IpAddr::from(Ipv4Addr::from(0x0b00_0000 + round * 500 + at)));
            });
            send(late) != StatusCode::TOO_MANY_REQUESTS
        });
        let tries = tries.count();
        assert!(tries <= 10, "{tries}");
        kept = Some(guard);
    });
    let guard = kept.unwrap();
    assert!(guard.snapshot().clients() <= CAPACITY as usize);
    let each = memory.bytes_current / i64::from(CAPACITY);
    assert!(each < 1_024, "{each} bytes for each client");
    println!("{each} bytes for each client");
}
