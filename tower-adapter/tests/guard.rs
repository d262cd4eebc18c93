//! The guard around an identity and routes, on a clock that stands still.

#![cfg(feature = "identity-key")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

use std::{convert::Infallible, num::NonZeroU32, time::Duration};

use bytes::Bytes;
use http::{HeaderName, Method, Request, Response};
use http_body_util::Full;
use tenantry::ManualClock;
use tenantry_tower::{
    guard::{
        ByTenantLayer, ClientNetwork, Guard, GuardLayer, GuardPolicy, Mode, Neighbours, Rule, RuleSpec,
        Subject, SurgeSpec,
    },
    identity::{
        Credential, IdentityLayer, Networks,
        key::{ApiKeys, KeyHash, KeySet, KeySpec},
    },
    proxy::Peer,
    rejection::RejectionLayer,
    route::{Methods, Route, RouteLayer, Routes},
};
use tower::{ServiceBuilder, ServiceExt, service_fn, util::BoxCloneSyncService};

const ACME: &str = "acme-key-0123456789abcdef";
const UMBRELLA: &str = "umbrella-key-0123456789abcdef";
const ATTACKER: &str = "192.0.2.1:4711";
const NEIGHBOUR: &str = "192.0.2.2:4711";

/// Two tenants, a route for both and one for acme alone; nobody else.
struct Gateway {
    guard: Guard,
    clock: ManualClock,
    service: BoxCloneSyncService<
        Request<()>,
        Response<tenantry_tower::rejection::RejectionBody<Full<Bytes>>>,
        Infallible,
    >,
}

impl Gateway {
    fn new(policy: GuardPolicy) -> Self {
        let clock = ManualClock::starting_at(Duration::from_secs(1_000_000));
        let guard = Guard::with_clock(policy, clock.clone());
        let keys = [("acme", ACME), ("umbrella", UMBRELLA)];
        let keys = keys.map(|(tenant, key)| KeySpec::new(tenant, KeyHash::of(key)));
        let keys = ApiKeys::new(
            Credential::header(HeaderName::from_static("x-api-key")),
            KeySet::new(keys, None).unwrap(),
        );
        let routes = Routes::new([
            Route::new("/api").with_methods(Methods::parse(["GET"]).unwrap()),
            Route::new("/acme").with_tenants(["acme"]),
        ]);
        let service = ServiceBuilder::new()
            .layer(GuardLayer::new(guard.clone()))
            .layer(RejectionLayer::new())
            .layer(IdentityLayer::new(keys))
            .layer(ByTenantLayer::new(guard.clone()))
            .layer(RouteLayer::new(routes.unwrap()))
            .service(service_fn(async |_: Request<()>| {
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
            }));
        Self { guard, clock, service: BoxCloneSyncService::new(service) }
    }

    async fn send(&self, peer: &str, request: http::request::Builder) -> Response<()> {
        let mut request = request.body(()).unwrap();
        request.extensions_mut().insert(Peer::new(peer.parse().unwrap()));
        self.service.clone().oneshot(request).await.unwrap().map(drop)
    }

    async fn get(&self, peer: &str, key: &str, path: &str) -> u16 {
        self.send(peer, Request::get(path).header("x-api-key", key)).await.status().as_u16()
    }

    /// Guesses until it is banned; how many it took.
    async fn guess(&self, peer: &str) -> usize {
        let mut tries = 0;
        while self.get(peer, &format!("guess-{tries}"), "/api").await != 429 {
            tries += 1;
            assert!(tries < 1_000, "never banned");
        }
        tries
    }
}

#[tokio::test]
async fn key_brute_force_is_banned_within_20_tries_and_nobody_else_is() {
    let gateway = Gateway::new(GuardPolicy::new());
    let tries = gateway.guess(ATTACKER).await;
    assert!(tries <= 20, "{tries}");
    for _ in 0..1_000 {
        assert_eq!(gateway.get(NEIGHBOUR, ACME, "/api").await, 200);
    }
    assert_eq!(gateway.get(ATTACKER, ACME, "/api").await, 429, "a guess that is right is not seen");
    let events = gateway.guard.take_events();
    let [event] = &events[..] else { panic!("{events:?}") };
    assert_eq!((event.subject(), event.rule()), (&"192.0.2.1".parse().unwrap(), Rule::Authentication));
    assert_eq!((event.count(), event.mode(), event.bans()), (10, Mode::Enforce, 1));
    assert_eq!(event.at_unix(), Duration::from_secs(1_000_000));
    assert_eq!(event.examples().len(), 3);
    assert!(event.examples().iter().all(|example| example.code() == "INVALID_CREDENTIALS"));
    assert!(!format!("{event:?}{:?}", gateway.guard.snapshot()).contains("guess"), "no secrets");
}

#[tokio::test]
async fn the_answer_says_when_to_return_and_then_it_is_over() {
    let gateway = Gateway::new(GuardPolicy::new());
    gateway.guess(ATTACKER).await;
    let request = || Request::get("/api").header("x-api-key", ACME);
    let answer = gateway.send(ATTACKER, request()).await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (429, &"60".parse().unwrap()));
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let answer = gateway.send(ATTACKER, request().header("content-type", "application/grpc")).await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["grpc-status"]), (200, &"8".parse().unwrap()));
    gateway.clock.advance(Duration::from_secs(60));
    assert_eq!(gateway.get(ATTACKER, ACME, "/api").await, 200);
    gateway.guess("192.0.2.1:4712").await;
    assert_eq!(gateway.guard.bans()[0].remaining(), Duration::from_secs(120), "the second is longer");
}

#[tokio::test]
async fn neighbours_behind_one_address_are_told_apart_by_what_they_have_proved_before() {
    let gateway = Gateway::new(GuardPolicy::new());
    assert_eq!(gateway.get(ATTACKER, ACME, "/api").await, 200);
    gateway.guess(ATTACKER).await;
    for _ in 0..100 {
        assert_eq!(gateway.get(ATTACKER, ACME, "/api").await, 200, "known from before");
    }
    assert_eq!(gateway.get(ATTACKER, UMBRELLA, "/api").await, 429, "not known");
    let strict = Gateway::new(GuardPolicy::new().with_neighbours(Neighbours::Refused));
    assert_eq!(strict.get(ATTACKER, ACME, "/api").await, 200);
    strict.guess(ATTACKER).await;
    assert_eq!(strict.get(ATTACKER, ACME, "/api").await, 429);
}

#[tokio::test]
async fn a_connection_is_refused_where_no_request_from_there_would_be_served() {
    let (attacker, neighbour) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
    for (neighbours, is_known, is_refused) in [
        (Neighbours::Served, false, true),
        (Neighbours::Served, true, false),
        (Neighbours::Refused, true, true),
    ] {
        let gateway = Gateway::new(GuardPolicy::new().with_neighbours(neighbours));
        if is_known {
            assert_eq!(gateway.get(ATTACKER, ACME, "/api").await, 200);
        }
        assert!(!gateway.guard.refuses(attacker), "nobody is banned yet");
        gateway.guess(ATTACKER).await;
        let before = gateway.guard.snapshot().refused();
        assert_eq!(gateway.guard.refuses(attacker), is_refused, "{neighbours:?} {is_known}");
        assert_eq!(gateway.guard.snapshot().refused() - before, u64::from(is_refused));
        assert_eq!(gateway.get(ATTACKER, ACME, "/api").await == 200, !is_refused, "as requests are");
        assert!(!gateway.guard.refuses(neighbour));
        // An operator means everybody.
        gateway.guard.ban(&Subject::Client(ClientNetwork::of(attacker)), Duration::from_secs(100_000));
        assert!(gateway.guard.refuses(attacker));
        // Who was known has not come for a day, and the ban is over.
        gateway.clock.advance(Duration::from_secs(100_000));
        assert!(!gateway.guard.refuses(attacker));
    }
    for policy in [
        GuardPolicy::new().with_trusted_hops(Networks::parse(["192.0.2.0/24"]).unwrap()),
        GuardPolicy::new().with_allowed_networks(Networks::parse(["192.0.2.0/24"]).unwrap()),
    ] {
        let gateway = Gateway::new(policy);
        gateway.guard.ban(&Subject::Client(ClientNetwork::of(attacker)), Duration::from_secs(60));
        assert!(!gateway.guard.refuses(attacker), "its requests are not asked either");
        assert_eq!(gateway.get(ATTACKER, ACME, "/api").await, 200);
    }
}

#[tokio::test]
async fn an_insider_who_probes_is_not_spared_and_the_tenant_is_only_told_of() {
    let gateway = Gateway::new(GuardPolicy::new());
    assert_eq!(gateway.get(ATTACKER, ACME, "/api").await, 200);
    assert_eq!(gateway.get(ATTACKER, UMBRELLA, "/api").await, 200);
    for _ in 0..20 {
        assert_eq!(gateway.get(ATTACKER, UMBRELLA, "/acme/secret").await, 403);
    }
    assert_eq!(gateway.get(ATTACKER, UMBRELLA, "/api").await, 429, "its credentials are no longer spared");
    assert_eq!(gateway.get(ATTACKER, ACME, "/api").await, 200, "those of the neighbour are");
    assert_eq!(gateway.get(NEIGHBOUR, UMBRELLA, "/api").await, 200, "the tenant is served elsewhere");
    let events = gateway.guard.take_events();
    let told: Vec<_> = events.iter().map(|e| (e.subject().to_string(), e.rule(), e.mode())).collect();
    assert_eq!(
        told,
        [
            ("192.0.2.1".to_owned(), Rule::Probing, Mode::Enforce),
            ("tenant:umbrella".to_owned(), Rule::Probing, Mode::Shadow)
        ]
    );
    assert_eq!(events[0].examples()[0].request(), "GET /acme/secret");
}

#[tokio::test]
async fn whoever_brings_a_ban_about_by_trifles_is_not_spared_by_it() {
    let gateway = Gateway::new(GuardPolicy::new());
    assert_eq!(gateway.get(ATTACKER, ACME, "/api").await, 200);
    let wrong = || Request::post("/api").header("x-api-key", UMBRELLA);
    assert_eq!(gateway.get(ATTACKER, UMBRELLA, "/api").await, 200);
    let mut tries = 0;
    while gateway.send(ATTACKER, wrong()).await.status() == 405 && tries < 1_000 {
        tries += 1;
    }
    assert!((1..1_000).contains(&tries), "{tries}");
    assert_eq!(gateway.get(ATTACKER, UMBRELLA, "/api").await, 429);
    assert_eq!(gateway.get(ATTACKER, ACME, "/api").await, 200);
}

#[tokio::test]
async fn a_tenant_is_banned_where_the_policy_says_so() {
    let gateway = Gateway::new(GuardPolicy::new().with_tenants(Mode::Enforce));
    for host in 1..=20 {
        assert_eq!(gateway.get(&format!("198.51.100.{host}:1"), UMBRELLA, "/acme").await, 403);
    }
    let request = Request::get("/api").header("x-api-key", UMBRELLA);
    let answer = gateway.send(NEIGHBOUR, request).await;
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (429, &"60".parse().unwrap()));
    assert_eq!(gateway.get(NEIGHBOUR, ACME, "/api").await, 200);
    assert!(gateway.guard.unban(&Subject::tenant("umbrella")));
    assert_eq!(gateway.get(NEIGHBOUR, UMBRELLA, "/api").await, 200);
}

#[tokio::test]
async fn scanners_are_banned_soon_and_the_sooner_the_worse_what_they_look_for() {
    let gateway = Gateway::new(GuardPolicy::new());
    for path in
        ["/.env", "/.git/config", "/wp-login.php", "/cgi-bin/luci", "/phpinfo.php", "/.aws/credentials"]
    {
        assert_eq!(gateway.get(ATTACKER, ACME, path).await, 404);
    }
    assert_eq!(gateway.get(ATTACKER, ACME, "/api").await, 429);
    for at in 0..29 {
        assert_eq!(gateway.get(NEIGHBOUR, ACME, &format!("/typo/{at}")).await, 404);
    }
    assert_eq!(gateway.get(NEIGHBOUR, ACME, "/api").await, 200);
}

#[tokio::test]
async fn slow_enumeration_is_found_by_how_many_different_ids_there_are() {
    let gateway = Gateway::new(GuardPolicy::new());
    let mut tries = 0;
    while gateway.guard.bans().is_empty() {
        gateway.get(ATTACKER, &format!("guess-{tries}"), "/api").await;
        // Another client has the same bad key all the time, as a forgotten job has.
        gateway.get(NEIGHBOUR, "forgotten", "/api").await;
        gateway.clock.advance(Duration::from_secs(30));
        tries += 1;
        assert!(tries < 100);
    }
    assert!((20..60).contains(&tries), "{tries}");
    let bans = gateway.guard.bans();
    assert_eq!(
        (bans[0].subject().to_string().as_str(), bans[0].rule()),
        ("192.0.2.1", Some(Rule::Enumeration))
    );
    assert_eq!(bans.len(), 1);
}

#[tokio::test]
async fn nobody_is_banned_by_what_a_stranger_writes() {
    let hops = Networks::parse(["10.0.0.0/8"]).unwrap();
    let gateway = Gateway::new(GuardPolicy::new().with_trusted_hops(hops));
    let guess = async |peer: &str, told: &str| {
        let request = Request::get("/api").header("x-api-key", "guess").header("x-forwarded-for", told);
        gateway.send(peer, request).await.status().as_u16()
    };
    for _ in 0..30 {
        guess(ATTACKER, "198.51.100.1").await;
        guess("10.0.0.1:1", "198.51.100.2, 203.0.113.5").await;
        guess("10.0.0.1:1", "junk").await;
        guess("10.0.0.1:1", "10.0.0.7").await;
    }
    let banned: Vec<_> = gateway.guard.bans().iter().map(|ban| ban.subject().to_string()).collect();
    assert_eq!(banned, ["192.0.2.1", "203.0.113.5"]);
    assert_eq!(guess("10.0.0.1:1", "203.0.113.5").await, 429);
    assert_eq!(guess("10.0.0.1:1", "203.0.113.6").await, 401);
}

#[tokio::test]
async fn ipv6_clients_are_their_64() {
    let gateway = Gateway::new(GuardPolicy::new());
    for host in 0..10 {
        assert_eq!(gateway.get(&format!("[2001:db8::{host}]:1"), "guess", "/api").await, 401);
    }
    assert_eq!(gateway.get("[2001:db8::ffff]:1", ACME, "/api").await, 429);
    assert_eq!(gateway.get("[2001:db8:0:1::1]:1", ACME, "/api").await, 200);
}

#[tokio::test]
async fn the_allowed_are_not_watched() {
    let policy = GuardPolicy::new()
        .with_allowed_networks(Networks::parse(["192.0.2.0/24"]).unwrap())
        .with_allowed_tenants(["umbrella"]);
    let gateway = Gateway::new(policy);
    for _ in 0..100 {
        assert_eq!(gateway.get(ATTACKER, "guess", "/api").await, 401);
        assert_eq!(gateway.get("198.51.100.1:1", UMBRELLA, "/acme").await, 403);
    }
    assert_eq!(gateway.guard.snapshot().clients(), 0);
}

#[tokio::test]
async fn a_shadow_bans_nobody_and_says_whom_it_would() {
    let rule = RuleSpec::new(NonZeroU32::new(5).unwrap(), Duration::from_secs(60)).with_mode(Mode::Shadow);
    let gateway = Gateway::new(GuardPolicy::new().with_rule(Rule::Authentication, rule));
    for _ in 0..25 {
        assert_eq!(gateway.get(ATTACKER, "guess", "/api").await, 401);
    }
    let snapshot = gateway.guard.snapshot();
    assert!(snapshot.bans().is_empty());
    assert_eq!((snapshot.rules()[0].bans(), snapshot.rules()[0].shadow_bans()), (0, 5));
    assert_eq!(snapshot.rules()[0].offences(), 25);
}

#[tokio::test]
async fn missing_credentials_weigh_little_and_a_wrong_method_half() {
    let gateway = Gateway::new(GuardPolicy::new());
    for _ in 0..40 {
        assert_eq!(gateway.send(ATTACKER, Request::get("/api")).await.status(), 401);
    }
    let method = || Request::builder().method(Method::DELETE).uri("/api").header("x-api-key", ACME);
    for _ in 0..39 {
        assert_eq!(gateway.send(NEIGHBOUR, method()).await.status(), 405);
    }
    assert!(gateway.guard.bans().is_empty());
    for _ in 0..10 {
        gateway.send(ATTACKER, Request::get("/api")).await;
        gateway.send(NEIGHBOUR, method()).await;
    }
    assert_eq!(gateway.guard.bans().len(), 2);
}

#[tokio::test]
async fn a_surge_is_told_and_may_be_banned() {
    let surge = SurgeSpec::default().with_windows(Duration::from_secs(1), Duration::from_secs(60));
    let gateway = Gateway::new(GuardPolicy::new().with_surge(surge));
    let run = async |requests: u32, gap: u64| {
        for _ in 0..requests {
            gateway.clock.advance(Duration::from_millis(gap));
            assert_eq!(gateway.get(NEIGHBOUR, ACME, "/api").await, 200);
        }
    };
    run(700, 100).await;
    assert!(gateway.guard.take_events().is_empty());
    run(500, 5).await;
    let events = gateway.guard.take_events();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!((events[0].rule(), events[0].mode()), (Rule::Rate, Mode::Shadow));
    assert!(events[0].count() >= 50, "requests a second: {events:?}");
}

#[tokio::test]
async fn an_operator_bans_and_pardons_whomever() {
    let gateway = Gateway::new(GuardPolicy::new());
    assert_eq!(gateway.get(ATTACKER, ACME, "/api").await, 200);
    let (client, tenant) = (Subject::client("192.0.2.1".parse().unwrap()), Subject::tenant("acme"));
    assert!(gateway.guard.ban(&client, Duration::from_secs(10)));
    assert!(gateway.guard.ban(&tenant, Duration::from_secs(5)));
    assert_eq!(gateway.get(ATTACKER, ACME, "/api").await, 429, "an operator's ban spares nobody");
    assert_eq!(gateway.get(NEIGHBOUR, ACME, "/api").await, 429);
    let listed = serde_json::to_value(gateway.guard.snapshot()).unwrap();
    assert_eq!(
        listed["bans"],
        serde_json::json!([
            { "subject": "192.0.2.1", "rule": null, "remaining_s": 10.0, "bans": 0, "refused": 1 },
            { "subject": "tenant:acme", "rule": null, "remaining_s": 5.0, "bans": 0, "refused": 1 },
        ])
    );
    assert!(gateway.guard.unban(&client) && !gateway.guard.unban(&client));
    assert!(gateway.guard.unban(&tenant));
    assert_eq!(gateway.get(ATTACKER, ACME, "/api").await, 200);
}

#[test]
fn another_guard_carries_bans_on_and_an_operators_stays_one() {
    let clock = ManualClock::starting_at(Duration::from_secs(1_000_000));
    let before = Guard::with_clock(GuardPolicy::new(), clock.clone());
    let subjects: [Subject; 2] = ["192.0.2.7", "2001:db8::1"].map(|text| text.parse().unwrap());
    before.ban(&subjects[0], Duration::from_secs(60));
    before.ban(&subjects[1], Duration::from_secs(600));
    clock.advance(Duration::from_secs(59));
    let after = Guard::with_clock(GuardPolicy::new(), clock.clone());
    after.carry_on(&before);
    assert_eq!(after.bans(), before.bans());
    clock.advance(Duration::from_secs(1));
    let left: Vec<_> = after.bans().iter().map(|ban| (ban.subject().clone(), ban.rule())).collect();
    assert_eq!(left, [(subjects[1].clone(), None)]);
}
