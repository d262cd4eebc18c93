//! Requests that one server reads as one and another as two: each is refused, or reaches the upstream as exactly one well-formed request.
//!
//! Each attack is followed by an honest request on the same connection. The upstream reads as strictly as RFC 9112 lets it, and tells what it got.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod inside;

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// One request as the upstream read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    line: String,
    fields: Vec<(String, String)>,
    body: String,
}

type Log = Arc<Mutex<Vec<Seen>>>;

impl Seen {
    fn all(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(field, _)| field == name).map(|(_, value)| value.as_str()).collect()
    }
}

/// Takes one request off the front, if all of it is there.
///
/// # Panics
/// When it is not well-formed.
fn take(bytes: &mut Vec<u8>) -> Option<Seen> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let mut fields = [httparse::EMPTY_HEADER; 200];
    let mut request = httparse::Request::new(&mut fields);
    request.parse(&bytes[..head]).expect("the upstream gets well-formed heads");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let fields = request.headers.iter().map(|field| (field.name.to_lowercase(), text(field.value))).collect();
    let line = format!("{} {}", request.method.unwrap(), request.path.unwrap());
    let mut seen = Seen { line, fields, body: String::new() };
    assert_eq!(seen.all("host").len(), 1, "{seen:?}");
    let length = match (&*seen.all("content-length"), &*seen.all("transfer-encoding")) {
        ([], []) => 0,
        ([length], []) => {
            assert!(length.bytes().all(|byte| byte.is_ascii_digit()), "{seen:?}");
            let length = length.parse::<usize>().unwrap();
            seen.body = text(bytes.get(head..head + length)?);
            length
        }
        ([], ["chunked"]) => {
            let (body, length) = chunks(bytes.get(head..)?)?;
            seen.body = body;
            length
        }
        framing => unreachable!("two readings: {framing:?}"),
    };
    bytes.drain(..head + length);
    Some(seen)
}

/// A chunked body without trailers, and how long it is.
fn chunks(bytes: &[u8]) -> Option<(String, usize)> {
    let (mut body, mut place) = (String::new(), 0);
    loop {
        let line = bytes.get(place..)?.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[place..place + line]).unwrap();
        let size = usize::from_str_radix(size, 16).expect("a size in hexadecimal digits");
        place += line + 2;
        let chunk = bytes.get(place..place + size + 2)?;
        assert!(chunk.ends_with(b"\r\n"), "a chunk ends where its size says");
        body.push_str(&String::from_utf8_lossy(&chunk[..size]));
        place += size + 2;
        if size == 0 {
            return Some((body, place));
        }
    }
}

async fn upstream() -> (String, Log) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (url, log) = (format!("http://{}", listener.local_addr().unwrap()), Log::default());
    let shared = Arc::clone(&log);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(record(stream, Arc::clone(&shared)));
        }
    });
    (url, log)
}

async fn record(mut stream: TcpStream, log: Log) {
    let mut bytes = Vec::new();
    while stream.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
        while let Some(seen) = take(&mut bytes) {
            log.lock().unwrap().push(seen);
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
            stream.write_all(answer.as_bytes()).await.ok(); // the gateway may have gone with its client
        }
    }
}

/// The gateway before such an upstream.
struct Scene {
    gateway: std::net::SocketAddr,
    log: Log,
}

impl Scene {
    async fn new(gateway: &str) -> Self {
        let (url, log) = upstream().await;
        let document = format!(
            r#"
            [pools.api]
            endpoints = [{url:?}]
            health = {{ outlier = {{ consecutive_failures = 1000 }} }}
            [tenants.acme]
            [gateway]
            {gateway}
            [gateway.limits]
            header_timeout = "1s"
            keep_alive_timeout = "1s"
            body_grace = "1s"
            "#
        );
        Self { gateway: inside::gateway(&document).await.0, log }
    }

    /// Sends bytes and an honest request after them; the answers' statuses, and what the upstream got.
    async fn send(&self, bytes: &[u8]) -> (Vec<u16>, Vec<Seen>) {
        self.log.lock().unwrap().clear();
        let mut stream = TcpStream::connect(self.gateway).await.unwrap();
        let honest = b"GET /honest HTTP/1.1\r\nhost: h\r\nx-tenant: acme\r\nconnection: close\r\n\r\n";
        // The gateway may close before it has read all.
        stream.write_all(&[bytes, honest].concat()).await.ok();
        let mut answers = Vec::new();
        while stream.read_buf(&mut answers).await.is_ok_and(|read| read > 0) {}
        let answers = String::from_utf8_lossy(&answers);
        let statuses = answers.split("HTTP/1.1 ").skip(1).map(|answer| answer[..3].parse().unwrap());
        (statuses.collect(), self.log.lock().unwrap().clone())
    }

    /// The attack comes to nothing, and nothing after it is believed.
    async fn refuses(&self, attack: &str, expected: u16) {
        let (statuses, seen) = self.send(attack.as_bytes()).await;
        assert_eq!((statuses.as_slice(), seen.as_slice()), (&[expected][..], &[][..]), "{attack:?}");
    }

    /// The attack comes through as one request of this line and body.
    async fn passes(&self, attack: &str, line: &str, body: &str) -> Seen {
        let (statuses, seen) = self.send(attack.as_bytes()).await;
        assert!(statuses.iter().all(|status| *status == 200), "{attack:?}: {statuses:?}");
        let honest = seen.iter().filter(|seen| seen.line == "GET /honest").count();
        assert_eq!((seen.len(), statuses.len()), (1 + honest, 1 + honest), "{attack:?}: {seen:?}");
        assert_eq!((seen[0].line.as_str(), seen[0].body.as_str()), (line, body), "{attack:?}");
        seen[0].clone()
    }
}

/// A `POST /` with these lines, and this after its head.
fn post(lines: &str, rest: &str) -> String {
    format!("POST / HTTP/1.1\r\nhost: h\r\nx-tenant: acme\r\n{lines}\r\n\r\n{rest}")
}

/// What an attacker would like to be read as a request.
const HIDDEN: &str = "GET /hidden HTTP/1.1\r\nhost: h\r\nx-tenant: acme\r\n\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_length_beside_chunks_is_read_as_chunks_and_ends_the_connection() {
    let scene = Scene::new("").await;
    // CL.TE: who believes the length reads what follows the last chunk as the body's end.
    let attack = post("content-length: 6\r\ntransfer-encoding: chunked", &format!("0\r\n\r\n{HIDDEN}"));
    let (statuses, seen) = scene.send(attack.as_bytes()).await;
    assert_eq!((statuses.as_slice(), seen.len()), (&[200][..], 1), "{seen:?}");
    // TE.CL: who believes the length reads the chunk's content as another request.
    let chunk = format!("{:x}\r\n{HIDDEN}\r\n0\r\n\r\n", HIDDEN.len());
    for lines in
        ["content-length: 4\r\ntransfer-encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: 4"]
    {
        let seen = scene.passes(&post(lines, &chunk), "POST /", HIDDEN).await;
        assert!(seen.all("content-length").is_empty(), "{seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transfer_coding_is_chunked_or_refused() {
    let scene = Scene::new("").await;
    let chunk = format!("{:x}\r\n{HIDDEN}\r\n0\r\n\r\n", HIDDEN.len());
    for (lines, status) in [
        ("transfer-encoding: chunked\r\ntransfer-encoding: x", 400),
        ("transfer-encoding: x\r\ntransfer-encoding: chunked", 501),
        ("transfer-encoding: chunked\r\ntransfer-encoding: chunked", 501),
        ("transfer-encoding: xchunked", 400),
        ("transfer-encoding: x chunked", 400),
        ("transfer-encoding: identity", 400),
        ("transfer-encoding: gzip, chunked", 501),
        ("transfer-encoding: chunked, gzip", 400),
        ("transfer-encoding: \"chunked\"", 400),
        ("transfer-encoding:\x0bchunked", 400),
        ("transfer-encoding : chunked", 400),
        ("transfer-encoding: chunked\x00", 400),
        (" transfer-encoding: chunked", 400),
        ("transfer-encoding:\r\n chunked", 400),
        ("x: y\rtransfer-encoding: chunked", 400),
        ("transfer-encoding\x00: chunked", 400),
    ] {
        scene.refuses(&post(lines, &chunk), status).await;
    }
    let old = post("transfer-encoding: chunked", &chunk)
        .replace("HTTP/1.1\r\nhost: h\r\nx-t", "HTTP/1.0\r\nhost: h\r\nx-t");
    scene.refuses(&old, 400).await;
    for lines in
        ["Transfer-Encoding: cHuNkEd", "transfer-encoding:\tchunked", "x: y\ntransfer-encoding: chunked"]
    {
        scene.passes(&post(lines, &chunk), "POST /", HIDDEN).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_length_is_one_number() {
    let scene = Scene::new("").await;
    for length in
        ["+5", "-5", "0x5", "5 5", "5, 6", "5,5", "", "5.0", "18446744073709551616", "5\x00", "\u{665}"]
    {
        scene.refuses(&post(&format!("content-length: {length}"), "12345"), 400).await;
    }
    scene.refuses(&post("content-length: 5\r\ncontent-length: 6", "12345"), 400).await;
    scene.refuses(&post("content-length : 5", "12345"), 400).await;
    scene.refuses(&post("content-length: 5\r\n content-length: 6", "12345"), 400).await;
    let seen =
        scene.passes(&post("content-length: 5\r\ncontent-length: 5", "12345"), "POST /", "12345").await;
    assert_eq!(seen.all("content-length"), ["5"]);
    scene.passes(&post("content-length: 005", "12345"), "POST /", "12345").await;
    // A body that nobody has announced is the next request.
    let (statuses, seen) = scene.send(post("x: y", HIDDEN).as_bytes()).await;
    assert_eq!((statuses.len(), seen.len()), (3, 3), "as a client may pipeline");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_body_in_broken_chunks_the_upstream_gets_no_end() {
    let scene = Scene::new("").await;
    for body in [
        "-5\r\n12345\r\n0\r\n\r\n",
        "+5\r\n12345\r\n0\r\n\r\n",
        "0x5\r\n12345\r\n0\r\n\r\n",
        "5 5\r\n12345\r\n0\r\n\r\n",
        "5\n12345\r\n0\r\n\r\n",
        "5;a\nb\r\n12345\r\n0\r\n\r\n",
        "5\r\n1234567\r\n0\r\n\r\n",
        "5\r\n123450\r\n\r\n",
        "5\r\n12345\n0\r\n\r\n",
        "10000000000000005\r\n12345\r\n0\r\n\r\n",
        "\r\n5\r\n12345\r\n0\r\n\r\n",
        "5\r\n12345\r\n0\r\nx y\r\n\r\n",
    ] {
        let (statuses, seen) = scene.send(post("transfer-encoding: chunked", body).as_bytes()).await;
        assert!(seen.is_empty(), "{body:?}: {seen:?}");
        assert!(statuses.len() <= 1 && !statuses.contains(&200), "{body:?}: {statuses:?}");
    }
    let extended = "5;name=\"value\"\r\n12345\r\n0\r\n\r\n";
    scene.passes(&post("transfer-encoding: chunked", extended), "POST /", "12345").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_that_may_be_read_in_two_ways_are_refused() {
    let scene = Scene::new("").await;
    for lines in
        ["x: a\r\n b", "x: a\r\n\tb", "x: a\rb", "x: a\x00b", "x y: a", "x\x7f: a", ": a", "x", "x: a\r\r\n"]
    {
        scene.refuses(&post(lines, ""), 400).await;
    }
    let with = |line: &str, host: &str| format!("{line}\r\n{host}x-tenant: acme\r\n\r\n");
    for line in [
        "GET / HTTP/1.1 ",
        "GET /\r HTTP/1.1",
        "GET /\x00 HTTP/1.1",
        "GET / HTTP/1.2",
        "GET  / HTTP/1.1",
        "G\x0bET / HTTP/1.1",
        "GET /",
    ] {
        scene.refuses(&with(line, "host: h\r\n"), 400).await;
    }
    for host in
        ["", "host: a\r\nhost: b\r\n", "host: a b\r\n", "host: a/b\r\n", "host: a@b\r\n", "host: a\\b\r\n"]
    {
        let (statuses, seen) = scene.send(with("GET / HTTP/1.1", host).as_bytes()).await;
        assert_eq!(
            (statuses.first(), seen.iter().filter(|seen| seen.line == "GET /").count()),
            (Some(&400), 0),
            "{host}"
        );
    }
    let seen = scene.passes(&with("GET http://a.test/p HTTP/1.1", "host: b.test\r\n"), "GET /p", "").await;
    assert_eq!(seen.all("host"), ["a.test"], "RFC 9112 §3.2.2: the target's");
    // What decodes to a line's end is a part of the path and stays so.
    let seen = scene
        .passes(&with("GET /a?x=%0d%0ax-evil:1 HTTP/1.1", "host: h\r\n"), "GET /a?x=%0d%0ax-evil:1", "")
        .await;
    assert!(seen.all("x-evil").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_spelling_of_a_host_gets_around_its_rule() {
    let rules = r#"routes = [{ path = "/", pool = "api" }, { path = "/", host = "admin.test", pool = "api", tenants = [] }]"#;
    let (ruled, free) = (Scene::new(rules).await, Scene::new("").await);
    let to = |host: &str| format!("POST / HTTP/1.1\r\nhost: {host}\r\nx-tenant: acme\r\n\r\n");
    for (host, expected) in [
        ("admin.test", 403),
        ("ADMIN.test:80", 403),
        ("admin.test.", 403),
        ("admin.test:80:90", 400),
        ("admin.test..", 400),
        ("%61dmin.test", 400),
        ("admin.test;x", 400),
        ("admin.test,", 400),
        ("admin.test!", 400),
        ("[admin.test]", 400),
        ("", 400),
    ] {
        for (scene, expected) in [(&ruled, Some(expected)), (&free, Some(400).filter(|_| expected == 400))] {
            let (statuses, seen) = scene.send(to(host).as_bytes()).await;
            let is_through = seen.iter().any(|seen| seen.line == "POST /");
            assert_eq!(
                (statuses[0], is_through),
                (expected.unwrap_or(200), expected.is_none()),
                "{host}: {seen:?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connection_names_no_field_of_the_gateways_own_away() {
    let scene = Scene::new(r#"identify = { header = "x-tenant", tell = "x-account" }"#).await;
    let lines = "connection: x-account, x-forwarded-for, host, x-secret\r\nx-account: other\r\nx-secret: 1\r\nx-forwarded-for: 10.9.9.9";
    let seen = scene.passes(&post(lines, ""), "POST /", "").await;
    assert_eq!(seen.all("x-account"), ["acme"]);
    assert_eq!(seen.all("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!((seen.all("host"), seen.all("x-secret")), (vec!["h"], vec![]));
    let seen = scene.passes(&post("connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQCAAAAAAIAAAAA", ""), "POST /", "").await;
    assert!(seen.all("upgrade").is_empty() && seen.all("http2-settings").is_empty(), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cgi_takes_for_a_field_of_the_gateways_own_goes_no_further() {
    let scene = Scene::new(r#"identify = { header = "x-tenant", tell = "x-account" }"#).await;
    let lines = "x_account: other\r\nX_Tenant: other\r\nx_forwarded_for: 10.9.9.9\r\nX-Forwarded_Proto: https\r\nx_other: 1";
    let seen = scene.passes(&post(lines, ""), "POST /", "").await;
    let spelled: Vec<&str> =
        seen.fields.iter().map(|(name, _)| &**name).filter(|name| name.contains('_')).collect();
    assert_eq!(spelled, ["x_other"]);
    assert_eq!((seen.all("x-account"), seen.all("x-tenant")), (vec!["acme"], vec!["acme"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spoofed_x_forwarded_for_convinces_nobody() {
    let told = "x-forwarded-for: 10.0.0.1\r\nforwarded: for=10.0.0.1\r\nx-forwarded-proto: https\r\nx-forwarded-host: evil\r\nx-forwarded-user: root";
    let (own, chained) = ("for=127.0.0.1;host=h;proto=http", "for=10.0.0.1, for=127.0.0.1;host=h;proto=http");
    let names = ["x-forwarded-for", "forwarded", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-user"];
    for (trusted, expected) in [
        (
            "forwarded = { trusted = [\"10.0.0.0/8\"] }",
            [Some("127.0.0.1"), Some(own), Some("http"), Some("h"), None],
        ),
        // By default whom `identify` trusts: this machine.
        ("", [Some("10.0.0.1, 127.0.0.1"), Some(chained), Some("https"), Some("evil"), Some("root")]),
    ] {
        let seen = Scene::new(trusted).await.passes(&post(told, ""), "POST /", "").await;
        for (name, expected) in names.into_iter().zip(expected) {
            assert_eq!(seen.all(name), Vec::from_iter(expected), "{name} {trusted}");
        }
    }
    // Who may name a tenant is told by the socket.
    let scene = Scene::new(r#"identify = { header = "x-tenant", trusted = ["10.0.0.0/8"] }"#).await;
    let (statuses, seen) = scene.send(post("x-forwarded-for: 10.0.0.1", "").as_bytes()).await;
    assert!(seen.is_empty() && statuses.iter().all(|status| (400..500).contains(status)), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_that_are_too_large_or_have_no_end_are_refused() {
    let scene = Scene::new("").await;
    scene.refuses(&post(&format!("x: {}", "a".repeat(40_000)), ""), 431).await;
    scene.refuses(&post(&"x: a\r\n".repeat(5_000), "").replace("\r\n\r\n", "\r\n"), 431).await;
    scene.refuses(&post(&["x: a"; 101].join("\r\n"), ""), 431).await;
    scene.refuses(&format!("GET /{} HTTP/1.1\r\nhost: h\r\n\r\n", "a".repeat(40_000)), 431).await;
    scene.passes(&post(&format!("x: {}", "a".repeat(30_000)), ""), "POST /", "").await;
    // Without end: it is not read on for as long as its client cares to send.
    let mut stream = TcpStream::connect(scene.gateway).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let line = format!("x: {}\r\n", "a".repeat(1_000));
    while stream.write_all(line.as_bytes()).await.is_ok() {}
}
