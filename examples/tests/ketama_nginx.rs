//! Where Debian's nginx sends fresh random keys, and where `strategy = "ketama"` does.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod folder;
#[allow(dead_code, reason = "what other tests need of it")]
mod support;

use std::{
    collections::hash_map::RandomState,
    fmt::Write as _,
    fs,
    hash::BuildHasher,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    process::Command,
    thread,
};

use folder::Folder;
use support::{Program, program};
use tenantry::{
    Balancer, CapacitySpec, Config, EndpointSpec, KetamaSpec, ManualClock, Outcome, PoolSpec, Request,
    TenantSpec,
};

const WEIGHTS: [u32; 5] = [1, 2, 5, 1, 3];
/// The place of the server that is marked down in nginx, and ejected here.
const DOWN: usize = 1;
const KEYS: usize = 10_000;

/// nginx before its own servers: one upstream with all of them, and one where one is down.
struct Nginx {
    _program: Program,
    port: u16,
    servers: Vec<u16>,
}

impl Nginx {
    /// `None`, and a word about it, where nginx is not installed.
    fn start(folder: &Folder) -> Option<Self> {
        let Some(binary) = program("nginx") else {
            eprintln_left_out();
            return None;
        };
        let mut ports = free_ports(1 + WEIGHTS.len());
        let port = ports.pop().unwrap();
        let config = folder.join("nginx.conf");
        fs::write(&config, configuration(port, &ports)).unwrap();
        let mut start = Command::new(binary);
        start.arg("-p").arg(folder.join("")).arg("-c").arg(&config).arg("-e").arg(folder.join("error.log"));
        let mut program = Program { child: start.spawn().unwrap() };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert_eq!(program.child.try_wait().unwrap(), None, "nginx has ended");
            thread::yield_now();
        }
        Some(Self { _program: program, port, servers: ports })
    }

    /// Which server answers each key.
    fn answers(&self, path: &str, keys: &[String]) -> Vec<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let mut answers = BufReader::new(stream.try_clone().unwrap());
        let mut found = vec![];
        for batch in keys.chunks(50) {
            let mut requests = String::new();
            for key in batch {
                write!(requests, "GET /{path}?key={key} HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
            }
            stream.write_all(requests.as_bytes()).unwrap();
            found.extend(batch.iter().map(|_| read_answer(&mut answers)));
        }
        found
    }
}

/// One process in the foreground, all files in its own folder, so that any user can run it.
fn configuration(port: u16, servers: &[u16]) -> String {
    let upstream = |name: &str, down: Option<usize>| {
        let line = |(place, (server, weight)): (usize, (&u16, u32))| {
            let mark = if down == Some(place) { " down" } else { "" };
            format!("server 127.0.0.1:{server} weight={weight}{mark};")
        };
        let lines: String = servers.iter().zip(WEIGHTS).enumerate().map(line).collect();
        format!("upstream {name} {{ hash $arg_key consistent; {lines} keepalive 8; }}")
    };
    let answer = |server: &u16| format!("server {{ listen 127.0.0.1:{server}; return 200 {server}; }}");
    let answers: String = servers.iter().map(answer).collect();
    format!(
        "daemon off; master_process off; pid nginx.pid;
         events {{ worker_connections 256; }}
         http {{
             access_log off; keepalive_requests 1000000;
             client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
             uwsgi_temp_path uwsgi; scgi_temp_path scgi;
             {all} {without} {answers}
             server {{
                 listen 127.0.0.1:{port};
                 proxy_http_version 1.1; proxy_set_header connection \"\";
                 location /all {{ proxy_pass http://all; }}
                 location /without {{ proxy_pass http://without; }}
             }}
         }}",
        all = upstream("all", None),
        without = upstream("without", Some(DOWN)),
    )
}

fn read_answer(answers: &mut impl BufRead) -> String {
    let (mut length, mut line) = (0, String::new());
    loop {
        line.clear();
        answers.read_line(&mut line).unwrap();
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        assert!(!line.starts_with("http/") || line.contains(" 200 "), "{line}");
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    answers.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

/// Ports that are free now, no two alike.
fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<_> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}

/// Keys of 1 to 40 characters as they stand in a query, where nginx takes them as they are.
fn fresh_keys() -> Vec<String> {
    const CHARACTERS: &[u8] =
        b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%:@!$'()*+,;=";
    let state = RandomState::new();
    let character = |key: usize, place: u64| {
        let draw = state.hash_one((key, place));
        char::from(CHARACTERS[usize::try_from(draw % CHARACTERS.len() as u64).unwrap()])
    };
    (0..KEYS)
        .map(|key| (0..1 + state.hash_one(key) % 40).map(|place| character(key, place)).collect())
        .collect()
}

#[expect(clippy::print_stderr, reason = "what a run leaves out must be seen")]
fn eprintln_left_out() {
    eprintln!("LEFT OUT: a test of ketama beside nginx: nginx is not installed");
}

/// Where we send a key, and what came of it.
fn pick(balancer: &Balancer, key: &str, outcome: impl Fn(&str) -> Outcome) -> String {
    let lease = balancer.try_acquire(&Request::new("acme").key(key.as_bytes())).unwrap();
    let port = lease.endpoint().address().rsplit(':').next().unwrap().to_owned();
    let outcome = outcome(&port);
    lease.finish(outcome);
    port
}

#[test]
fn ten_thousand_fresh_keys_go_where_nginx_sends_them_also_with_a_server_down() {
    let folder = Folder::new("ketama");
    let Some(nginx) = Nginx::start(&folder) else { return };
    let endpoint = |(port, weight)| EndpointSpec::new(format!("http://127.0.0.1:{port}")).with_weight(weight);
    let pool = PoolSpec::new(nginx.servers.iter().zip(WEIGHTS).map(endpoint))
        .with_strategy(KetamaSpec::new())
        .with_capacity(CapacitySpec::fixed(64));
    let config = Config::new().with_pool("api", pool).with_tenant("acme", TenantSpec::new());
    // The clock stands still: whoever is ejected stays so.
    let balancer = Balancer::with_clock(config, ManualClock::new()).unwrap();
    let keys = fresh_keys();

    let theirs = nginx.answers("all", &keys);
    let ours: Vec<String> = keys.iter().map(|key| pick(&balancer, key, |_| Outcome::success())).collect();
    assert_same(&keys, &ours, &theirs);

    let down = nginx.servers[DOWN].to_string();
    let fails = |port: &str| if port == down { Outcome::failure() } else { Outcome::success() };
    keys.iter().for_each(|key| drop(pick(&balancer, key, fails)));
    let theirs = nginx.answers("without", &keys);
    let ours: Vec<String> = keys.iter().map(|key| pick(&balancer, key, |_| Outcome::success())).collect();
    assert!(!ours.contains(&down), "it is ejected");
    assert_same(&keys, &ours, &theirs);
}

fn assert_same(keys: &[String], ours: &[String], theirs: &[String]) {
    assert_eq!((ours.len(), theirs.len()), (KEYS, KEYS));
    let other = keys.iter().zip(ours.iter().zip(theirs)).find(|(_, (ours, theirs))| ours != theirs);
    assert_eq!(other, None, "a key, where we send it, and where nginx does");
}
