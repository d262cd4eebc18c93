//! The gateway with a guard, over real sockets: each client comes from an address of its own.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

#[allow(dead_code, reason = "each test program uses a part of it")]
mod raw_upstream;

use std::{net::SocketAddr, time::Duration};

use aws_lc_rs::digest::{SHA256, digest};
use gateway_parts::{
    config::Document,
    listener::{Listener, Live},
    route::Router,
};
use raw_upstream::{answering, ok};
use tenantry::{Balancer, Format};
use tenantry_tower::guard::{Guard, Mode, Rule};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
};

const ATTACKER: &str = "127.0.0.2";
const NEIGHBOUR: &str = "127.0.0.3";

/// A connection that is closed without a word.
const REFUSED: u16 = 0;

/// An upstream that answers everything.
async fn upstream() -> String {
    answering(|sent| sent.ends_with(b"\r\n\r\n"), |_| ok(b"")).await
}

fn sha256(key: &str) -> String {
    digest(&SHA256, key.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A gateway in this process, with a key for each of two tenants unless `identify` says otherwise.
async fn gateway(gateway: &str) -> (SocketAddr, Guard) {
    let api = upstream().await;
    let keys = ["acme", "umbrella"]
        .map(|tenant| format!("{{ tenant = \"{tenant}\", sha256 = \"{}\" }}", sha256(tenant)));
    let keys = format!(
        "identify = {{ api_key = {{ from = {{ header = \"x-key\" }}, keys = [{}] }} }}",
        keys.join(", ")
    );
    let identify = if gateway.contains("identify") { String::new() } else { keys };
    let text = format!(
        "[pools.api]\nendpoints = [\"{api}\"]\n[tenants.acme]\n[tenants.umbrella]\n[gateway]\n{identify}\n{gateway}"
    );
    let Document { balancer, settings, .. } = Document::from_text(&text, Format::Toml).unwrap();
    let router = Router::new(&Balancer::new(balancer).unwrap(), &settings, None);
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let listener = Listener::new(socket, Live::new(&settings, router));
    tokio::spawn(listener.serve(std::future::pending(), Duration::from_secs(1)));
    (address, settings.guard().unwrap().clone())
}

async fn connect(gateway: SocketAddr, from: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    socket.connect(gateway).await.unwrap()
}

/// An answer, asked for from this address; nothing where the connection is refused.
async fn ask(gateway: SocketAddr, from: &str, path: &str, headers: &[(&str, &str)]) -> String {
    let mut stream = connect(gateway, from).await;
    let mut request = format!("GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n");
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{request}\r\n").as_bytes()).await.ok(); // it may be closed by now
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok();
    answer
}

/// Where there is none, [`REFUSED`].
async fn status(gateway: SocketAddr, from: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
    let answer = ask(gateway, from, path, headers).await;
    answer.get(9..12).map_or(REFUSED, |status| status.parse().unwrap())
}

#[tokio::test]
async fn key_brute_force_is_banned_within_20_tries_and_the_neighbour_sees_nothing_of_it() {
    let (gateway, guard) = gateway("guard = {}").await;
    assert_eq!(
        status(gateway, ATTACKER, "/", &[("x-key", "acme")]).await,
        200,
        "somebody honest, behind the same address"
    );
    let mut tries = 0;
    let told = loop {
        // Neither does it help to claim another address, nor does it harm whose that is.
        let guess = format!("guess-{tries}");
        let answer = ask(gateway, ATTACKER, "/", &[("x-key", &guess), ("x-forwarded-for", NEIGHBOUR)]).await;
        assert_eq!(status(gateway, NEIGHBOUR, "/", &[("x-key", "umbrella")]).await, 200);
        if answer.starts_with("HTTP/1.1 429") {
            break answer;
        }
        tries += 1;
        assert!(tries < 20);
    };
    assert!(told.contains("retry-after: 60\r\n") && told.contains("CLIENT_BANNED"), "{told}");
    for _ in 0..50 {
        assert_eq!(status(gateway, ATTACKER, "/", &[("x-key", "acme")]).await, 200, "known from before");
        assert_eq!(status(gateway, ATTACKER, "/", &[("x-key", "umbrella")]).await, 429, "a right guess");
        assert_eq!(status(gateway, NEIGHBOUR, "/", &[("x-key", "umbrella")]).await, 200);
    }
    let [event] = &guard.take_events()[..] else { panic!("one event") };
    assert_eq!((event.subject().to_string().as_str(), event.rule()), (ATTACKER, Rule::Authentication));
    assert!(guard.unban(event.subject()));
    assert_eq!(status(gateway, ATTACKER, "/", &[("x-key", "umbrella")]).await, 200);
}

#[tokio::test]
async fn a_banned_address_gets_no_connection_and_others_do_whatever_is_claimed() {
    let (gateway, guard) = gateway("guard = { trusted = [\"127.0.0.9\"] }").await;
    let mut open = connect(gateway, ATTACKER).await;
    for at in 0..20 {
        let key = format!("guess-{at}");
        status(gateway, ATTACKER, "/", &[("x-key", &key), ("x-forwarded-for", NEIGHBOUR)]).await;
    }
    for _ in 0..3 {
        assert_eq!(status(gateway, ATTACKER, "/", &[("x-key", "acme")]).await, REFUSED);
        assert_eq!(status(gateway, NEIGHBOUR, "/", &[("x-key", "acme")]).await, 200);
    }
    open.write_all(b"GET / HTTP/1.1\r\nhost: h\r\nx-key: acme\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    open.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 429"), "one that is open is told why: {answer}");
    let [ban] = &guard.bans()[..] else { panic!("one ban") };
    assert!(ban.refused() >= 4, "connections count as requests do: {ban:?}");
    // Whom a hop names is told by its connection.
    let claimed = [("x-key", "acme"), ("x-forwarded-for", ATTACKER)];
    assert_eq!(status(gateway, "127.0.0.9", "/", &claimed).await, 429);
    assert!(guard.unban(ban.subject()));
    assert_eq!(status(gateway, ATTACKER, "/", &[("x-key", "acme")]).await, 200);
    // By an operator's word not even those who are known from before.
    assert!(guard.ban(&ATTACKER.parse().unwrap(), Duration::from_secs(60)));
    assert_eq!(status(gateway, ATTACKER, "/", &[("x-key", "acme")]).await, REFUSED);
    assert!(guard.ban(&"127.0.0.9".parse().unwrap(), Duration::from_secs(60)));
    assert_eq!(status(gateway, "127.0.0.9", "/", &[("x-key", "acme")]).await, 200, "a hop is never banned");
}

#[tokio::test]
async fn behind_a_hop_clients_are_whom_it_names_and_the_hop_is_never_banned() {
    let (gateway, guard) =
        gateway("identify = { header = \"x-tenant\", trusted = [\"127.0.0.9\"] }\nguard = {}").await;
    let hop = "127.0.0.9";
    for at in 0..30 {
        let id = format!("nobody-{at}");
        let headers = [("x-tenant", &*id), ("x-forwarded-for", "198.51.100.1, 203.0.113.5")];
        status(gateway, hop, "/", &headers).await;
        status(gateway, hop, "/", &[("x-tenant", &id)]).await;
    }
    let from = |client| [("x-tenant", "acme"), ("x-forwarded-for", client)];
    assert_eq!(status(gateway, hop, "/", &from("203.0.113.5")).await, 429);
    assert_eq!(status(gateway, hop, "/", &from("198.51.100.1")).await, 200);
    assert_eq!(status(gateway, hop, "/", &[("x-tenant", "acme")]).await, 200);
    assert_eq!(guard.bans().len(), 1);
}

#[tokio::test]
async fn scanners_and_probers_are_banned_and_a_shadow_only_tells() {
    let routes = "routes = [{ path = \"/api\", pool = \"api\" }, { path = \"/acme\", pool = \"api\", tenants = [\"acme\"] }]";
    let (enforcing, _) = gateway(&format!("guard = {{}}\n{routes}")).await;
    let (watching, shadow) = gateway(&format!("guard = {{ mode = \"shadow\" }}\n{routes}")).await;
    for gateway in [enforcing, watching] {
        for path in
            ["/.env", "/.git/HEAD", "/wp-admin/", "/cgi-bin/x", "/phpmyadmin/", "/xmlrpc.php", "/.aws/"]
        {
            status(gateway, ATTACKER, path, &[("x-key", "umbrella")]).await;
        }
        let probe = async |path| status(gateway, NEIGHBOUR, path, &[("x-key", "umbrella")]).await;
        for _ in 0..9 {
            assert_eq!((probe("/acme").await, probe("/api/..%2facme").await), (403, 400));
        }
        for _ in 0..6 {
            probe("/acme").await;
        }
    }
    for client in [ATTACKER, NEIGHBOUR] {
        assert_eq!(status(enforcing, client, "/api", &[("x-key", "umbrella")]).await, REFUSED);
        assert_eq!(status(watching, client, "/api", &[("x-key", "umbrella")]).await, 200);
    }
    let clients =
        shadow.take_events().into_iter().filter(|event| !event.subject().to_string().starts_with("tenant:"));
    let told: Vec<_> = clients.map(|event| (event.rule(), event.mode())).collect();
    assert_eq!(told, [(Rule::Scanning, Mode::Shadow), (Rule::Probing, Mode::Shadow)]);
    assert!(shadow.bans().is_empty());
}

#[test]
fn what_is_wrong_in_the_table_is_told_by_path_value_and_fix() {
    for (guard, parts) in [
        ("{ trusted = [\"10.0.0.0/40\"] }", &["gateway.guard.trusted[0]", "10.0.0.0/40", "10.0.0.0/8"][..]),
        ("{ allow = [\"::1\", \"here\"] }", &["gateway.guard.allow[1]", "here", "10.0.0.0/8"]),
        ("{ ban = \"2h\", longest_ban = \"1h\" }", &["gateway.guard.longest_ban", "3600s", "7200s"]),
        ("{ ban = \"0s\" }", &["gateway.guard.ban", "a time"]),
        ("{ mode = \"on\" }", &["gateway.guard.mode", "on", "enforce"]),
        ("{ capacity = 0 }", &["gateway.guard.capacity", "0", "nonzero"]),
        ("{ rules = { scaning = {} } }", &["gateway.guard.rules", "scaning", "scanning"]),
        ("{ rules = { scanning = { limit = 0 } } }", &["gateway.guard.rules.scanning.limit", "0"]),
        ("{ rate = { factor = 0.5 } }", &["gateway.guard.rate.factor", "0.5", "at least 1"]),
        ("{ address_header = \"a b\" }", &["gateway.guard.address_header", "a b", "header"]),
    ] {
        let text = format!("[pools.api]\nendpoints = [\"http://a:1\"]\n[gateway]\nguard = {guard}");
        let problem = Document::from_text(&text, Format::Toml).unwrap_err().to_string();
        assert!(parts.iter().all(|part| problem.contains(part)), "{guard}: {problem}");
    }
}

#[test]
fn every_key_of_the_table_can_be_said() {
    let guard = "{ mode = \"enforce\", trusted = [\"10.0.0.0/8\"], address_header = \"x-real-ip\", allow = [\"192.0.2.0/24\"], allow_tenants = [\"acme\"], neighbours = \"refused\", tenants = \"enforce\", ban = \"30s\", longest_ban = \"12h\", forgiveness = \"2h\", capacity = 1000, rules = { authentication = { limit = 5, per = \"30s\", mode = \"off\" } }, rate = { factor = 10.0, floor = 50.0, mode = \"enforce\" } }";
    let text = format!("[pools.api]\nendpoints = [\"http://a:1\"]\n[gateway]\nguard = {guard}");
    let document = Document::from_text(&text, Format::Toml).unwrap();
    let policy = document.settings.guard().unwrap().policy();
    let rule = policy.rule(Rule::Authentication).unwrap();
    assert_eq!((rule.limit().get(), rule.window(), rule.mode()), (5, Duration::from_secs(30), Mode::Off));
    assert_eq!(policy.rule(Rule::Scanning).unwrap().mode(), Mode::Enforce);
}
