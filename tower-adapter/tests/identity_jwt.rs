//! Tokens: good ones, bad ones, forged ones, and the keys behind them.

#![cfg(feature = "identity-jwt")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

#[path = "support/issuer.rs"]
mod issuer;

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderName, Request};
use issuer::{Issuer, in_seconds, key_set, message, signed_with_secret};
use serde_json::{Value, json};
use tenantry_tower::identity::{
    Authenticate, ClaimPath, Credential, Decision, Fault, Identity, Refusal, Scheme,
    jwt::{Algorithm, Jwks, Jwt, JwtError},
};

async fn check(jwt: &Jwt, token: &str) -> Result<Identity, Refusal> {
    let request = Request::get("/").header("authorization", format!("Bearer {token}"));
    match jwt.authenticate(&mut request.body(()).unwrap().into_parts().0) {
        Decision::Now(decided) => decided,
        Decision::Later(deciding) => deciding.await,
        other => unreachable!("{other:?}"),
    }
}

fn checker(keys: Jwks) -> Jwt {
    Jwt::new(keys, [Algorithm::Es256, Algorithm::Rs256])
        .unwrap()
        .with_issuer("https://issuer.test")
        .with_audience("api")
        .with_tenant_claim(ClaimPath::new("org.id"))
}

fn claims() -> Value {
    json!({
        "iss": "https://issuer.test", "aud": ["api", "other"], "sub": "user-7", "exp": in_seconds(300),
        "org": { "id": "acme" }, "scope": "reports:read reports:write"
    })
}

fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn invalid(fault: Fault) -> Result<Identity, Refusal> {
    Err(Refusal::Invalid(Scheme::Bearer, fault))
}

#[tokio::test]
async fn a_good_token_says_tenant_subject_scopes_and_claims() {
    for issuer in [Issuer::ec("k1"), Issuer::rsa("k1")] {
        let jwt = checker(Jwks::fixed(&key_set(&[&issuer])).unwrap());
        let identity = check(&jwt, &issuer.token(&claims())).await.unwrap();
        assert_eq!(identity.tenant().as_str(), "acme");
        assert_eq!(identity.subject(), Some("user-7"));
        assert!(identity.has_scope("reports:write") && !identity.has_scope("reports"));
        assert_eq!(identity.claim(&ClaimPath::new("sub")), Some(&json!("user-7")));
    }
}

#[tokio::test]
async fn times_issuer_audience_and_tenant_are_told_apart() {
    let issuer = Issuer::ec("k1");
    let jwt = checker(Jwks::fixed(&key_set(&[&issuer])).unwrap());
    let unknown = || Err(Refusal::Unknown(Scheme::Bearer));
    for (name, value, refusal) in [
        ("exp", json!(in_seconds(-120)), invalid(Fault::Expired)),
        ("exp", Value::Null, invalid(Fault::Malformed)),
        ("exp", json!("tomorrow"), invalid(Fault::Malformed)),
        ("nbf", json!(in_seconds(120)), invalid(Fault::NotYetValid)),
        ("iss", json!("https://elsewhere.test"), invalid(Fault::Issuer)),
        ("iss", Value::Null, invalid(Fault::Issuer)),
        ("aud", json!("other"), invalid(Fault::Audience)),
        ("aud", Value::Null, invalid(Fault::Audience)),
        ("org", json!({}), unknown()),
        ("org", json!({ "id": "" }), unknown()),
        ("org", json!({ "id": ["acme"] }), unknown()),
        ("org", json!("acme"), unknown()),
    ] {
        let token = issuer.token(&claims_with(name, value.clone()));
        assert_eq!(check(&jwt, &token).await, refusal, "{name} = {value}");
    }
    // Within the clocks' difference.
    for (name, value) in [("exp", json!(in_seconds(-30))), ("nbf", json!(in_seconds(30)))] {
        assert!(check(&jwt, &issuer.token(&claims_with(name, value))).await.is_ok(), "{name}");
    }
    let strict = jwt.with_leeway(Duration::ZERO);
    let token = issuer.token(&claims_with("exp", json!(in_seconds(-30))));
    assert_eq!(check(&strict, &token).await, invalid(Fault::Expired));
}

#[tokio::test]
async fn a_token_for_somebody_is_refused_where_no_audience_was_said() {
    let issuer = Issuer::ec("k1");
    let jwt = Jwt::new(Jwks::fixed(&key_set(&[&issuer])).unwrap(), [Algorithm::Es256]).unwrap();
    let claims = json!({ "exp": in_seconds(60), "tenant": "acme", "aud": "other" });
    assert_eq!(check(&jwt, &issuer.token(&claims)).await, invalid(Fault::Audience));
    let claims = json!({ "exp": in_seconds(60), "tenant": 42 });
    assert_eq!(check(&jwt, &issuer.token(&claims)).await.unwrap().tenant().as_str(), "42");
}

#[tokio::test]
async fn forged_tokens_are_refused() {
    let (issuer, stranger) = (Issuer::rsa("k1"), Issuer::rsa("k1"));
    let jwt = checker(Jwks::fixed(&key_set(&[&issuer])).unwrap());
    let good = issuer.token(&claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let header = |alg: &str| json!({ "alg": alg, "kid": "k1" });
    // No signature, in any spelling.
    for alg in ["none", "None", "NONE", ""] {
        for end in ["", signature] {
            let token = format!("{}.{end}", message(&header(alg), &claims()));
            assert_eq!(check(&jwt, &token).await, invalid(Fault::Algorithm), "{alg}");
        }
    }
    // The public key as a secret: of its modulus' and of its whole text.
    let jwk = issuer.jwk().to_string();
    for secret in [issuer.public_bytes(), jwk.as_bytes()] {
        let token = signed_with_secret(secret, &header("HS256"), &claims());
        assert_eq!(check(&jwt, &token).await, invalid(Fault::Algorithm));
    }
    // Another key of the same name, and an algorithm that is pinned but not the key's.
    assert_eq!(check(&jwt, &stranger.token(&claims())).await, invalid(Fault::Signature));
    let token = Issuer::ec("k1").token(&claims());
    assert_eq!(check(&jwt, &token).await, invalid(Fault::Algorithm));
    let token = format!("{}.", message(&header("RS256"), &claims()));
    assert!(check(&jwt, &token).await.is_err());
    // Other claims under a good signature.
    let (head, _) = signed.split_once('.').unwrap();
    let other = message(&header("RS256"), &claims_with("org", json!({ "id": "umbrella" })));
    let token = format!("{head}.{}.{signature}", other.split_once('.').unwrap().1);
    assert_eq!(check(&jwt, &token).await, invalid(Fault::Signature));
    // The right signature under a header that says otherwise.
    let token = issuer.token_with(&header("PS256"), &claims());
    assert_eq!(check(&jwt, &token).await, invalid(Fault::Algorithm));
}

#[tokio::test]
async fn what_a_token_says_of_keys_is_not_believed() {
    let (issuer, stranger) = (Issuer::ec("k1"), Issuer::ec("k1"));
    let jwt = checker(Jwks::fixed(&key_set(&[&issuer])).unwrap());
    // A key of its own, and places where one could be had.
    for (name, value) in [
        ("jwk", stranger.jwk()),
        ("jku", json!("https://evil.test/jwks.json")),
        ("x5u", json!("https://evil.test/chain.pem")),
        ("x5c", json!(["MIIB"])),
    ] {
        let mut header = json!({ "alg": "ES256", "kid": "k1" });
        header[name] = value;
        let token = stranger.token_with(&header, &claims());
        assert!(check(&jwt, &token).await.is_err(), "{name}");
    }
    // A kid is a name and nothing else.
    for kid in ["../../dev/null", "k1' OR '1'='1", "/proc/self/environ", "|id", "k1\u{0}", ""] {
        let token = stranger.token_with(&json!({ "alg": "ES256", "kid": kid }), &claims());
        assert_eq!(check(&jwt, &token).await, invalid(Fault::NoSuchKey), "{kid:?}");
    }
    for kid in [json!(7), json!(["k1"]), json!({ "k1": 1 }), json!("k".repeat(300))] {
        let token = issuer.token_with(&json!({ "alg": "ES256", "kid": kid }), &claims());
        assert_eq!(check(&jwt, &token).await, invalid(Fault::Malformed), "{kid}");
    }
    // RFC 7515 §4.1.11.
    let header = json!({ "alg": "ES256", "kid": "k1", "crit": ["exp"] });
    assert_eq!(check(&jwt, &issuer.token_with(&header, &claims())).await, invalid(Fault::Malformed));
}

#[tokio::test]
async fn a_token_without_a_key_id_is_for_the_only_key_that_fits() {
    let (first, second, rsa) = (Issuer::ec("k1"), Issuer::ec("k2"), Issuer::rsa("k3"));
    let header = json!({ "alg": "ES256" });
    let token = first.token_with(&header, &claims());
    let one = checker(Jwks::fixed(&key_set(&[&first, &rsa])).unwrap());
    assert!(check(&one, &token).await.is_ok());
    let several = checker(Jwks::fixed(&key_set(&[&first, &second])).unwrap());
    assert_eq!(check(&several, &token).await, invalid(Fault::NoSuchKey));
}

#[tokio::test]
async fn what_is_no_token_is_malformed_and_what_is_huge_is_not_read() {
    let issuer = Issuer::ec("k1");
    let jwt = checker(Jwks::fixed(&key_set(&[&issuer])).unwrap());
    let good = issuer.token(&claims());
    let two: Vec<&str> = good.split('.').take(2).collect();
    for token in ["x", "..", "a.b.c", "e30.e30.", &format!("{good}.x"), &format!("{good}="), &two.join(".")] {
        assert_eq!(check(&jwt, token).await, invalid(Fault::Malformed), "{token}");
    }
    let huge = issuer.token(&claims_with("padding", json!("x".repeat(20_000))));
    assert_eq!(check(&jwt, &huge).await, invalid(Fault::TooLong));
    let deep = format!("{{\"alg\":{}1{}}}", "[".repeat(5_000), "]".repeat(5_000));
    let deep: Value = json!(deep);
    let token = format!("{}.", message(&deep, &json!({})));
    assert_eq!(check(&jwt, &token).await, invalid(Fault::Malformed));
}

#[tokio::test]
async fn a_shared_secret_checks_hs256_and_nothing_else() {
    let secret = b"thirty-two bytes of no real secret";
    let jwt = Jwt::new(Jwks::secret(secret), [Algorithm::Hs256]).unwrap();
    let claims = json!({ "exp": in_seconds(60), "tenant": "acme" });
    let header = json!({ "alg": "HS256", "kid": "any" });
    assert!(check(&jwt, &signed_with_secret(secret, &header, &claims)).await.is_ok());
    let other = signed_with_secret(b"another secret", &header, &claims);
    assert_eq!(check(&jwt, &other).await, invalid(Fault::Signature));
}

#[test]
fn secrets_and_public_keys_do_not_mix() {
    let keys = || Jwks::secret(b"x");
    assert_eq!(Jwt::new(keys(), [Algorithm::Hs256, Algorithm::Rs256]).unwrap_err(), JwtError::Mixed);
    assert_eq!(Jwt::new(keys(), []).unwrap_err(), JwtError::NoAlgorithm);
    assert!("none".parse::<Algorithm>().is_err());
    assert_eq!(Jwks::fixed(b"{}").unwrap_err(), JwtError::Malformed);
    assert_eq!(Jwks::fixed(br#"{"keys":[{"kty":"?"}]}"#).unwrap_err(), JwtError::NoKey);
    for url in ["https://issuer.test/jwks", "http://issuer.test/jwks", "http://127.0.0.1.evil.test/", "x"] {
        assert!(Jwks::local_url(url).is_err(), "{url}");
    }
}

/// An issuer's server: what it answers, and how often it was asked.
#[derive(Clone, Default)]
struct Server {
    answer: Arc<Mutex<Option<Vec<u8>>>>,
    asked: Arc<AtomicUsize>,
}

impl Server {
    fn answer(&self, keys: &[&Issuer]) {
        *self.answer.lock().unwrap() = Some(key_set(keys));
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    fn keys(&self) -> Jwks {
        let server = self.clone();
        Jwks::fetched(move || {
            server.asked.fetch_add(1, Ordering::Relaxed);
            let answer = server.answer.lock().unwrap().clone().map(Bytes::from);
            async move { answer.ok_or("the issuer is away") }
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_key_is_found_and_unknown_names_do_not_make_it_fetch_again_and_again() {
    let (old, new) = (Issuer::ec("old"), Issuer::ec("new"));
    let server = Server::default();
    server.answer(&[&old]);
    let jwt = checker(server.keys());
    assert!(check(&jwt, &old.token(&claims())).await.is_ok());
    assert_eq!(server.asked(), 1);
    // Rotation: both keys count.
    server.answer(&[&old, &new]);
    tokio::time::advance(Duration::from_secs(31)).await;
    assert!(check(&jwt, &new.token(&claims())).await.is_ok());
    assert!(check(&jwt, &old.token(&claims())).await.is_ok());
    assert_eq!(server.asked(), 2);
    // An attacker's names.
    for name in 0..100 {
        let header = json!({ "alg": "ES256", "kid": format!("{name}") });
        let token = old.token_with(&header, &claims());
        assert_eq!(check(&jwt, &token).await, invalid(Fault::NoSuchKey));
    }
    assert_eq!(server.asked(), 2);
    // The old one goes, at the latest when the set is too old.
    server.answer(&[&new]);
    tokio::time::advance(Duration::from_secs(601)).await;
    assert_eq!(check(&jwt, &old.token(&claims())).await, invalid(Fault::NoSuchKey));
    assert_eq!(server.asked(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_last_good_keys_stay_and_without_any_it_is_not_the_clients_fault() {
    let issuer = Issuer::ec("k1");
    let server = Server::default();
    let jwt = checker(server.keys());
    assert_eq!(check(&jwt, &issuer.token(&claims())).await, Err(Refusal::Unavailable));
    server.answer(&[&issuer]);
    tokio::time::advance(Duration::from_secs(6)).await;
    assert!(check(&jwt, &issuer.token(&claims())).await.is_ok());
    for answer in [None, Some(b"<html>".to_vec()), Some(br#"{"keys":[]}"#.to_vec())] {
        *server.answer.lock().unwrap() = answer;
        tokio::time::advance(Duration::from_secs(700)).await;
        let asked = server.asked();
        assert!(check(&jwt, &issuer.token(&claims())).await.is_ok());
        assert!(check(&jwt, &issuer.token(&claims())).await.is_ok());
        assert_eq!(server.asked(), asked + 1, "one attempt in five seconds");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_ends_no_fetch_and_a_slow_issuer_holds_nobody_for_long() {
    let issuer = Issuer::ec("k1");
    let (asked, set) = (Arc::new(AtomicUsize::new(0)), Bytes::from(key_set(&[&issuer])));
    let counter = Arc::clone(&asked);
    let keys = Jwks::fetched(move || {
        let (nth, set) = (counter.fetch_add(1, Ordering::Relaxed), set.clone());
        async move {
            tokio::time::sleep(Duration::from_secs(if nth == 1 { 3600 } else { 1 })).await;
            Ok::<_, Infallible>(set)
        }
    });
    let jwt = checker(keys);
    let token = issuer.token(&claims());
    tokio::time::timeout(Duration::from_millis(1), check(&jwt, &token)).await.unwrap_err();
    assert!(check(&jwt, &token).await.is_ok());
    assert_eq!(asked.load(Ordering::Relaxed), 1, "the fetch went on");
    // The second one hangs; it is given up after five seconds, and the last keys serve meanwhile.
    tokio::time::advance(Duration::from_secs(601)).await;
    let (first, second) = tokio::join!(check(&jwt, &token), check(&jwt, &token));
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn keys_come_from_a_file_and_from_this_machine() {
    let issuer = Issuer::ec("k1");
    let path = std::env::temp_dir().join(format!("tenantry-jwks-{}.json", std::process::id()));
    std::fs::write(&path, key_set(&[&issuer])).unwrap();
    assert!(check(&checker(Jwks::file(&path)), &issuer.token(&claims())).await.is_ok());
    std::fs::remove_file(&path).unwrap();

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    let set = key_set(&[&issuer]);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let answer = hyper::service::service_fn(move |_| {
            let set = http_body_util::Full::<Bytes>::from(set.clone());
            async move { Ok::<_, Infallible>(http::Response::new(set)) }
        });
        let stream = hyper_util::rt::TokioIo::new(stream);
        hyper::server::conn::http1::Builder::new().serve_connection(stream, answer).await.ok();
    });
    let jwt = checker(Jwks::local_url(&url).unwrap());
    assert!(check(&jwt, &issuer.token(&claims())).await.is_ok());
}

#[tokio::test]
async fn a_token_may_stand_in_a_header_of_its_own() {
    let issuer = Issuer::ec("k1");
    let credential = Credential::header(HeaderName::from_static("x-token"));
    let jwt = checker(Jwks::fixed(&key_set(&[&issuer])).unwrap()).with_credential(credential);
    let request = Request::get("/").header("x-token", issuer.token(&claims()));
    let mut parts = request.body(()).unwrap().into_parts().0;
    let Decision::Now(decided) = jwt.authenticate(&mut parts) else { panic!("keys are at hand") };
    assert!(decided.is_ok() && parts.headers.is_empty());
    let mut parts = Request::get("/").body(()).unwrap().into_parts().0;
    let Decision::Now(decided) = jwt.authenticate(&mut parts) else { panic!("keys are at hand") };
    assert_eq!(decided, Err(Refusal::Missing(Scheme::ApiKey)));
}
