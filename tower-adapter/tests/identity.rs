//! The layer with each way to identify but tokens (`identity_jwt.rs`): answers, headers, logs.

#![cfg(all(feature = "identity-key", feature = "identity-certificate", feature = "identity-jwt"))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

use std::{
    convert::Infallible,
    io::{self, Write},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use rcgen::{CertificateParams, DnType, KeyPair, SanType, date_time_ymd};
use tenantry_tower::{
    identity::{
        AnyOf, Authenticate, Credential, Fault, FromFn, Identity, IdentityLayer, Networks, Refusal, Scheme,
        TrustedHeader,
        certificate::{CertificateName, ClientCertificate, NameKind, PeerCertificate},
        jwt::{Algorithm, Jwks, Jwt},
        key::{ApiKeys, KeyHash, KeySet, KeySpec, Pepper},
    },
    proxy::Peer,
    rejection::RejectionLayer,
    tenant::TenantId,
};
use tower::{ServiceBuilder, ServiceExt, service_fn};
use tracing_subscriber::fmt::MakeWriter;

type Answer = Response<Bytes>;

/// What the service behind answers: whose the request is, and which headers came through.
async fn ask(authenticate: impl Authenticate, request: Request<Empty<Bytes>>) -> Answer {
    let service = ServiceBuilder::new()
        .layer(RejectionLayer::new())
        .layer(IdentityLayer::new(authenticate).telling(HeaderName::from_static("x-verified-tenant")))
        .service(service_fn(async |request: Request<Empty<Bytes>>| {
            let tenant = request.extensions().get::<TenantId>().unwrap();
            assert_eq!(request.extensions().get::<Identity>().unwrap().tenant(), tenant);
            assert_eq!(request.headers()["x-verified-tenant"], tenant.as_str());
            let mut names: Vec<_> = request.headers().keys().map(ToString::to_string).collect();
            names.retain(|name| name != "x-verified-tenant");
            Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(format!("{tenant} {}", names.join(",")))))
        }));
    let (parts, body) = service.oneshot(request).await.unwrap().into_parts();
    Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
}

fn request(headers: &[(&str, &str)]) -> Request<Empty<Bytes>> {
    let request =
        headers.iter().fold(Request::get("/"), |request, (name, value)| request.header(*name, *value));
    request.body(Empty::new()).unwrap()
}

fn from_peer(mut request: Request<Empty<Bytes>>, peer: &str) -> Request<Empty<Bytes>> {
    request.extensions_mut().insert(Peer::new(peer.parse().unwrap()));
    request
}

fn assert_served(answer: &Answer, body: &str) {
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200, body.as_bytes()));
}

fn assert_refused(answer: &Answer, status: u16, code: &str, challenge: Option<&str>) {
    assert_eq!(answer.status(), status, "{answer:?}");
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    assert_eq!(answer.headers()["x-should-retry"], "false");
    let body: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!((body["code"].as_str(), body["status"].as_u64()), (Some(code), Some(status.into())));
    let told = answer.headers().get("www-authenticate").map(|value| value.to_str().unwrap());
    assert_eq!(told, challenge);
    assert_eq!(answer.status() == 401, told.is_some(), "RFC 9110 §15.5.2");
}

fn keys(credential: Credential) -> ApiKeys {
    let day = Duration::from_secs(86_400);
    let now = SystemTime::now();
    let set = KeySet::new(
        [
            KeySpec::new("acme", KeyHash::of("acme-key-1")).with_expiry(now + day),
            KeySpec::new("acme", KeyHash::of("acme-key-2")).with_name("ci"),
            KeySpec::new("acme", KeyHash::of("acme-key-0")).with_expiry(now - day),
            KeySpec::new("acme", KeyHash::of("acme-key-3")).with_not_before(now + day),
        ],
        None,
    );
    ApiKeys::new(credential, set.unwrap())
}

const BEARER: &str = r#"Bearer realm="api""#;
const BAD_BEARER: &str = r#"Bearer realm="api", error="invalid_token""#;

#[tokio::test]
async fn api_keys_good_missing_bad_expired_and_rotated() {
    let ask_with =
        |value: &'static str| ask(keys(Credential::bearer()), request(&[("authorization", value)]));
    for key in ["Bearer acme-key-1", "Bearer acme-key-2"] {
        assert_served(&ask_with(key).await, "acme ");
    }
    for key in ["Bearer acme-key-9", "Bearer acme-key-3", "Bearer ", "Bearer acme-key-"] {
        assert_refused(&ask_with(key).await, 401, "INVALID_CREDENTIALS", Some(BAD_BEARER));
    }
    assert_refused(&ask_with("Bearer acme-key-0").await, 401, "EXPIRED_CREDENTIALS", Some(BAD_BEARER));
    let missing = ask(keys(Credential::bearer()), request(&[])).await;
    assert_refused(&missing, 401, "MISSING_CREDENTIALS", Some(BEARER));
}

#[tokio::test]
async fn api_keys_may_be_a_password_or_in_a_header_of_their_own() {
    let basic = [("authorization", "Basic YWNtZTphY21lLWtleS0x"), ("accept", "*/*")]; // acme:acme-key-1
    assert_served(&ask(keys(Credential::basic()), request(&basic)).await, "acme accept");
    let missing = ask(keys(Credential::basic()), request(&[])).await;
    assert_refused(&missing, 401, "MISSING_CREDENTIALS", Some(r#"Basic realm="api", charset="UTF-8""#));
    let own = || keys(Credential::header(HeaderName::from_static("x-api-key")));
    assert_served(&ask(own(), request(&[("x-api-key", "acme-key-1")])).await, "acme ");
    assert_served(
        &ask(own(), request(&[("x-api-key", "acme-key-1"), ("authorization", "x")])).await,
        "acme authorization",
    );
    let bad = ask(own(), request(&[("x-api-key", "x")])).await;
    assert_refused(&bad, 401, "INVALID_CREDENTIALS", Some(r#"ApiKey realm="api""#));
}

#[tokio::test]
async fn a_refusal_goes_with_the_answer_for_layers_around_it() {
    let answer = ask(keys(Credential::bearer()), request(&[("authorization", "Bearer guess")])).await;
    let refusal = *answer.extensions().get::<Refusal>().unwrap();
    assert_eq!(refusal, Refusal::Invalid(Scheme::Bearer, Fault::NoSuchKey));
    let mut grpc = request(&[("authorization", "Bearer guess")]);
    grpc.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    let answer = ask(keys(Credential::bearer()), grpc).await;
    assert_eq!(answer.headers()["grpc-status"], "16");
    assert_eq!(answer.extensions().get::<Refusal>(), Some(&refusal));
}

#[tokio::test]
async fn a_header_counts_from_trusted_hops_only() {
    let trusted = || {
        let hops = Networks::parse(["10.0.0.0/8", "2001:db8::/32", "127.0.0.1"]).unwrap();
        TrustedHeader::new(HeaderName::from_static("x-tenant"), hops)
    };
    let named = || request(&[("x-tenant", "acme")]);
    for peer in ["10.1.2.3:1", "[::ffff:10.1.2.3]:1", "[2001:db8:1::7]:1", "127.0.0.1:1"] {
        assert_served(&ask(trusted(), from_peer(named(), peer)).await, "acme x-tenant");
        let missing = ask(trusted(), from_peer(request(&[]), peer)).await;
        assert_refused(&missing, 400, "MISSING_TENANT", None);
        let twice = from_peer(request(&[("x-tenant", "acme"), ("x-tenant", "umbrella")]), peer);
        assert_refused(&ask(trusted(), twice).await, 400, "INVALID_CREDENTIALS", None);
    }
    for peer in ["192.0.2.1:1", "11.0.0.1:1", "127.0.0.2:1", "[2001:db9::1]:1", "[::1]:1"] {
        assert_refused(&ask(trusted(), from_peer(named(), peer)).await, 403, "UNTRUSTED_PEER", None);
        // What anybody can write makes nobody trusted.
        let spoofed = request(&[
            ("x-tenant", "acme"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-real-ip", "10.0.0.1"),
            ("forwarded", "for=10.0.0.1"),
        ]);
        assert_refused(&ask(trusted(), from_peer(spoofed, peer)).await, 403, "UNTRUSTED_PEER", None);
    }
    assert_refused(&ask(trusted(), named()).await, 403, "UNTRUSTED_PEER", None);
    let cleared = ask(trusted().clearing_strangers(), from_peer(named(), "192.0.2.1:1")).await;
    assert_refused(&cleared, 400, "MISSING_TENANT", None);
}

#[test]
fn what_is_no_network_is_told_by_value_and_fix() {
    for text in ["10.0.0.0/33", "10.0.0", "localhost", ""] {
        let problem = Networks::parse([text]).unwrap_err().to_string();
        assert!(problem.contains(&format!("{text:?}")) && problem.contains("10.0.0.0/8"), "{problem}");
    }
}

fn certificate(names: &[SanType], common_name: Option<&str>) -> PeerCertificate {
    certificate_until(names, common_name, 4000)
}

fn certificate_until(names: &[SanType], common_name: Option<&str>, year: i32) -> PeerCertificate {
    let mut params = CertificateParams::default();
    params.subject_alt_names = names.to_vec();
    params.distinguished_name = rcgen::DistinguishedName::new();
    if let Some(name) = common_name {
        params.distinguished_name.push(DnType::CommonName, name);
    }
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(year, 1, 1);
    let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    PeerCertificate::from_der(certificate.der()).unwrap()
}

async fn ask_with_certificate(name: CertificateName, certificate: Option<PeerCertificate>) -> Answer {
    let mut request = request(&[]);
    if let Some(certificate) = certificate {
        request.extensions_mut().insert(certificate);
    }
    ask(ClientCertificate::new(name), request).await
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

fn uri(name: &str) -> SanType {
    SanType::URI(name.try_into().unwrap())
}

#[tokio::test]
async fn a_certificate_names_the_tenant() {
    let spiffe = || CertificateName::new(NameKind::Uri).with_prefix("spiffe://example.test/tenant/");
    let tenants = || CertificateName::new(NameKind::Dns).with_suffix(".tenants.test");
    let common = || CertificateName::new(NameKind::CommonName);
    for (name, certificate) in [
        (spiffe(), certificate(&[uri("spiffe://example.test/tenant/acme"), dns("x.test")], None)),
        (tenants(), certificate(&[dns("Acme.Tenants.test"), dns("other.test")], Some("x"))),
        (common(), certificate(&[], Some("acme"))),
        (CertificateName::new(NameKind::Dns), certificate(&[dns("acme")], None)),
    ] {
        assert_served(&ask_with_certificate(name, Some(certificate)).await, "acme ");
    }
    let challenge = Some(r#"ClientCertificate realm="api""#);
    let missing = ask_with_certificate(common(), None).await;
    assert_refused(&missing, 401, "MISSING_CREDENTIALS", challenge);
    for (name, certificate) in [
        (spiffe(), certificate(&[uri("spiffe://evil.test/tenant/acme")], Some("acme"))),
        (spiffe(), certificate(&[uri("spiffe://example.test/tenant/acme/admin")], None)),
        (spiffe(), certificate(&[uri("spiffe://example.test/tenant/")], None)),
        (tenants(), certificate(&[dns("acme.tenants.test.evil.test")], None)),
        (tenants(), certificate(&[dns("a.acme.tenants.test")], None)),
        (tenants(), certificate(&[dns("*.tenants.test")], None)),
        (common(), certificate(&[dns("acme")], None)),
    ] {
        assert_refused(&ask_with_certificate(name, Some(certificate)).await, 403, "NO_TENANT", None);
    }
    let two = certificate(&[dns("a.tenants.test"), dns("b.tenants.test")], None);
    let two = ask_with_certificate(tenants(), Some(two)).await;
    assert_refused(&two, 401, "INVALID_CREDENTIALS", challenge);
    let expired = certificate_until(&[], Some("acme"), 2021);
    let expired = ask_with_certificate(common(), Some(expired)).await;
    assert_refused(&expired, 401, "EXPIRED_CREDENTIALS", challenge);
    assert!(PeerCertificate::from_der(b"no certificate").is_err());
}

#[tokio::test]
async fn a_function_may_ask_elsewhere_and_its_word_counts() {
    let function = || {
        FromFn::new(|request: &http::request::Parts| {
            let session = request.headers.get("x-session").cloned();
            async move {
                tokio::task::yield_now().await;
                match session.as_ref().map(HeaderValue::as_bytes) {
                    None => Err(Refusal::Missing(Scheme::Custom)),
                    Some(b"1") => Ok(Identity::new("acme", Scheme::Custom)),
                    Some(b"2") => Err(Refusal::Unknown(Scheme::Custom)),
                    Some(b"3") => Err(Refusal::Unavailable),
                    Some(_) => Err(Refusal::Invalid(Scheme::Custom, Fault::NoSuchKey)),
                }
            }
        })
    };
    let with = |session: &'static str| ask(function(), request(&[("x-session", session)]));
    assert_served(&with("1").await, "acme x-session");
    assert_refused(&with("2").await, 403, "NO_TENANT", None);
    assert_refused(&with("9").await, 401, "INVALID_CREDENTIALS", Some(r#"ApiKey realm="api""#));
    let away = with("3").await;
    assert_eq!((away.status().as_u16(), &away.headers()["retry-after"]), (503, &HeaderValue::from(1)));
}

#[tokio::test]
async fn of_two_ways_the_one_with_credentials_decides() {
    let both = || {
        let hops = Networks::parse(["10.0.0.0/8"]).unwrap();
        let header = TrustedHeader::new(HeaderName::from_static("x-tenant"), hops).clearing_strangers();
        AnyOf::new(keys(Credential::bearer()), header)
    };
    let inside = |headers: &[(&str, &str)]| from_peer(request(headers), "10.0.0.1:1");
    assert_served(&ask(both(), inside(&[("x-tenant", "umbrella")])).await, "umbrella x-tenant");
    let key = [("authorization", "Bearer acme-key-1")];
    assert_served(&ask(both(), from_peer(request(&key), "192.0.2.1:1")).await, "acme ");
    // Bad credentials are not made good by others.
    let bad = inside(&[("authorization", "Bearer guess"), ("x-tenant", "umbrella")]);
    assert_refused(&ask(both(), bad).await, 401, "INVALID_CREDENTIALS", Some(BAD_BEARER));
    let none = from_peer(request(&[("x-tenant", "umbrella")]), "192.0.2.1:1");
    assert_refused(&ask(both(), none).await, 401, "MISSING_CREDENTIALS", Some(BEARER));
}

#[tokio::test]
async fn what_clients_say_of_the_verified_tenant_is_overwritten() {
    let spoofed = request(&[
        ("authorization", "Bearer acme-key-1"),
        ("x-verified-tenant", "umbrella"),
        ("x-verified-tenant", "other"),
    ]);
    assert_served(&ask(keys(Credential::bearer()), spoofed).await, "acme ");
}

#[tokio::test]
async fn what_servers_would_take_for_a_header_that_says_who_it_is_goes_no_further() {
    let spoofed = request(&[
        ("authorization", "Bearer acme-key-1"),
        ("x_verified_tenant", "umbrella"),
        ("x_verified-tenant", "umbrella"),
        ("x.verified.tenant", "umbrella"),
        ("x_other", "1"),
    ]);
    assert_served(&ask(keys(Credential::bearer()), spoofed).await, "acme x_other");
    let own = Credential::header(HeaderName::from_static("x-api-key"));
    for (credential, names) in [(own.clone(), "acme "), (own.forwarded(), "acme x-api-key")] {
        let keyed = request(&[("x-api-key", "acme-key-1"), ("x_api_key", "umbrella-key")]);
        assert_served(&ask(keys(credential), keyed).await, names);
    }
    let hops = Networks::parse(["127.0.0.1"]).unwrap();
    let header = TrustedHeader::new(HeaderName::from_static("x-tenant"), hops);
    let named = request(&[("x-tenant", "acme"), ("x_tenant", "umbrella")]);
    assert_served(&ask(header, from_peer(named, "127.0.0.1:1")).await, "acme x-tenant");
}

/// Everything that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_secret_is_in_any_log_answer_or_debug_form() {
    const PEPPER: &[u8] = b"s3cr3t-pepper-of-the-list";
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .json()
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);

    let pepper = Pepper::new(PEPPER).unwrap();
    let hash = KeyHash::peppered("s3cr3t-key", &pepper);
    let mut seen = format!("{pepper:?} {hash:?} {:?}", KeySpec::new("acme", hash));
    let set = KeySet::new([KeySpec::new("acme", hash)], Some(pepper)).unwrap();
    let keys = ApiKeys::new(Credential::bearer(), set);
    let jwt = Jwt::new(Jwks::secret(b"s3cr3t-of-the-issuer"), [Algorithm::Hs256]).unwrap();
    seen += &format!("{keys:?} {:?} {jwt:?}", IdentityLayer::new(keys.clone()));
    seen += &format!("{:?}", "s3cr3t-key-in-the-wrong-place".parse::<KeyHash>().unwrap_err());
    seen += &format!("{}", "s3cr3t-key-in-the-wrong-place".parse::<KeyHash>().unwrap_err());
    for value in ["Bearer s3cr3t-key", "Bearer s3cr3t-guess", "Bearer s3cr3t.s3cr3t.s3cr3t", "Basic s3cr3t"] {
        for _ in 0..2 {
            let peer = |request| from_peer(request, "192.0.2.1:1");
            let one = ask(keys.clone(), peer(request(&[("authorization", value)]))).await;
            let two = ask(jwt.clone(), peer(request(&[("authorization", value)]))).await;
            seen += &format!("{one:?} {two:?}");
        }
    }
    let mut kept = request(&[("authorization", "Bearer s3cr3t-key")]).into_parts().0;
    let kept_keys = ApiKeys::new(Credential::bearer().forwarded(), KeySet::new([], None).unwrap());
    let _refused = kept_keys.authenticate(&mut kept);
    drop(guard);

    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("tenantry::identity") && logged.contains("INVALID_CREDENTIALS"), "{logged}");
    assert!(logged.contains("192.0.2.1") && logged.contains("NoSuchKey"), "{logged}");
    let hash: String = sha256_hex("s3cr3t-key");
    for secret in ["s3cr3t", &hash] {
        assert!(!logged.contains(secret), "{secret} in {logged}");
        assert!(!seen.contains(secret), "{secret} in {seen}");
    }
}

fn sha256_hex(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_hash_as_sha256sum_prints_it_is_the_keys() {
    let hash: KeyHash = sha256_hex("acme-key-7").parse().unwrap();
    let upper: KeyHash = sha256_hex("acme-key-7").to_uppercase().parse().unwrap();
    assert!(hash == KeyHash::of("acme-key-7") && upper == hash);
    for text in ["", "00", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64), &"é".repeat(32)] {
        assert!(text.parse::<KeyHash>().is_err(), "{text}");
    }
}

#[tokio::test]
async fn keys_are_replaced_while_requests_come() {
    let keys = keys(Credential::bearer());
    let ask_with = |key: &str| ask(keys.clone(), request(&[("authorization", key)]));
    assert_eq!(ask_with("Bearer acme-key-1").await.status(), 200);
    let hash = KeyHash::of("umbrella-key");
    keys.replace(KeySet::new([KeySpec::new("umbrella", hash)], None).unwrap());
    assert_eq!(ask_with("Bearer acme-key-1").await.status(), 401);
    assert_served(&ask_with("Bearer umbrella-key").await, "umbrella ");
}
