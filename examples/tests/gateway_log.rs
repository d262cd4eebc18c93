//! The gateway's logs, as its own process writes them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod folder;
#[expect(dead_code, reason = "each test uses a part of it")]
mod support;

use std::{
    fs,
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Command, Stdio},
    sync::{Arc, Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use folder::Folder;
use gateway_parts::log::LogTable;
use serde_json::{Value, json};
use support::Program;

/// A gateway whose log is read.
struct World {
    gateway: SocketAddr,
    lines: Arc<Mutex<Vec<String>>>,
    folder: Folder,
    _program: Program,
}

impl World {
    fn start(name: &str, document: &str) -> Self {
        let folder = Folder::new(name);
        let file = folder.join("gateway.toml");
        fs::write(&file, document).unwrap();
        let mut command = Command::new(support::gateway());
        command.arg("--config").arg(&file).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut program = Program { child: command.spawn().unwrap() };
        let mut line = String::new();
        BufReader::new(program.child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let gateway = line.trim().strip_prefix("listening on http://").expect("it listens").parse().unwrap();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (log, kept) = (BufReader::new(program.child.stderr.take().unwrap()), Arc::clone(&lines));
        thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                kept.lock().unwrap().push(line);
            }
        });
        Self { gateway, lines, folder, _program: program }
    }

    /// The answer's status.
    fn ask(&self, head: &str) -> u16 {
        let mut stream = TcpStream::connect(self.gateway).unwrap();
        stream.write_all(format!("{head}\r\nhost: a.test\r\nconnection: close\r\n\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// The first line that is like this, as soon as there is one.
    fn line(&self, target: &str, is: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + Duration::from_secs(30);
        loop {
            let found = self.told().into_iter().find(|line| line["target"] == target && is(line));
            if let Some(found) = found {
                return found;
            }
            assert!(Instant::now() < until, "{:#?}", self.lines.lock().unwrap());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Every line so far; each must be JSON.
    fn told(&self) -> Vec<Value> {
        let lines = self.lines.lock().unwrap();
        lines.iter().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    fn access(&self, path: &str) -> Value {
        self.line("tenantry::access", |line| line["path"] == path)
    }
}

/// Answers with `hello`; to `/endless` with a part of what it promises, to `/grpc-…` with that status behind it.
fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || answer(stream));
        }
    });
    address
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut head = BufReader::new(stream.try_clone()?);
    let (mut first, mut length) = (String::new(), 0);
    head.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        head.read_line(&mut line)?;
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or_default();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    head.take(length).read_to_end(&mut Vec::new())?;
    if first.contains("/endless") {
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\nhello")?;
        // Until the gateway hangs up.
        stream.read_to_end(&mut Vec::new())?;
        return Ok(());
    }
    if let Some((_, status)) = first.split_once("/grpc-") {
        let kind = "HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ntrailer: grpc-status\r\ntransfer-encoding: chunked\r\nconnection: close";
        let status = status.split(' ').next().unwrap_or_default();
        let answer = format!("{kind}\r\n\r\n5\r\nhello\r\n0\r\ngrpc-status: {status}\r\n\r\n");
        return stream.write_all(answer.as_bytes());
    }
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello")
}

/// Hangs up on everybody.
fn broken() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().for_each(drop));
    address
}

fn document(log: &str) -> String {
    format!(
        "[pools.api]\nendpoints = [\"http://{}\"]\n[pools.dead]\nendpoints = [\"http://{}\"]\n[tenants.acme]\n[tenants.slow]\nrate = \"1/d\"\n[gateway]\nlisten = \"127.0.0.1:0\"\nlog = {log}\nroutes = [{{ path = \"/\", pool = \"api\" }}, {{ path = \"/dead\", pool = \"dead\" }}]\n",
        upstream(),
        broken()
    )
}

#[test]
fn a_served_request_is_told_with_all_that_is_known() {
    let world = World::start("log-served", &document("{}"));
    let mut stream = TcpStream::connect(world.gateway).unwrap();
    let head = "POST /orders/7?key=secret HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\nx-tenant: acme\r\ncontent-length: 3\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n\r\nabc";
    stream.write_all(head.as_bytes()).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    let line = world.access("/orders/7");
    for (field, value) in [
        ("level", json!("INFO")),
        ("tenant", json!("acme")),
        ("route", json!("/")),
        ("pool", json!("api")),
        ("method", json!("POST")),
        ("status", json!(200)),
        ("outcome", json!("served")),
        ("attempts", json!(1)),
        ("bytes_in", json!(3)),
        ("bytes_out", json!(5)),
        ("client", json!("127.0.0.1")),
        ("trace_id", json!("4bf92f3577b34da6a3ce929d0e0e4736")),
    ] {
        assert_eq!(line[field], value, "{field}: {line}");
    }
    assert!(line["endpoint"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{line}");
    assert!(line["duration_ms"].as_f64() >= line["wait_ms"].as_f64() && line["wait_ms"].is_f64(), "{line}");
    assert!(line["timestamp"].is_string() && line.get("reason").is_none(), "{line}");
}

#[test]
fn refused_failed_and_aborted_requests_are_told_whatever_the_sampling() {
    let world = World::start("log-refused", &document("{ sample = 0.0, slow = \"1h\" }"));
    assert_eq!(world.ask("GET /served HTTP/1.1\r\nx-tenant: acme"), 200);
    assert_eq!(world.ask("GET /stranger HTTP/1.1\r\nx-tenant: stranger"), 403);
    assert_eq!(world.ask("GET /nobody HTTP/1.1"), 400);
    assert_eq!(world.ask("GET /first HTTP/1.1\r\nx-tenant: slow"), 200);
    assert_eq!(world.ask("GET /second HTTP/1.1\r\nx-tenant: slow"), 429);
    assert_eq!(world.ask("GET /dead/end HTTP/1.1\r\nx-tenant: acme"), 502);
    let mut stream = TcpStream::connect(world.gateway).unwrap();
    stream.write_all(b"GET /endless HTTP/1.1\r\nhost: a.test\r\nx-tenant: acme\r\n\r\n").unwrap();
    let mut part = [0; 16];
    stream.read_exact(&mut part).unwrap();
    drop(stream);
    for (path, tenant, outcome, reason, level) in [
        ("/stranger", json!("stranger"), "rejected", json!("UNKNOWN_TENANT"), "INFO"),
        ("/nobody", Value::Null, "rejected", json!("MISSING_TENANT"), "INFO"),
        ("/second", json!("slow"), "rejected", json!("RATE_LIMITED"), "INFO"),
        ("/dead/end", json!("acme"), "failed", json!("ENDPOINT_FAILED"), "WARN"),
        ("/endless", json!("acme"), "aborted", Value::Null, "WARN"),
    ] {
        let line = world.access(path);
        let told = [&line["tenant"], &line["outcome"], &line["reason"], &line["level"]];
        assert_eq!(told, [&tenant, &json!(outcome), &reason, &json!(level)], "{line}");
    }
    let told = world.told();
    assert!(told.iter().all(|line| line["path"] != "/served" && line["path"] != "/first"), "{told:#?}");
}

#[test]
fn an_answer_with_trailers_is_served_and_grpc_fails_by_its_status() {
    let world = World::start("log-grpc", &document("{}"));
    let more = "HTTP/1.1\r\nx-tenant: acme\r\ncontent-type: application/grpc";
    for path in ["/grpc-0", "/grpc-5", "/grpc-14", "/dead/call", "/stranger"] {
        let more = if path == "/stranger" { more.replace("acme", "stranger") } else { more.to_owned() };
        assert_eq!(world.ask(&format!("GET {path} {more}")), 200, "{path}");
    }
    for (path, outcome, reason) in [
        ("/grpc-0", "served", Value::Null),
        ("/grpc-5", "served", Value::Null),
        ("/grpc-14", "failed", Value::Null),
        ("/dead/call", "failed", json!("ENDPOINT_FAILED")),
        ("/stranger", "rejected", json!("UNKNOWN_TENANT")),
    ] {
        let line = world.access(path);
        assert_eq!([&line["outcome"], &line["reason"]], [&json!(outcome), &reason], "{line}");
    }
}

#[test]
fn what_the_listener_refuses_is_told_without_a_tenant() {
    let world = World::start("log-screened", &document("{ sample = 0.0, slow = \"1h\" }"));
    let chunks = "transfer-encoding: gzip, chunked";
    assert_eq!(world.ask(&format!("POST /coded?key=secret HTTP/1.1\r\nx-tenant: acme\r\n{chunks}")), 501);
    let length = "content-length: 1073741825";
    assert_eq!(world.ask(&format!("POST /large HTTP/1.1\r\nx-tenant: acme\r\n{length}")), 413);
    assert_eq!(world.ask("GET /folded HTTP/1.1\r\nx-tenant: acme\r\nx: a\r\n b"), 400);
    assert_eq!(world.ask(&format!("GET /many HTTP/1.1{}", "\r\nx: a".repeat(101))), 431);
    for (path, status, reason) in [("/coded", 501, "TRANSFER_CODING"), ("/large", 413, "BODY_TOO_LARGE")] {
        let line = world.access(path);
        for (field, value) in [
            ("status", json!(status)),
            ("reason", json!(reason)),
            ("client", json!("127.0.0.1")),
            ("tenant", Value::Null),
            ("pool", Value::Null),
        ] {
            assert_eq!(line[field], value, "{field}: {line}");
        }
    }
    for reason in ["MALFORMED_HEAD", "HEADERS_TOO_LARGE"] {
        let line = world.line("tenantry::access", |line| line["reason"] == reason);
        assert_eq!((&line["outcome"], &line["client"]), (&json!("rejected"), &json!("127.0.0.1")), "{line}");
        assert_eq!((&line["path"], &line["status"]), (&Value::Null, &Value::Null), "nobody could read it");
    }
    assert!(world.told().iter().all(|line| !line.to_string().contains("secret")));
}

#[test]
fn every_error_is_told_and_of_the_successes_each_tenants_share() {
    let world = World::start("log-sampled", &document("{ sample = 0.1, slow = \"1h\" }"));
    for _ in 0..30 {
        assert_eq!(world.ask("GET /served HTTP/1.1\r\nx-tenant: acme"), 200);
        assert_eq!(world.ask("GET /dead HTTP/1.1\r\nx-tenant: acme") / 100, 5);
    }
    assert_eq!(world.ask("GET /small HTTP/1.1\r\nx-tenant: slow"), 200);
    assert_eq!(world.ask("GET /last HTTP/1.1"), 400);
    // Lines keep their order.
    world.access("/last");
    let count = |path: &str| world.told().iter().filter(|line| line["path"] == path).count();
    assert_eq!(count("/dead"), 30);
    assert_eq!(count("/small"), 1);
    assert!((3..=4).contains(&count("/served")), "{}", count("/served"));
}

#[test]
fn no_secret_is_told_and_no_line_forged() {
    let document = format!(
        "affinity = {{ keys = [\"0123456789-secret-0\"] }}\n[pools.api]\nendpoints = [\"http://{}\"]\n[tenants.acme]\n[gateway]\nlisten = \"127.0.0.1:0\"\nlog = {{ level = \"trace\" }}\nguard = {{ mode = \"shadow\" }}\nidentify = {{ api_key = {{ keys = [{{ tenant = \"acme\", sha256 = \"2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b\" }}] }} }}\n",
        upstream()
    );
    let world = World::start("log-secrets", &document);
    // The hash is that of the word `secret`.
    assert_eq!(world.ask("GET /right?token=secret-1 HTTP/1.1\r\nauthorization: Bearer secret\r\ncookie: a=secret-2\r\ntraceparent: 00-secret-3\r\nuser-agent: secret-4"), 200);
    for number in 0..20 {
        assert_eq!(
            world.ask(&format!("GET /wrong?key=secret-5 HTTP/1.1\r\nauthorization: Bearer secret-{number}")),
            401
        );
    }
    let forged = "%0A%7B%22target%22%3A%22tenantry::access%22%2C%22path%22%3A%22/forged%22%7D%1b[2J";
    assert_eq!(world.ask(&format!("GET /a\"b{forged} HTTP/1.1\r\nauthorization: Bearer secret-6")), 401);
    assert_eq!(world.ask("GET /raw\u{1b}[2J\u{b} HTTP/1.1\r\nauthorization: Bearer secret-7"), 400);
    assert_eq!(world.ask("GET /last HTTP/1.1"), 401);
    world.access("/last");
    world.access(&format!("/a\"b{forged}"));
    let told = world.told();
    assert!(told.iter().all(|line| line["path"] != "/forged"), "{told:#?}");
    let lines = world.lines.lock().unwrap();
    assert!(lines.iter().all(|line| !line.contains("secret") && !line.contains('\u{1b}')), "{lines:#?}");
}

#[test]
fn decisions_are_told_with_their_reason_and_evidence() {
    let document = format!(
        "[pools.api]\nstrategy = \"round_robin\"\nendpoints = [\"http://{}\", \"http://{}\"]\nhealth = {{ outlier = {{ consecutive_failures = 3 }} }}\n[tenants.acme]\n[gateway]\nlisten = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\nlog = {{ level = \"warn\" }}\n",
        upstream(),
        broken()
    );
    let world = World::start("log-decisions", &document);
    for _ in 0..12 {
        world.ask("GET / HTTP/1.1\r\nx-tenant: acme");
    }
    let line = world.line("tenantry::decision", |line| line["event"] == "endpoint_ejected");
    assert_eq!((&line["pool"], &line["level"]), (&json!("api"), &json!("WARN")), "{line}");
    assert!(line["reason"].is_string() && line["evidence"].is_string() && line["for_ms"].is_u64(), "{line}");
    assert!(world.told().iter().all(|line| line["level"] != "INFO"));
}

#[test]
fn a_new_document_is_told_in_the_log() {
    let world = World::start("log-reload", &document("{}"));
    fs::write(world.folder.join("gateway.toml"), "[pools.api]\nendpoints = []\ncapacty = 1\n").unwrap();
    let is_told = |line: &Value| line["news"].as_str().is_some_and(|news| news.contains("pools.api.capacty"));
    world.line("tenantry::gateway", is_told);
}

/// A reader that never reads, until it is gone.
struct Blocked(mpsc::Receiver<()>);

impl Write for Blocked {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.recv().ok(); // it ends only by the sender's end
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_does_not_read_stalls_nobody_and_the_lines_lost_are_counted() {
    let (end, blocked) = mpsc::channel();
    let (subscriber, writing) = LogTable::default().subscriber(Blocked(blocked));
    tracing::subscriber::with_default(subscriber, || {
        for number in 0..20_000 {
            tracing::info!(target: "tenantry::access", number);
        }
    });
    assert!(writing.dropped() > 10_000, "{}", writing.dropped());
    drop(end);
}
