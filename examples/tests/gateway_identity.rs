//! The gateway with keys, tokens and rules, as its clients see it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod folder;

#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../../tower-adapter/tests/support/issuer.rs"]
mod issuer;

#[allow(dead_code, reason = "each test program uses a part of it")]
mod raw_upstream;

use std::{
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_lc_rs::{
    digest::{SHA256, digest},
    hmac,
    rand::{SecureRandom as _, SystemRandom},
};
use folder::Folder;
use gateway_parts::{config::Document, route::Router, serve};
use issuer::{Issuer, in_seconds, key_set};
use raw_upstream::{answering, ok};
use serde_json::{Value, json};
use tenantry::Balancer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// An upstream that answers with the head of what it was sent.
async fn mirror() -> String {
    answering(|sent| sent.ends_with(b"\r\n\r\n"), |head| ok(&head)).await
}

/// A gateway of this document, in this process.
async fn gateway(folder: &Folder, gateway: &str) -> SocketAddr {
    let (api, reports) = (mirror().await, mirror().await);
    let text = format!(
        "[pools.api]\nendpoints = [\"{api}\"]\n[pools.reports]\nendpoints = [\"{reports}\"]\n[tenants.acme]\n[tenants.umbrella]\npools = [\"api\"]\n[gateway]\n{gateway}"
    );
    let file = folder.join("gateway.toml");
    fs::write(&file, text).unwrap();
    let Document { balancer, settings, .. } = Document::read(&file).unwrap();
    if let Some(keys) = settings.key_file().cloned() {
        tokio::spawn(keys.watch(Duration::from_millis(5), |_| {}));
    }
    let router = Router::new(&Balancer::new(balancer).unwrap(), &settings, None);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve::serve(listener, router, std::future::pending(), Duration::from_secs(1)));
    address
}

/// Status, head and body of an answer.
async fn ask(gateway: SocketAddr, line: &str, headers: &[(&str, &str)]) -> (u16, String, String) {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    let mut request = format!("{line} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{request}\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), head.to_owned(), body.to_owned())
}

fn code(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    body["code"].as_str().unwrap_or_default().to_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A key as an operator makes one, and its hash.
fn key() -> (String, String) {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).unwrap();
    let key = hex(&bytes);
    let hash = hex(digest(&SHA256, key.as_bytes()).as_ref());
    (key, hash)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn api_keys_from_a_file_that_changes_while_requests_come() {
    let folder = Folder::new("keys");
    let [(one, one_hash), (two, two_hash), (old, old_hash)] = [key(), key(), key()];
    let file = folder.join("keys.toml");
    let list = |keys: &[(&str, &str, &str)]| {
        let key = |(tenant, hash, more): &(&str, &str, &str)| {
            format!("[[keys]]\ntenant = \"{tenant}\"\nsha256 = \"{hash}\"\n{more}\n")
        };
        let text: String = keys.iter().map(key).collect();
        let new = folder.join("new.toml");
        fs::write(&new, text).unwrap();
        fs::rename(new, &file).unwrap();
    };
    let expired = ("acme", &*old_hash, "expires = \"2020-01-01T00:00:00Z\"");
    list(&[("acme", &one_hash, "name = \"ci\""), expired]);
    let gateway = gateway(
        &folder,
        r#"
        identify = { api_key = { keys_file = "keys.toml" }, tell = "x-tenant" }
        routes = [{ path = "/", pool = "api" }]
        "#,
    )
    .await;
    let with = |key: &str| {
        let value = format!("Bearer {key}");
        async move { ask(gateway, "GET /x", &[("Authorization", &value), ("x-tenant", "umbrella")]).await }
    };

    let (status, _, body) = with(&one).await;
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("x-tenant: acme") && !body.contains("umbrella"), "{body}");
    assert!(!body.to_lowercase().contains("authorization") && !body.contains(&one), "{body}");
    for (key, expected) in [(&two, "INVALID_CREDENTIALS"), (&old, "EXPIRED_CREDENTIALS")] {
        let (status, head, body) = with(key).await;
        assert_eq!((status, &*code(&body)), (401, expected));
        assert!(head.contains("www-authenticate: Bearer") && head.contains("invalid_token"), "{head}");
        assert!(!head.contains(key.as_str()) && !body.contains(key.as_str()));
    }
    let (status, head, body) = ask(gateway, "GET /x", &[("x-tenant", "acme")]).await;
    assert_eq!((status, &*code(&body)), (401, "MISSING_CREDENTIALS"));
    assert!(head.contains("www-authenticate: Bearer realm=\"api\"\r\n"), "{head}");

    // The second key joins, then the first one goes.
    list(&[("acme", &one_hash, ""), ("umbrella", &two_hash, "")]);
    while with(&two).await.0 != 200 {}
    assert_eq!(with(&one).await.0, 200);
    fs::write(&file, "[[keys]]\ntenant = 7").unwrap();
    list(&[("umbrella", &two_hash, "")]);
    while with(&one).await.0 == 200 {}
    assert_eq!(with(&two).await.0, 200);
}

/// A gateway's document with this file of keys, what is told of it while it is watched, and who watches it.
fn watch_keys(folder: &Folder, file: &str) -> (PathBuf, Arc<Mutex<Vec<String>>>, JoinHandle<()>) {
    let text = format!(
        "[pools.api]\nendpoints = [\"http://a:1\"]\n[gateway]\nidentify = {{ api_key = {{ keys_file = {file:?} }} }}"
    );
    let document = folder.join("gateway.toml");
    fs::write(&document, text).unwrap();
    let keys = Document::read(&document).unwrap().settings.key_file().cloned().unwrap();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&heard);
    let watching =
        tokio::spawn(keys.watch(Duration::from_millis(2), move |news| told.lock().unwrap().push(news)));
    (document, heard, watching)
}

#[tokio::test]
async fn keys_that_cannot_be_used_change_nothing_and_the_operator_hears_of_it() {
    let folder = Folder::new("badkeys");
    let (key, hash) = key();
    let file = folder.join("keys.json");
    fs::write(&file, json!({ "keys": [{ "tenant": "acme", "sha256": hash }] }).to_string()).unwrap();
    let (_, heard, watching) = watch_keys(&folder, "keys.json");
    let new = json!({ "keys": [{ "tenant": "acme", "sha256": key }, { "tenant": "acme", "key": key }] });
    fs::write(&file, new.to_string()).unwrap();
    while heard.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    watching.abort();
    let news = heard.lock().unwrap().join("\n");
    assert!(news.contains("keys[1].key: there is no such key") && news.contains("stay"), "{news}");
    assert!(!news.contains(&key) && !news.contains(&hash), "{news}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_file_of_keys_takes_nobodys_key_away() {
    let folder = Folder::new("half-keys");
    let hash = |key: u8| hex(digest(&SHA256, &[key]).as_ref());
    let list = |keys: &[u8]| -> String {
        keys.iter().map(|key| format!("[[keys]]\ntenant = \"acme\"\nsha256 = {:?}\n", hash(*key))).collect()
    };
    let file = folder.join("keys.toml");
    fs::write(&file, list(&[1, 2])).unwrap();
    let (document, heard, watching) = watch_keys(&folder, "keys.toml");
    // Whoever writes it takes its time between two keys, and all of it so far is a list.
    let write = |keys: &[u8]| fs::write(&file, list(keys)).unwrap();
    for half in [&[1][..], &[1, 3], &[1, 3, 2]] {
        write(half);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    while heard.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // A reading at the start, or for a new document, waits for the rest as well.
    write(&[1]);
    let reading =
        std::thread::spawn(move || format!("{:?}", Document::read(&document).unwrap().settings.key_file()));
    tokio::time::sleep(Duration::from_millis(20)).await;
    write(&[1, 2]);
    let read = reading.join().unwrap();
    assert!(read.contains("len: 2"), "{read}");
    watching.abort();
    assert!(heard.lock().unwrap()[0].ends_with("3 keys in force"), "{heard:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_scopes_claims_and_rules_of_routes() {
    let folder = Folder::new("tokens");
    let issuer = Issuer::ec("2026-1");
    fs::write(folder.join("jwks.json"), key_set(&[&issuer])).unwrap();
    let gateway = gateway(
        &folder,
        r#"
        identify = { jwt = { jwks_file = "jwks.json", algorithms = ["ES256"], issuer = "https://issuer.test", audience = "gateway", tenant = "org.id" } }
        routes = [
            { path = "/", pool = "api" },
            { path = "/reports", pool = "reports", methods = ["GET"], scopes = ["reports:read"] },
            { path = "/admin", pool = "api", tenants = ["acme"], claims = { "org.role" = "admin" } },
            { path = "/few", pool = "api", rate = "1/h", cost = 3 },
        ]
        "#,
    )
    .await;
    let claims = |org: Value| json!({ "iss": "https://issuer.test", "aud": "gateway", "exp": in_seconds(60), "scope": "reports:read", "org": org });
    let bearer = |org: Value| format!("Bearer {}", issuer.token(&claims(org)));
    let (acme, admin) = (bearer(json!({ "id": "acme" })), bearer(json!({ "id": "acme", "role": "admin" })));
    let (umbrella, stranger) =
        (bearer(json!({ "id": "umbrella", "role": "admin" })), bearer(json!({ "id": "nobody" })));
    let other = Issuer::ec("2026-1").token(&claims(json!({ "id": "acme" })));
    let forged = format!("Bearer {other}");
    let nameless = bearer(json!({}));
    for (line, token, expected) in [
        ("GET /x", &*acme, (200, "")),
        ("GET /reports/7", &acme, (200, "")),
        ("POST /reports/7", &acme, (405, "METHOD_NOT_ALLOWED")),
        ("GET /reports/7", &umbrella, (403, "POOL_FORBIDDEN")),
        ("GET /admin/x", &admin, (200, "")),
        ("GET /admin/x", &acme, (403, "SCOPE_MISSING")),
        ("GET /admin/x", &umbrella, (403, "ROUTE_FORBIDDEN")),
        ("GET /x/../admin/x", &umbrella, (403, "ROUTE_FORBIDDEN")),
        ("GET /x/%2e%2e/admin", &umbrella, (403, "ROUTE_FORBIDDEN")),
        ("GET /x/..%2fadmin", &umbrella, (400, "AMBIGUOUS_PATH")),
        ("GET //admin", &umbrella, (400, "AMBIGUOUS_PATH")),
        ("GET /admin;x", &umbrella, (400, "AMBIGUOUS_PATH")),
        ("GET /admin%00", &umbrella, (400, "AMBIGUOUS_PATH")),
        ("GET /few", &acme, (200, "")),
        ("GET /few", &acme, (429, "RATE_LIMITED")),
        ("GET /few", &umbrella, (200, "")),
        ("GET /x", &stranger, (403, "UNKNOWN_TENANT")),
        ("GET /x", &nameless, (403, "NO_TENANT")),
        ("GET /x", &forged, (401, "INVALID_CREDENTIALS")),
        ("GET /x", "Bearer e30.e30.", (401, "INVALID_CREDENTIALS")),
        ("GET /x", "Basic e30=", (401, "MISSING_CREDENTIALS")),
    ] {
        let (status, head, body) = ask(gateway, line, &[("authorization", token)]).await;
        assert_eq!((status, &*code(&body)), expected, "{line}");
        assert_eq!(status == 405, head.contains("allow: GET\r\n"), "{line}: {head}");
        if status == 200 {
            assert!(!body.contains("Bearer"), "the token goes no further: {body}");
        }
    }
    let (_, _, body) = ask(gateway, "GET /reports/x/../%61?q=%2e", &[("authorization", &acme)]).await;
    assert!(body.starts_with("GET /reports/a?q=%2e HTTP/1.1"), "upstreams see the normal form: {body}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_header_counts_from_where_the_document_trusts() {
    let folder = Folder::new("trusted");
    for (identify, expected) in [
        ("", (200, "")),
        ("identify = { header = \"x-tenant\" }", (200, "")),
        ("identify = { header = \"x-tenant\", trusted = [\"127.0.0.1\"] }", (200, "")),
        ("identify = { header = \"x-tenant\", trusted = [\"10.0.0.0/8\"] }", (403, "UNTRUSTED_PEER")),
        ("identify = { header = \"x-tenant\", trusted = [] }", (403, "UNTRUSTED_PEER")),
    ] {
        let routes = "\nroutes = [{ path = \"/\", pool = \"api\" }]";
        let gateway = gateway(&folder, &format!("{identify}{routes}")).await;
        let spoofed = [("x-tenant", "acme"), ("x-forwarded-for", "10.0.0.1"), ("forwarded", "for=10.0.0.1")];
        let (status, _, body) = ask(gateway, "GET /", &spoofed).await;
        assert_eq!((status, &*code(&body)), expected, "{identify}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_may_be_peppered_and_shared_secrets_sign_tokens() {
    let folder = Folder::new("peppered");
    let (pepper, key) = ("a pepper made of words for this test", "k".repeat(32));
    fs::write(folder.join("pepper"), format!("{pepper}\n")).unwrap();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, pepper.as_bytes()), key.as_bytes());
    let hash = hex(tag.as_ref());
    let keys = gateway(
        &folder,
        &format!(
            "identify = {{ api_key = {{ from = {{ header = \"x-api-key\" }}, forward = true, pepper_file = \"pepper\", keys = [{{ tenant = \"acme\", hmac_sha256 = \"{hash}\" }}] }} }}\nroutes = [{{ path = \"/\", pool = \"api\" }}]"
        ),
    )
    .await;
    let (status, _, body) = ask(keys, "GET /", &[("x-api-key", &key)]).await;
    assert!(status == 200 && body.contains(&key), "{body}");

    fs::write(folder.join("secret"), "a shared secret of more than thirty-two bytes").unwrap();
    let tokens = gateway(
        &folder,
        "identify = { jwt = { secret_file = \"secret\", algorithms = [\"HS256\"], issuer = \"i\", audience = \"a\" } }\nroutes = [{ path = \"/\", pool = \"api\" }]",
    )
    .await;
    let claims = json!({ "iss": "i", "aud": "a", "exp": in_seconds(60), "tenant": "acme" });
    let secret = b"a shared secret of more than thirty-two bytes";
    let token = issuer::signed_with_secret(secret, &json!({ "alg": "HS256" }), &claims);
    assert_eq!(ask(tokens, "GET /", &[("authorization", &format!("Bearer {token}"))]).await.0, 200);
    let none = format!("Bearer {}.", issuer::message(&json!({ "alg": "none" }), &claims));
    assert_eq!(ask(tokens, "GET /", &[("authorization", &none)]).await.0, 401);
}
