//! The dashboard in headless Chromium: what it shows is what `/status` says, and a click acts.
//!
//! `TENANTRY_SCREENSHOTS=docs cargo test -p tenantry-examples --test gateway_dashboard` puts its pictures into `docs/`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod folder;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use folder::Folder;
use gateway_parts::{
    admin,
    config::Document,
    load::{self, Log},
    process::found,
    route::Router,
    serve, upstream,
};
use serde_json::Value;
use tenantry::{Balancer, Format};
use tenantry_tower::guard::Guard;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    process::Command,
    sync::oneshot,
};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// A tenant that would be a script, were its name taken for HTML.
const EVIL: &str = "<img src=x onerror=alert(1)>";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dashboard_shows_what_status_says_and_its_actions_act() {
    let Some(chromium) = program("chromium") else {
        say_left_out();
        return;
    };
    let folder = Folder::new("dashboard");
    let token = folder.join("admin.token");
    fs::write(&token, TOKEN).unwrap();
    let mut endpoints = [const { String::new() }; 3];
    for endpoint in &mut endpoints {
        *endpoint = format!("http://{}", upstream::start().await.unwrap());
    }
    let text = document(&endpoints, &token);
    let Document { balancer, settings, .. } = Document::from_text(&text, Format::Toml).unwrap();
    let balancer = Balancer::new(balancer).unwrap();
    let guard = settings.guard().unwrap().clone();
    assert!(guard.ban(&"203.0.113.5".parse().unwrap(), Duration::from_secs(7_200)));
    let admin = admin::start(&balancer, &settings).await.unwrap();
    let router = Router::measured(&balancer, &settings, None, admin.metrics());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { stopped.await.unwrap_or(()) };
    let serving = tokio::spawn(serve::serve(listener, router, stopped, Duration::from_secs(30)));

    let log = Log::default();
    let floods = [("acme", 12), ("umbrella", 12), ("quiet", 1), (EVIL, 1)]
        .map(|(tenant, connections)| load::flood(gateway, tenant, connections, &log));
    let kept = env::var_os("TENANTRY_SCREENSHOTS");
    let mut browser = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dashboard/drive.mjs"))
        .arg(chromium)
        .arg(format!("http://{}/", admin.address().unwrap()))
        .args([TOKEN, &endpoints[0]])
        .arg(folder.join(""))
        // A minute fills the lines of the pictures.
        .arg(if kept.is_some() { "60" } else { "3" })
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(browser.stdout.take().unwrap()).lines();
    let first = lines.next_line().await.unwrap().expect("it speaks");
    assert_eq!(first, "loaded");
    drop(floods);
    browser.stdin.as_mut().unwrap().write_all(b"quiet\n").await.unwrap();
    let seen: Value = serde_json::from_str(&lines.next_line().await.unwrap().expect("it ends")).unwrap();
    judge(&seen);
    clicks_have_reached(&balancer, &endpoints[0], &guard);
    if let Some(to) = kept {
        keep_pictures(&folder, Path::new(&to));
    }
    drop(stop);
    assert!(serving.await.unwrap());
    admin.stop().await;
}

fn clicks_have_reached(balancer: &Balancer, endpoint: &str, guard: &Guard) {
    let pool = balancer.pool_stats("api").unwrap();
    let drained = pool.endpoints().iter().find(|one| one.address() == endpoint).unwrap();
    assert!(drained.is_draining(), "the click has reached the balancer");
    let bans = guard.bans();
    assert!(
        bans.len() == 1 && bans[0].subject().to_string() == "203.0.113.5",
        "the button has reached the guard: {bans:?}"
    );
}

fn keep_pictures(folder: &Folder, to: &Path) {
    let to = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(to);
    for name in ["dashboard.png", "dashboard-dark.png"] {
        fs::copy(folder.join(name), to.join(name)).unwrap();
    }
}

fn judge(seen: &Value) {
    assert_eq!(seen["broken"], Value::Null, "{seen}");
    assert_eq!(seen["shown"], seen["told"], "what is shown is what /status says");
    assert!(seen["shown"]["tenants"][EVIL].is_array(), "its name is shown as it is: {seen}");
    assert_ne!(seen["shown"]["tenants"]["acme"][3], "0");
    assert_ne!(seen["light"], seen["dark"]);
    assert!(seen["busy"]["points"].as_u64() > Some(1) && seen["busy"]["requests"] != "0", "{seen}");
    assert!(seen["refused"].as_str().unwrap().contains("Authorization: Bearer"), "{seen}");
    let bans = seen["bans"].as_array().unwrap();
    assert!(bans.contains(&"198.51.100.9".into()) && bans.contains(&"203.0.113.5".into()), "{seen}");
    let firing = seen["firing"].as_array().unwrap();
    assert!(firing.iter().any(|summary| summary == "http://127.0.0.1:9 of api does not serve"), "{seen}");
    let page = &seen["page"];
    assert!(seen["heard"].as_str().unwrap().contains("draining"), "changes are announced: {seen}");
    for nothing in ["images", "kept", "unnamed"] {
        assert_eq!(page[nothing], 0, "{nothing}: {page}");
    }
    assert_eq!((&page["tokens"], &page["captions"]), (&Value::from(false), &Value::from(5)));
    let problems = seen["problems"].as_array().unwrap();
    // The one refusal above is on the browser's list, and nothing else is: no broken policy, no script's error.
    assert!(problems.len() == 1 && problems[0].as_str().unwrap().contains("401"), "{problems:?}");
}

/// Three endpoints that serve and one that nobody listens on.
fn document([one, two, three]: &[String; 3], token: &Path) -> String {
    format!(
        r#"
        [pools.api]
        capacity = 8
        endpoints = [{one:?}, {two:?}, {{ address = {three:?}, weight = 2 }}, "http://127.0.0.1:9"]
        health = {{ outlier = {{ consecutive_failures = 3, max_ejected = 50 }} }}
        [tenants.acme]
        weight = 3
        [tenants.umbrella]
        [tenants.quiet]
        [tenants."{EVIL}"]
        rate = "20/s"
        [gateway]
        admin = {{ listen = "127.0.0.1:0", token_file = {token:?} }}
        guard = {{}}
        alert = {{ ejection = {{ for = "0s" }}, rejection = {{ for = "0s", window = "30s" }}, objective = {{ percent = 99 }} }}
        "#
    )
}

/// Where a program is; a test that needs one that is missing is left out, loudly, but not in CI.
fn program(name: &str) -> Option<PathBuf> {
    let found = found(name).ok();
    assert!(
        found.is_some() || env::var("CI").as_deref() != Ok("true"),
        "{name} is not installed, and CI needs it"
    );
    found
}

#[expect(clippy::print_stderr, reason = "what is left out is said")]
fn say_left_out() {
    eprintln!("LEFT OUT: the dashboard in a browser: chromium is not installed");
}
