//! What stands beside a gateway to watch it, held against a running one; and what of its pages follows the document.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod folder;
mod pki;
#[expect(dead_code, reason = "each test uses a part of it")]
mod support;

use std::{
    collections::BTreeSet,
    env, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};

use folder::Folder;
use gateway_parts::{
    admin::{self, Served},
    config::Document,
    listener::Listener,
    process::{Running, free_address},
    reload::Reloader,
    upstream,
};
use pki::Authority;
use serde_json::{Value, json};
use support::program;
use tenantry::Balancer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    task,
    time::{sleep, timeout},
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

const PATIENCE: Duration = Duration::from_secs(30);
const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const NEWER: &str = "fedcba9876543210fedcba9876543210";

/// A gateway with its pages, in this process, that follows its file when it is told to.
struct World {
    gateway: SocketAddr,
    admin: Served,
    reloader: Reloader,
    folder: Folder,
    endpoint: String,
}

impl World {
    async fn start(name: &str, gateway: &str) -> Self {
        let folder = Folder::new(name);
        fs::write(folder.join("admin.token"), TOKEN).unwrap();
        let endpoint = format!("http://{}", upstream::start().await.unwrap());
        write(&folder, &endpoint, gateway);
        let file = folder.join("gateway.toml");
        let document = Document::read(&file).unwrap();
        let balancer = Balancer::new(document.balancer.clone()).unwrap();
        let admin = admin::start(&balancer, &document.settings).await.unwrap();
        let reloader = Reloader::start(&file, document, &balancer, &admin, |_| ());
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = socket.local_addr().unwrap();
        tokio::spawn(Listener::new(socket, reloader.live()).serve(std::future::pending(), Duration::ZERO));
        Self { gateway, admin, reloader, folder, endpoint }
    }

    async fn reload(&mut self, gateway: &str) -> Vec<&'static str> {
        write(&self.folder, &self.endpoint, gateway);
        self.reloader.reload(|_| ()).await.unwrap()
    }

    async fn page(&self, path: &str) -> (u16, String) {
        ask(self.admin.address().unwrap(), &format!("GET {path}"), "", "").await
    }

    async fn status(&self) -> Value {
        serde_json::from_str(&self.page("/status").await.1).unwrap()
    }

    async fn act(&self, token: &str, name: &str, body: &Value) -> u16 {
        let fields = format!("authorization: Bearer {token}\r\ncontent-type: application/json\r\n");
        let line = format!("POST /actions/{name}");
        ask(self.admin.address().unwrap(), &line, &fields, &body.to_string()).await.0
    }
}

fn write(folder: &Folder, endpoint: &str, gateway: &str) {
    let text = format!(
        "[pools.api]\nendpoints = [{endpoint:?}]\n[tenants.acme]\nrate = \"1/h\"\nbudget = {{ requests = 1000, per = \"month\" }}\n[gateway]\n{gateway}\n"
    );
    fs::write(folder.join("gateway.toml"), text).unwrap();
}

/// One request on a connection of its own: the answer's status and body.
async fn ask(server: SocketAddr, line: &str, fields: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(server).await.unwrap();
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nhost: {server}\r\nconnection: close\r\ncontent-length: {length}\r\n{fields}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// Every name of a metric in a text.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let names = text.split(|c| !is_name(c)).filter(|word| word.starts_with("tenantry_"));
    names.map(ToOwned::to_owned).collect()
}

const ADMIN: &str = "admin = { listen = \"127.0.0.1:0\", token_file = \"admin.token\" }\n";

#[tokio::test]
async fn what_the_files_beside_it_name_a_running_gateway_tells() {
    let gateway = format!("{ADMIN}guard = {{}}\nalert = {{ objective = {{ percent = 99.9 }} }}");
    let world = World::start("observability", &gateway).await;
    assert_eq!(ask(world.gateway, "GET /", "x-tenant: acme\r\n", "").await.0, 200);
    assert_eq!(ask(world.gateway, "GET /", "x-tenant: acme\r\n", "").await.0, 429);
    let told = world.page("/metrics").await.1;
    let samples: BTreeSet<_> = told
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(['{', ' ']).next().unwrap().to_owned())
        .collect();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("observability");
    let (code, rules) = world.page("/alerts/rules.yml").await;
    assert_eq!(code, 200);
    let rules_file = folder.join("tenantry.rules.yml");
    if env::var_os("TENANTRY_WRITE_RULES").is_some() {
        fs::write(&rules_file, &rules).unwrap();
    }
    assert_eq!(fs::read_to_string(rules_file).unwrap(), rules, "TENANTRY_WRITE_RULES=1 writes it anew");
    let dashboard = fs::read_to_string(folder.join("grafana-dashboard.json")).unwrap();
    let parsed: Value = serde_json::from_str(&dashboard).unwrap();
    let panels = parsed["panels"].as_array().unwrap();
    let empty =
        |panel: &&Value| panel["type"] != "row" && panel["targets"].as_array().is_none_or(Vec::is_empty);
    assert!(panels.len() > 20 && !panels.iter().any(|panel| empty(&panel)));
    for text in [rules, dashboard] {
        let named = metrics_in(&text);
        assert!(named.len() >= 5, "{named:?}");
        let missing: Vec<_> = named.difference(&samples).collect();
        assert!(missing.is_empty(), "{missing:?} is not among {samples:?}");
    }
}

/// Debian's Prometheus scrapes a gateway, evaluates its rules, and answers what the dashboard asks.
#[tokio::test]
async fn prometheus_reads_what_is_told_and_understands_both_files() {
    let (Some(prometheus), Some(promtool)) = (program("prometheus"), program("promtool")) else {
        eprintln!("LEFT OUT: prometheus is not installed");
        return;
    };
    let gateway = format!("{ADMIN}guard = {{}}\nalert = {{ objective = {{ percent = 99.9 }} }}");
    let world = World::start("observability-prometheus", &gateway).await;
    assert_eq!(ask(world.gateway, "GET /", "x-tenant: acme\r\n", "").await.0, 200);
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("observability");
    let rules = files.join("tenantry.rules.yml");
    let checked = Command::new(promtool).args(["check", "rules"]).arg(&rules).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let (_running, address) = start_prometheus(prometheus, &world, &rules).await;

    let queried = async |expression: &str| -> Value {
        asked(address, &format!("/api/v1/query?query={}", form_urlencoded(expression))).await
    };
    let served = "tenantry_requests_total{outcome=\"success\", pool=\"api\", tenant=\"acme\"} == 1";
    let scraped = async {
        while queried(served).await["data"]["result"].as_array().is_none_or(Vec::is_empty) {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, scraped).await.unwrap();
    let dashboard = fs::read_to_string(files.join("grafana-dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.filter_map(|panel| panel["targets"].as_array()).flatten();
    let expressions: Vec<_> = targets.map(|target| target["expr"].as_str().unwrap()).collect();
    assert!(expressions.len() > 20);
    for expression in expressions {
        // What Grafana puts there.
        let expression = expression.replace("$__rate_interval", "1m").replace("$pool", ".*");
        let answer = queried(&expression.replace("$tenant", ".*")).await;
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
    }
    let told =
        async || -> Value { asked(address, "/api/v1/rules?type=alert").await["data"]["groups"].take() };
    let evaluated = async {
        loop {
            let groups = told().await;
            let rules =
                groups.as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap());
            let health: Vec<_> = rules.map(|rule| rule["health"].as_str().unwrap().to_owned()).collect();
            assert!(health.len() >= 9 && !health.iter().any(|health| health == "err"), "{groups}");
            if health.iter().all(|health| health == "ok") {
                break;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, evaluated).await.unwrap();
}

/// Scrapes that gateway each second, and evaluates these rules.
async fn start_prometheus(program: PathBuf, world: &World, rules: &Path) -> (Running, SocketAddr) {
    let pages = world.admin.address().unwrap();
    let config = json!({
        "global": { "scrape_interval": "1s", "evaluation_interval": "1s" },
        "rule_files": [rules],
        "scrape_configs": [{ "job_name": "gateway", "static_configs": [{ "targets": [pages.to_string()] }] }],
    });
    // JSON is YAML.
    fs::write(world.folder.join("prometheus.yml"), config.to_string()).unwrap();
    let address = free_address().unwrap();
    let mut command = Command::new(program);
    command.arg(format!("--config.file={}", world.folder.join("prometheus.yml").display()));
    command.arg(format!("--storage.tsdb.path={}", world.folder.join("tsdb").display()));
    command.arg(format!("--web.listen-address={address}"));
    let folder = world.folder.join("");
    let starting = task::spawn_blocking(move || Running::start(&mut command, address, &folder));
    (starting.await.unwrap().unwrap(), address)
}

/// What Prometheus answers, in one piece; nothing where it is not ready yet.
async fn asked(prometheus: SocketAddr, target: &str) -> Value {
    let mut stream = TcpStream::connect(prometheus).await.unwrap();
    stream.write_all(format!("GET {target} HTTP/1.0\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_default()
}

/// As in a query: whatever is no letter and no digit is escaped.
fn form_urlencoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

#[tokio::test]
async fn what_the_listener_refuses_is_counted_by_reason() {
    let mut world = World::start("observability-refusals", ADMIN).await;
    let chunked = "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n";
    // A length beside it would be another fault.
    let coded = format!("POST / HTTP/1.1\r\nhost: a.test\r\nx-tenant: acme\r\n{chunked}\r\n0\r\n\r\n");
    assert!(raw(world.gateway, &coded).await.starts_with("HTTP/1.1 501"));
    for _ in 0..2 {
        assert!(raw(world.gateway, "GET / HTTP/1.1\r\nx y: z\r\n\r\n").await.starts_with("HTTP/1.1 400"));
    }
    let counts = |told: &str| -> Vec<String> {
        let lines = told.lines().filter(|line| line.starts_with("tenantry_refusals_total{"));
        lines.map(ToOwned::to_owned).collect()
    };
    let expected = [
        "tenantry_refusals_total{reason=\"MALFORMED_HEAD\"} 2",
        "tenantry_refusals_total{reason=\"TRANSFER_CODING\"} 1",
    ];
    // A connection's end is noted after its answer.
    let counted = async {
        while counts(&world.page("/metrics").await.1) != expected {
            task::yield_now().await;
        }
    };
    timeout(PATIENCE, counted).await.unwrap();
    // Another document goes on with the same counts.
    world.reload(&format!("{ADMIN}drain = \"30s\"")).await;
    assert_eq!(counts(&world.page("/metrics").await.1), expected);
    world.reload(&format!("{ADMIN}proxy_protocol = {{ trusted = [\"127.0.0.1\"] }}")).await;
    let mut unannounced = TcpStream::connect(world.gateway).await.unwrap();
    unannounced.write_all(b"GET / HTTP/1.1\r\nhost: a.test\r\n\r\n").await.unwrap();
    // It ends without a word, perhaps by a reset.
    timeout(PATIENCE, unannounced.read(&mut [0; 1])).await.unwrap().ok();
    let told = world.page("/metrics").await.1;
    assert!(told.contains("tenantry_refusals_total{reason=\"NO_PROXY_HEADER\"} 1"), "{told}");
}

/// All that comes back.
async fn raw(server: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    timeout(PATIENCE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

#[tokio::test]
async fn connections_that_bans_refuse_are_counted_by_the_guard_in_force() {
    let of = |guard: &str| {
        format!("{ADMIN}identify = {{ header = \"x-tenant\", trusted = [\"127.0.0.1\"] }}\nguard = {guard}")
    };
    let mut world = World::start("observability-bans", &of("{}")).await;
    assert_eq!(world.act(TOKEN, "ban", &json!({ "subject": "127.0.0.5", "for_s": 3600 })).await, 200);
    for (refused, guard) in ["{ capacity = 100 }", "{ capacity = 200 }"].into_iter().enumerate() {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.5:0".parse().unwrap()).unwrap();
        let mut stream = socket.connect(world.gateway).await.unwrap();
        let read = timeout(PATIENCE, stream.read(&mut [0; 1])).await.unwrap();
        assert!(read.is_ok_and(|read| read == 0));
        let (_, text) = world.page("/metrics").await;
        let line = format!("tenantry_refusals_total{{reason=\"CLIENT_BANNED\"}} {}", refused + 1);
        assert!(text.lines().any(|there| there == line), "{text}");
        assert!(text.lines().any(|there| there == "tenantry_guard_refusals_total 1"), "this guard's: {text}");
        assert_eq!(world.reload(&of(guard)).await, Vec::<&str>::new());
    }
}

#[tokio::test]
async fn token_guard_and_alerts_follow_the_document_and_what_does_not_is_said() {
    let mut world = World::start("observability-reload", &format!("{ADMIN}guard = {{}}")).await;
    let ban = json!({ "subject": "192.0.2.7", "for_s": 3600 });
    assert_eq!(world.act(TOKEN, "ban", &ban).await, 200);
    let told = world.status().await;
    assert_eq!((&told["guard"]["active_bans"], &told["alerts"]), (&json!(1), &Value::Null));
    assert_eq!(told["after_restart"], json!([]));

    // Another guard, with its bans; another token in the same file; alerts.
    fs::write(world.folder.join("admin.token"), NEWER).unwrap();
    let alert = "alert = { panic = { for = \"0s\" }, resolve_after = \"0s\" }";
    let next = format!("{ADMIN}guard = {{ capacity = 100 }}\nlisten = \"127.0.0.1:1\"\n{alert}");
    assert_eq!(world.reload(&next).await, ["gateway.listen"]);
    assert_eq!(world.act(TOKEN, "unban", &json!({ "subject": "192.0.2.7" })).await, 401);
    let told = world.status().await;
    assert_eq!((&told["guard"]["active_bans"], &told["alerts"]["firing"]), (&json!(1), &json!([])));
    assert_eq!(told["after_restart"], json!(["gateway.listen"]));
    assert_eq!(world.act(NEWER, "unban", &json!({ "subject": "192.0.2.7" })).await, 200);
    assert_eq!(world.status().await["guard"]["active_bans"], 0);

    // The pool's only endpoint is disabled: a panic, which fires at the next look.
    let disable = json!({ "pool": "api", "endpoint": world.endpoint });
    assert_eq!(world.act(NEWER, "disable", &disable).await, 200);
    let told = world.status().await;
    assert_eq!(told["alerts"]["firing"][0]["alert"], "panic", "{told}");
    assert!(told["events"].as_array().unwrap().iter().any(|event| event["event"] == "alert"), "{told}");

    // Without either, and with the first port again.
    assert_eq!(world.reload(ADMIN).await, Vec::<&str>::new());
    let told = world.status().await;
    assert_eq!((&told["guard"], &told["alerts"]), (&Value::Null, &Value::Null));
    assert_eq!(told["after_restart"], json!([]));
}

/// Takes one message over TLS: its head, and its body.
async fn take_over_tls(listener: TcpListener, certificate: PathBuf, key: PathBuf) -> (String, Value) {
    let certificate = CertificateDer::from_pem_file(certificate).unwrap();
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key);
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    let (stream, _) = listener.accept().await.unwrap();
    let (mut stream, mut came) = (acceptor.accept(stream).await.unwrap(), Vec::new());
    loop {
        let mut part = [0; 4_096];
        let read = stream.read(&mut part).await.unwrap();
        assert!(read > 0, "it ended too soon");
        came.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&came).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        if let Ok(body) = serde_json::from_str(body) {
            stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            return (head.to_ascii_lowercase(), body);
        }
    }
}

#[tokio::test]
async fn a_webhook_is_told_over_tls_by_whoever_the_document_trusts() {
    let authority = Authority::new("observability-pki");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    fs::write(authority.file("hook.token"), "a-token-for-the-hook\n").unwrap();
    let file = |name: &str| authority.file(name).display().to_string();
    let webhook = format!(
        "webhook = {{ url = \"https://127.0.0.1:{port}/hook?x=1\", token_file = {:?}, tls = {{ ca = {:?} }} }}",
        file("hook.token"),
        file("ca.pem")
    );
    let alert = format!("alert = {{ ejection = {{ for = \"0s\" }}, {webhook} }}");
    let world = World::start("observability-hook", &format!("{ADMIN}{alert}")).await;
    authority.write("hook", &authority.issue(&["127.0.0.1"]));
    let (certificate, key) = (authority.file("hook.pem"), authority.file("hook.key"));
    let taking = tokio::spawn(take_over_tls(listener, certificate, key));
    let disable = json!({ "pool": "api", "endpoint": world.endpoint });
    assert_eq!(world.act(TOKEN, "disable", &disable).await, 200);
    let (head, body) = timeout(PATIENCE, taking).await.unwrap().unwrap();
    assert!(head.starts_with("post /hook?x=1 http/1.1"), "{head}");
    assert!(head.contains(&format!("host: 127.0.0.1:{port}")), "{head}");
    assert!(head.contains("authorization: bearer a-token-for-the-hook"), "{head}");
    assert_eq!(
        (&body["alerts"][0]["alert"], &body["alerts"][0]["state"]),
        (&json!("ejection"), &json!("firing"))
    );
    let told = world.status().await.to_string();
    assert!(!told.contains("a-token-for-the-hook") && !told.contains("/hook"), "{told}");
}
