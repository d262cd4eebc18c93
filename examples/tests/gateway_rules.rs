//! What is wrong in `identify` and `routes` is told by path, value and fix, and never by a secret.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod folder;

use std::fs;

use folder::Folder;
use gateway_parts::config::Document;
use tenantry::Format;

/// Each of these is refused by a problem with all of these parts, in a folder with a good secret and a short one.
fn refuses(name: &str, table: &[(&str, &[&str])]) {
    let folder = Folder::new(name);
    fs::write(folder.join("secret"), "s3cr3t-s3cr3t-s3cr3t-s3cr3t-s3cr3t").unwrap();
    fs::write(folder.join("short"), "s3cr3t").unwrap();
    for (gateway, parts) in table {
        let text = format!("[pools.api]\nendpoints = [\"http://a:1\"]\n[tenants.acme]\n[gateway]\n{gateway}");
        let file = folder.join("gateway.toml");
        fs::write(&file, text).unwrap();
        let problem = Document::read(&file).unwrap_err().to_string();
        assert!(parts.iter().all(|part| problem.contains(part)), "{gateway}: {problem}");
        assert!(!problem.contains("s3cr3t"), "{problem}");
    }
}

#[test]
fn one_way_to_identify_and_who_is_trusted() {
    refuses(
        "rules-ways",
        &[
            ("identify = {}", &["gateway.identify:", "api_key"]),
            (r#"identify = { header = "a", api_key = {} }"#, &["gateway.identify:", "one of"]),
            (
                r#"identify = { header = "a", trusted = ["10.0.0.0/40"] }"#,
                &["gateway.identify.trusted[0]", "10.0.0.0/40", "10.0.0.0/8"],
            ),
            (
                "identify = { api_key = { keys = [] }, trusted = [] }",
                &["gateway.identify.trusted", "leave it out"],
            ),
            (
                r#"identify = { client_certificate = { name = "dns" } }"#,
                &["gateway.identify.client_certificate", "client_ca"],
            ),
        ],
    );
    let text = "[pools.api]\nendpoints = [\"http://a:1\"]\n[gateway]\nidentify = { header = \"x-t\", trusted = [\"::1\"] }";
    assert!(Document::from_text(text, Format::Toml).is_ok());
}

#[test]
fn keys() {
    let hash = "0".repeat(64);
    let soon = format!(
        "identify = {{ api_key = {{ keys = [{{ tenant = \"a\", sha256 = \"{hash}\", expires = \"soon\" }}] }} }}"
    );
    let twice = format!(
        "identify = {{ api_key = {{ keys = [{{ tenant = \"a\", sha256 = \"{hash}\" }}, {{ tenant = \"b\", sha256 = \"{hash}\" }}] }} }}"
    );
    refuses(
        "rules-keys",
        &[
            ("identify = { api_key = {} }", &["gateway.identify.api_key", "keys_file"]),
            (r#"identify = { api_key = "s3cr3t" }"#, &["gateway.identify.api_key", "table"]),
            (r#"identify = { api_key = { keys = "s3cr3t" } }"#, &["gateway.identify.api_key.keys", "list"]),
            (
                r#"identify = { api_key = { pepper = "s3cr3t" } }"#,
                &["gateway.identify.api_key.pepper:", "pepper_file"],
            ),
            (r#"identify = { api_key = { keys = [], from = "s3cr3t" } }"#, &["api_key.from", "bearer"]),
            (
                r#"identify = { api_key = { keys = [], pepper_file = "short" } }"#,
                &["api_key.pepper_file", "16"],
            ),
            (
                r#"identify = { api_key = { keys_file = "none.toml" } }"#,
                &["api_key.keys_file", "none.toml", "can be read"],
            ),
            (r#"identify = { api_key = { keys = ["s3cr3t"] } }"#, &["api_key.keys[0]", "table"]),
            (
                r#"identify = { api_key = { keys = [{ tenant = "acme" }] } }"#,
                &["api_key.keys[0].sha256", "hash"],
            ),
            (
                r#"identify = { api_key = { keys = [{ tenant = "acme", sha256 = "s3cr3t" }] } }"#,
                &["api_key.keys[0].sha256", "sha256sum"],
            ),
            (
                r#"identify = { api_key = { keys = [{ tenant = "acme", key = "s3cr3t" }] } }"#,
                &["api_key.keys[0].key:", "sha256"],
            ),
            (&soon, &["keys[0].expires", "T00:00:00Z"]),
            (&twice, &["keys[1]", "key of its own"]),
        ],
    );
}

#[test]
fn tokens() {
    let of = |more: &str| format!("identify = {{ jwt = {{ issuer = \"i\", audience = \"a\", {more} }} }}");
    refuses(
        "rules-tokens",
        &[
            (
                &of(r#"algorithms = ["none"], jwks = "http://127.0.0.1:1/""#),
                &["identify.jwt.algorithms[0]", "none", "RS256"],
            ),
            (&of(r#"algorithms = [], jwks = "http://127.0.0.1:1/""#), &["identify.jwt.algorithms", "RS256"]),
            (
                &of(r#"algorithms = ["HS256", "RS256"], secret_file = "secret""#),
                &["identify.jwt.algorithms", "either"],
            ),
            (
                &of(r#"algorithms = ["RS256"], jwks = "http://i.test/jwks""#),
                &["identify.jwt.jwks", "http://i.test/jwks", "https://"],
            ),
            (
                &of(r#"algorithms = ["RS256"], jwks = "https://i.test/jwks", jwks_ca = "no/such""#),
                &["identify.jwt.jwks_ca", "no/such"],
            ),
            (
                &of(r#"algorithms = ["RS256"], jwks = "http://127.0.0.1:1/", jwks_ca = "ca.pem""#),
                &["identify.jwt.jwks_ca", "leave it out"],
            ),
            (&of(r#"algorithms = ["RS256"]"#), &["identify.jwt", "jwks_file"]),
            (&of(r#"algorithms = ["RS256"], jwks_file = "secret""#), &["identify.jwt.jwks_file", "RFC 7517"]),
            (&of(r#"algorithms = ["HS256"], secret = "s3cr3t""#), &["identify.jwt.secret", "secret_file"]),
            (&of(r#"algorithms = ["HS256"], secret_file = "short""#), &["identify.jwt.secret_file", "32"]),
            (r#"identify = { jwt = { algorithms = ["RS256"] } }"#, &["gateway.identify.jwt", "issuer"]),
        ],
    );
}

#[test]
fn routes() {
    let of = |more: &str| format!("routes = [{{ path = \"/\", pool = \"api\", {more} }}]");
    refuses(
        "rules-routes",
        &[
            (&of(r#"methods = ["FETCH"]"#), &["routes[0].methods", "FETCH", "PATCH"]),
            (&of(r#"host = "a b""#), &["routes[0].host", "a b", "*.example.com"]),
            (&of(r#"tenants = ["acmee"]"#), &["routes[0].tenants[0]", "acmee", "[tenants.acmee]"]),
            (&of(r#"rate = "often""#), &["routes[0].rate", "often"]),
            (&of("priority = 9"), &["routes[0].priority", "9", "7"]),
            (
                r#"routes = [{ path = "/a/../b", pool = "api" }]"#,
                &["routes[0].path", "/a/../b", "normal form"],
            ),
            (r#"encoded_slashes = "allow""#, &["gateway.encoded_slashes", "allow", "keep"]),
        ],
    );
}
