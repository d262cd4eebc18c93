//! Endpoints from a name server on the loopback address.

#![cfg(feature = "discovery-dns")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

#[path = "support/name_server.rs"]
mod name_server;
mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use hickory_proto::{
    op::ResponseCode,
    rr::RData,
    rr::{RecordType, rdata::A},
};
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use name_server::{Answer, NameServer, alias, srv};
use support::{body, upstream};
use tenantry::{
    Balancer, CapacitySpec, Config, DiscoverySpec, DiscoveryStatus, ManualClock, PoolSpec, TenantSpec,
};
use tenantry_tower::{
    balance::BalanceLayer,
    discovery::{Discoverer, Discovering, Dns, Found, Source},
    proxy::ReverseProxy,
    tenant::TenantLayer,
};
use tokio::{task::JoinSet, time::timeout};
use tower::{ServiceBuilder, ServiceExt};

const PATIENCE: Duration = Duration::from_secs(20);
const NAME: &str = "api.internal";
const SECOND: Duration = Duration::from_secs(1);

fn dns(server: &NameServer) -> Dns {
    // Loopback needs no more, and a test that waits in vain shall end.
    Dns::new("http://api.internal:8080").unwrap().with_name_server(server.address).with_timeout(10 * SECOND)
}

/// What it finds, as `address weight priority`.
async fn find(source: &mut Dns) -> Vec<String> {
    let found = timeout(PATIENCE, source.find()).await.expect("an answer").expect("a good one");
    described(&found)
}

fn described(found: &Found) -> Vec<String> {
    let plain = |endpoint: &tenantry::EndpointSpec| {
        format!("{} {} {}", endpoint.address(), endpoint.weight(), endpoint.priority())
    };
    found.endpoints().iter().map(plain).collect()
}

async fn fails(source: &mut Dns) -> String {
    timeout(PATIENCE, source.find()).await.expect("an end").expect_err("no answer").to_string()
}

fn balancer() -> Balancer {
    let pool = PoolSpec::default().with_capacity(CapacitySpec::fixed(100));
    let config = Config::new().with_pool("api", pool).with_tenant("acme", TenantSpec::new());
    // Time stands still: a wait is what the schedule says, to the nanosecond.
    Balancer::with_clock(config, ManualClock::new()).unwrap()
}

fn addresses(balancer: &Balancer) -> Vec<String> {
    let pool = balancer.pool_stats("api").unwrap();
    pool.endpoints().iter().map(|endpoint| endpoint.address().to_owned()).collect()
}

const fn spec() -> DiscoverySpec {
    DiscoverySpec::new().with_jitter(0.0)
}

/// Asks now, and waits for what comes of it.
async fn refreshed(discovering: &Discovering) -> DiscoveryStatus {
    let mut seen = discovering.watch();
    seen.mark_unchanged();
    discovering.refresh();
    timeout(PATIENCE, seen.changed()).await.expect("an answer").unwrap();
    seen.borrow().clone()
}

async fn started(balancer: &Balancer, source: impl Source, spec: DiscoverySpec) -> Discovering {
    let discovering = Discoverer::new(balancer, "api", source).with_spec(spec).start().unwrap();
    let is_in = |status: &DiscoveryStatus| status.last_success().is_some() || status.failures() > 0;
    timeout(PATIENCE, discovering.watch().wait_for(is_in)).await.expect("an answer").unwrap();
    discovering
}

#[tokio::test]
async fn both_families_become_endpoints_in_one_order_whatever_the_order_of_the_records() {
    let server = NameServer::start().await;
    server.a(NAME, 60, &["10.0.0.2", "10.0.0.1", "10.0.0.2"]);
    server.aaaa(NAME, 60, &["fd00::1"]);
    let mut source = dns(&server);
    let both = ["http://10.0.0.1:8080 1 0", "http://10.0.0.2:8080 1 0", "http://[fd00::1]:8080 1 0"];
    assert_eq!(find(&mut source).await, both);
    assert_eq!(find(&mut dns(&server).ipv4_only()).await, both[..2]);
    assert_eq!(find(&mut dns(&server).ipv6_only()).await, both[2..]);
}

#[tokio::test]
async fn it_asks_again_when_the_shortest_ttl_is_over_within_the_bounds() {
    let (server, balancer) = (NameServer::start().await, balancer());
    server.a(NAME, 60, &["10.0.0.1"]);
    server.aaaa(NAME, 30, &["fd00::1"]);
    let discovering = started(&balancer, dns(&server), spec()).await;
    let wait = |status: &DiscoveryStatus| status.next_refresh().since(balancer.now());
    assert_eq!(wait(&discovering.status()), 30 * SECOND);
    assert_eq!(discovering.status().source(), "dns http://api.internal:8080");
    server.aaaa(NAME, 3_600, &["fd00::1"]);
    assert_eq!(wait(&refreshed(&discovering).await), 60 * SECOND);
    server.a(NAME, 0, &["10.0.0.1"]);
    assert_eq!(wait(&refreshed(&discovering).await), 5 * SECOND, "the floor");
    server.a(NAME, 604_800, &["10.0.0.1"]);
    assert_eq!(wait(&refreshed(&discovering).await), 300 * SECOND, "the ceiling");
    // An alias that changes soon can soon lead elsewhere.
    let aliased = vec![(alias("other.internal."), 20), (RData::A(A([10, 0, 0, 1].into())), 3_600)];
    server.answer(NAME, RecordType::A, Answer::Records(aliased));
    assert_eq!(wait(&refreshed(&discovering).await), 20 * SECOND);
    assert_eq!(addresses(&balancer), ["http://10.0.0.1:8080", "http://[fd00::1]:8080"]);
}

#[tokio::test]
async fn it_asks_by_itself_when_it_is_due() {
    let (server, balancer) = (NameServer::start().await, balancer());
    server.a(NAME, 0, &["10.0.0.1"]);
    let soon = spec().with_floor(Duration::from_millis(1));
    let discovering = started(&balancer, dns(&server), soon).await;
    server.a(NAME, 0, &["10.0.0.2", "10.0.0.3"]);
    let two = discovering.watch();
    timeout(PATIENCE, two.clone().wait_for(|status| status.endpoints() == 2))
        .await
        .expect("in time")
        .unwrap();
    assert_eq!(addresses(&balancer), ["http://10.0.0.2:8080", "http://10.0.0.3:8080"]);
}

#[tokio::test]
async fn services_become_endpoints_with_levels_and_weights() {
    let server = NameServer::start().await;
    let services = vec![
        (srv(20, 0, 90, "backup.internal."), 60),
        (srv(10, 60, 81, "one.internal."), 60),
        (srv(10, 20, 82, "two.internal."), 60),
        (srv(10, 20, 83, "nowhere.internal."), 60),
    ];
    server.answer("_api._tcp.internal", RecordType::SRV, Answer::Records(services));
    server.a("one.internal", 60, &["10.0.0.1"]);
    server.a("two.internal", 25, &["10.0.0.2"]);
    server.aaaa("backup.internal", 60, &["fd00::9"]);
    let mut source = Dns::srv("http://_api._tcp.internal").unwrap().with_name_server(server.address);
    let expected = ["http://10.0.0.1:81 3 0", "http://10.0.0.2:82 1 0", "http://[fd00::9]:90 1 1"];
    let found = timeout(PATIENCE, source.find()).await.expect("an answer").expect("a good one");
    assert_eq!(described(&found), expected);
    assert_eq!(found.ttl(), Some(25 * SECOND), "of a target's address");
    // A target whose server fails for once is where it was.
    server.answer("one.internal", RecordType::A, Answer::Code(ResponseCode::ServFail));
    assert_eq!(find(&mut source).await, expected);
    // The root as the only target says that there is no such service.
    server.answer("_api._tcp.internal", RecordType::SRV, Answer::Records(vec![(srv(0, 0, 0, "."), 60)]));
    assert!(find(&mut source).await.is_empty());
    server.answer("_api._tcp.internal", RecordType::SRV, Answer::Code(ResponseCode::ServFail));
    assert!(fails(&mut source).await.starts_with("no answer for _api._tcp.internal. SRV: "));
}

#[tokio::test]
async fn failures_and_negative_answers_keep_the_last_good_one_and_are_seen() {
    let (server, balancer) = (NameServer::start().await, balancer());
    server.a(NAME, 60, &["10.0.0.1"]);
    let discovering = started(&balancer, dns(&server).ipv4_only(), spec()).await;
    for (failures, answer) in (1..).zip([
        Answer::Code(ResponseCode::ServFail),
        Answer::Code(ResponseCode::Refused),
        Answer::Code(ResponseCode::NXDomain),
        Answer::Records(vec![]),
    ]) {
        server.answer(NAME, RecordType::A, answer.clone());
        let status = refreshed(&discovering).await;
        assert_eq!(status.failures(), failures, "{answer:?}");
        assert_eq!(status.endpoints(), 1);
        assert_eq!(status.next_refresh().since(balancer.now()), SECOND * 2_u32.pow(failures - 1), "back-off");
        assert_eq!(addresses(&balancer), ["http://10.0.0.1:8080"], "{answer:?}");
    }
    server.a(NAME, 60, &["10.0.0.2"]);
    assert_eq!(refreshed(&discovering).await.failures(), 0);
    assert_eq!(addresses(&balancer), ["http://10.0.0.2:8080"]);
}

#[tokio::test]
async fn a_name_that_is_gone_empties_a_pool_that_was_told_so_and_a_failing_server_does_not() {
    let (server, balancer) = (NameServer::start().await, balancer());
    server.a(NAME, 60, &["10.0.0.1"]);
    let discovering = started(&balancer, dns(&server), spec().may_empty()).await;
    server.answer(NAME, RecordType::A, Answer::Code(ResponseCode::ServFail));
    // The other family says that there is nothing, which is no answer for this one.
    assert_eq!(refreshed(&discovering).await.endpoints(), 1);
    server.answer(NAME, RecordType::A, Answer::Code(ResponseCode::NXDomain));
    assert_eq!(refreshed(&discovering).await.endpoints(), 0);
    assert!(addresses(&balancer).is_empty());
}

#[tokio::test]
async fn one_family_that_fails_keeps_its_addresses_and_does_not_hold_the_other_back() {
    let (server, balancer) = (NameServer::start().await, balancer());
    server.a(NAME, 60, &["10.0.0.1"]);
    server.aaaa(NAME, 60, &["fd00::1"]);
    let discovering = started(&balancer, dns(&server), spec()).await;
    server.a(NAME, 60, &["10.0.0.2"]);
    server.answer(NAME, RecordType::AAAA, Answer::Code(ResponseCode::ServFail));
    let status = refreshed(&discovering).await;
    assert_eq!(addresses(&balancer), ["http://[fd00::1]:8080", "http://10.0.0.2:8080"]);
    assert_eq!(status.failures(), 0);
    assert_eq!(status.next_refresh().since(balancer.now()), 5 * SECOND, "soon again");
    let problem = status.last_failure().expect("it is seen").problem().to_owned();
    assert!(problem.starts_with("no answer for api.internal. AAAA: "), "{problem}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_and_nothing_changes() {
    let (server, balancer) = (NameServer::start().await, balancer());
    server.a(NAME, 60, &["10.0.0.1"]);
    let discovering = started(&balancer, dns(&server).ipv4_only(), spec()).await;
    server.answer(NAME, RecordType::A, Answer::Silence);
    // Nothing is to come, so time need not pass.
    tokio::time::pause();
    let mut seen = discovering.watch();
    seen.mark_unchanged();
    discovering.refresh();
    seen.changed().await.unwrap();
    let status = seen.borrow().clone();
    assert_eq!(status.failures(), 1);
    assert!(
        status.last_failure().is_some_and(|failure| failure.problem().contains("timed out")),
        "{status:?}"
    );
    assert_eq!(addresses(&balancer), ["http://10.0.0.1:8080"]);
}

#[tokio::test]
async fn what_does_not_fit_is_asked_for_over_tcp_and_without_tcp_it_is_a_failure() {
    let server = NameServer::start().await;
    let many: Vec<_> = (0..200).map(|host| (RData::A(A([10, 0, 1, host].into())), 60)).collect();
    server.answer(NAME, RecordType::A, Answer::Truncated(many));
    let mut source = dns(&server).ipv4_only();
    assert_eq!(find(&mut source).await.len(), 200);
    // Nothing behind it: also over TCP the answer is cut off.
    let udp_only = udp_only(&server).await;
    let mut source = Dns::new("http://api.internal:8080").unwrap().ipv4_only().with_name_server(udp_only);
    fails(&mut source).await;
}

/// A relay of the server's UDP port; nobody listens on its TCP port.
async fn udp_only(server: &NameServer) -> std::net::SocketAddr {
    let (front, back) = (bound().await, bound().await);
    let address = front.local_addr().unwrap();
    back.connect(server.address).await.unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 4_096];
        while let Ok((length, peer)) = front.recv_from(&mut buffer).await {
            back.send(&buffer[..length]).await.unwrap();
            let length = back.recv(&mut buffer).await.unwrap();
            front.send_to(&buffer[..length], peer).await.unwrap();
        }
    });
    address
}

async fn bound() -> tokio::net::UdpSocket {
    tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap()
}

#[tokio::test]
async fn nothing_of_it_is_left_when_it_has_been_stopped_or_dropped() {
    let (server, balancer) = (NameServer::start().await, balancer());
    server.a(NAME, 0, &["10.0.0.1"]);
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = alive();
    let soon = spec().with_floor(Duration::from_millis(1));
    for way in 0..2 {
        let discovering = started(&balancer, dns(&server), soon).await;
        assert!(alive() > before);
        match way {
            0 => discovering.stop().await,
            _ => drop(discovering),
        }
        let ended = async {
            while alive() > before {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, ended).await.expect("they end");
        let asked = server.asked();
        // One more answer by another way shows that the server would have heard of it.
        find(&mut dns(&server)).await;
        assert_eq!(server.asked(), asked + 2);
        assert_eq!(addresses(&balancer), ["http://10.0.0.1:8080"], "the pool keeps what it has");
        assert!(balancer.discoveries().is_empty());
    }
}

/// Answers slowly enough to have requests in flight whenever the name changes.
async fn slow(served: &Arc<AtomicUsize>) -> support::Server {
    let served = Arc::clone(served);
    upstream(move |_| {
        served.fetch_add(1, Ordering::SeqCst);
        async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Response::new(body(http_body_util::Full::from("hello")))
        }
    })
    .await
}

async fn reaches(counter: &AtomicUsize, count: usize) {
    while counter.load(Ordering::SeqCst) < count {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_change_under_load_loses_no_request() {
    let server = NameServer::start().await;
    let served: [Arc<AtomicUsize>; 2] = Default::default();
    let upstreams = [slow(&served[0]).await, slow(&served[1]).await];
    let point_to = |upstream: usize| {
        let record = (srv(0, 0, upstreams[upstream].address.port(), "host.internal."), 0);
        server.answer("_api._tcp.internal", RecordType::SRV, Answer::Records(vec![record]));
    };
    server.a("host.internal", 0, &["127.0.0.1"]);
    point_to(0);
    let pool = PoolSpec::default().with_capacity(CapacitySpec::fixed(100));
    let config = Config::new().with_pool("api", pool).with_tenant("acme", TenantSpec::new());
    let balancer = Balancer::new(config).unwrap();
    let source = Dns::srv("http://_api._tcp.internal").unwrap().with_name_server(server.address).ipv4_only();
    let discovering = started(&balancer, source, spec()).await;
    let proxy = ServiceBuilder::new()
        .layer(TenantLayer::header("x-tenant"))
        .layer(BalanceLayer::new(balancer.clone()))
        .service(ReverseProxy::new());
    let is_over = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for _ in 0..16 {
        let (proxy, is_over) = (proxy.clone(), Arc::clone(&is_over));
        clients.spawn(async move {
            let mut answered = 0;
            while !is_over.load(Ordering::SeqCst) {
                let request = Request::get("/").header("host", "api.test").header("x-tenant", "acme");
                let response = proxy
                    .clone()
                    .oneshot(request.body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap())
                    .await
                    .expect("an answer");
                assert_eq!(response.status(), StatusCode::OK);
                response.into_body().collect().await.expect("a whole one");
                answered += 1;
            }
            answered
        });
    }
    for round in 1..=20 {
        let to = round % 2;
        let before = served[to].load(Ordering::SeqCst);
        point_to(to);
        assert_eq!(refreshed(&discovering).await.failures(), 0);
        let url = format!("http://127.0.0.1:{}", upstreams[to].address.port());
        assert_eq!(addresses(&balancer), [url]);
        // And the load has followed, before the name changes again.
        timeout(PATIENCE, reaches(&served[to], before + 32)).await.expect("requests go there");
    }
    is_over.store(true, Ordering::SeqCst);
    let answered: usize = clients.join_all().await.into_iter().sum();
    let counted: usize = served.iter().map(|served| served.load(Ordering::SeqCst)).sum();
    assert_eq!(answered, counted, "each request was served once");
    assert!(answered >= 640);
    assert_eq!(balancer.pool_stats("api").unwrap().in_flight(), 0);
}
