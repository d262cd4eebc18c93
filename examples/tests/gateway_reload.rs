//! A hundred documents, one after the other, while requests come: none of them fails.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

use std::{
    fs, future,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use gateway_parts::{admin::Served, config::Document, listener::Listener, reload::Reloader, upstream};
use rustix::process::{Signal, getpid, kill_process};
use tenantry::{Balancer, EndpointChange, Request};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    signal::unix::{SignalKind, signal},
    time::timeout,
};

/// A file that goes with its test.
struct File(PathBuf);

impl Drop for File {
    fn drop(&mut self) {
        // What cannot be removed stays in the folder for temporary files, where the system clears it.
        fs::remove_file(&self.0).ok();
    }
}

impl File {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("tenantry-{name}-{}.toml", std::process::id())))
    }

    /// With this endpoint first, and a route that only this round has.
    fn write(&self, endpoints: &[String], round: usize, more: &str) {
        let (first, second) = (&endpoints[round % 2], &endpoints[(round + 1) % 2]);
        let text = format!(
            "[pools.api]\nendpoints = [{first:?}, {{ address = {second:?}, weight = {} }}]\n[tenants.acme]\nweight = {}\n[gateway]\nroutes = [{{ path = \"/\", pool = \"api\" }}, {{ path = \"/round-{round}\", pool = \"api\", tenants = [] }}]\n{more}",
            1 + round % 3,
            1 + round % 5,
        );
        fs::write(&self.0, text).unwrap();
    }
}

async fn status(stream: &mut TcpStream, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nhost: h\r\nx-tenant: acme\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 4_096];
    let read = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[9..read.min(12)]).into_owned()
}

async fn gateway(file: &File) -> (Reloader, Balancer, SocketAddr) {
    gateway_with(Document::read(&file.0).unwrap(), file).await
}

/// One whose document was read a while ago.
async fn gateway_with(document: Document, file: &File) -> (Reloader, Balancer, SocketAddr) {
    let balancer = Balancer::new(document.balancer.clone()).unwrap();
    let reloader = Reloader::start(&file.0, document, &balancer, &Served::default(), |_| ());
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(Listener::new(socket, reloader.live()).serve(future::pending(), Duration::ZERO));
    (reloader, balancer, address)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_documents_under_load_break_no_request() {
    let file = File::new("reload");
    let mut endpoints = Vec::new();
    for _ in 0..2 {
        endpoints.push(format!("http://{}", upstream::start().await.unwrap()));
    }
    file.write(&endpoints, 0, "");
    let (mut reloader, balancer, gateway) = gateway(&file).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let load = [(); 4].map(|()| {
        let is_over = Arc::clone(&is_over);
        tokio::spawn(async move {
            let (mut stream, mut served) = (TcpStream::connect(gateway).await.unwrap(), 0);
            // Relaxed: a flag that guards nothing else.
            while !is_over.load(Ordering::Relaxed) {
                assert_eq!(status(&mut stream, "/").await, "200");
                served += 1;
            }
            served
        })
    });
    let mut lasting = TcpStream::connect(gateway).await.unwrap();
    for round in 1..=100 {
        file.write(&endpoints, round, "");
        assert_eq!(reloader.reload(|_| ()).await.unwrap(), Vec::<&str>::new());
        // The new document is in force for connections that were there before it.
        assert_eq!(status(&mut lasting, &format!("/round-{round}")).await, "403");
        assert_eq!(status(&mut lasting, &format!("/round-{}", round - 1)).await, "200");
    }
    is_over.store(true, Ordering::Relaxed);
    for load in load {
        assert!(load.await.unwrap() > 0);
    }
    assert_eq!(balancer.stats().pool("api").unwrap().in_flight(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_document_changes_nothing_and_what_takes_a_restart_is_named() {
    let file = File::new("reload-wrong");
    let endpoints = ["http://127.0.0.1:8".to_owned(), "http://127.0.0.1:9".to_owned()];
    file.write(&endpoints, 0, "");
    let (mut reloader, _, gateway) = gateway(&file).await;
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    for wrong in
        ["rotues = []", "[gateway.limits]\nmax_headers = 0", "[gateway.upstream.apl]\nhttp2 = true", "[["]
    {
        file.write(&endpoints, 1, wrong);
        let problem = reloader.reload(|_| ()).await.unwrap_err();
        assert!(problem.contains("reload-wrong"), "{problem}");
        assert_eq!(status(&mut stream, "/round-0").await, "403", "{wrong}");
    }
    file.write(&endpoints, 1, "listen = \"127.0.0.1:1\"\n[gateway.limits]\nmax_connections = 7\n");
    assert_eq!(reloader.reload(|_| ()).await.unwrap(), ["gateway.listen", "gateway.limits.max_connections"]);
    let admin = "admin = \"127.0.0.1:0\"\n";
    file.write(&endpoints, 1, admin);
    assert_eq!(reloader.reload(|_| ()).await.unwrap(), ["gateway.admin"]);
    assert_eq!(status(&mut stream, "/round-1").await, "403");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_checks_follow_how_endpoints_are_spoken_to() {
    let file = File::new("reload-checks");
    let endpoints = |scheme: &str| [8, 9].map(|port| format!("{scheme}://127.0.0.1:{port}"));
    file.write(&endpoints("http"), 0, "");
    let (mut reloader, ..) = gateway(&file).await;
    let live = reloader.live();
    assert!(live.checks("api").is_none(), "no TLS is spoken");
    for name in ["first.test", "second.test"] {
        let tls = format!("[gateway.upstream.api]\ntls = {{ verify = false, server_name = {name:?} }}\n");
        file.write(&endpoints("https"), 1, &tls);
        reloader.reload(|_| ()).await.unwrap();
        let checks = format!("{:?}", live.checks("api"));
        assert!(checks.contains(name), "{checks}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_is_followed() {
    let file = File::new("reload-follow");
    let endpoints = ["http://127.0.0.1:8".to_owned(), "http://127.0.0.1:9".to_owned()];
    file.write(&endpoints, 0, "");
    let (reloader, _, gateway) = gateway(&file).await;
    let following = tokio::spawn(reloader.follow(Duration::from_millis(20), |_| ()));
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    // Until it has been seen; the first write may come before the first look.
    while status(&mut stream, "/round-7").await != "403" {
        file.write(&endpoints, 7, "");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    following.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bans_outlast_a_new_document() {
    let file = File::new("reload-guard");
    let endpoints = ["http://127.0.0.1:8".to_owned(), "http://127.0.0.1:9".to_owned()];
    // Whoever asks for what is forbidden twice is banned, for an hour.
    let guard = "guard = { trusted = [], ban = \"1h\", rules = { probing = { limit = 2 } } }\n";
    file.write(&endpoints, 0, guard);
    let (mut reloader, _, gateway) = gateway(&file).await;
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    for _ in 0..4 {
        status(&mut stream, "/round-0").await;
    }
    assert_eq!(status(&mut stream, "/round-0").await, "429");
    // The same guard goes on, or another one with its bans.
    for (round, guard) in [guard.to_owned(), guard.replace("limit = 2", "limit = 3")].iter().enumerate() {
        file.write(&endpoints, round + 1, guard);
        reloader.reload(|_| ()).await.unwrap();
        assert_eq!(status(&mut stream, &format!("/round-{round}")).await, "429");
    }
}

/// What a reloader has told.
static TOLD: Mutex<Vec<String>> = Mutex::new(Vec::new());

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_for_a_document_that_is_gone_is_told_so() {
    let file = File::new("reload-gone");
    file.write(&["http://127.0.0.1:8".to_owned(), "http://127.0.0.1:9".to_owned()], 0, "");
    let (reloader, ..) = gateway(&file).await;
    let tell = |news: &str| TOLD.lock().unwrap().push(news.to_owned());
    let following = tokio::spawn(reloader.follow(Duration::from_millis(5), tell));
    // Listened for before it comes: else the signal would end this process.
    let _hangup = signal(SignalKind::hangup()).unwrap();
    fs::remove_file(&file.0).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(TOLD.lock().unwrap().is_empty(), "a file that is gone is on its way to be replaced");
    kill_process(getpid(), Signal::HUP).unwrap();
    let told = timeout(Duration::from_secs(30), async {
        while TOLD.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    told.await.unwrap();
    following.abort();
    let told = TOLD.lock().unwrap().join("\n");
    assert!(
        told.contains("reload-gone") && told.contains("No such file") && told.contains("stays"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_used_of_a_routes_limits_outlasts_a_new_document() {
    let file = File::new("reload-limits");
    let endpoint = format!("http://{}", upstream::start().await.unwrap());
    let write = |rate: &str, more: &str| {
        let text = format!(
            "[pools.api]\nendpoints = [{endpoint:?}]\n[tenants.acme]\n[gateway]\nroutes = [{{ path = \"/\", pool = \"api\" }}, {{ path = \"/few\", pool = \"api\", rate = {rate:?} }}{more}]\n"
        );
        fs::write(&file.0, text).unwrap();
    };
    write("2/h", "");
    let (mut reloader, _, gateway) = gateway(&file).await;
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    for expected in ["200", "200", "429"] {
        assert_eq!(status(&mut stream, "/few").await, expected);
    }
    // The same; beside another route; with another rate, which counts from what was used.
    let other = ", { path = \"/a\", pool = \"api\" }";
    for (rate, more, expected) in [("2/h", "", "429"), ("2/h", other, "429"), ("3/h", other, "200")] {
        write(rate, more);
        reloader.reload(|_| ()).await.unwrap();
        assert_eq!(status(&mut stream, "/few").await, expected, "{rate} {more}");
    }
    assert_eq!(status(&mut stream, "/few").await, "429");
}

/// Answers each request after a while, with its own name.
async fn slow(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                while stream.read(&mut [0; 4_096]).await.unwrap_or(0) > 0 {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    let answer = format!("HTTP/1.1 200 OK\r\nx-name: {name}\r\ncontent-length: 0\r\n\r\n");
                    stream.write_all(answer.as_bytes()).await.unwrap();
                }
            });
        }
    });
    address
}

async fn name(gateway: SocketAddr) -> String {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    let request = "GET / HTTP/1.1\r\nhost: h\r\nx-tenant: acme\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let name = answer.lines().find_map(|line| line.strip_prefix("x-name: "));
    name.map_or_else(|| answer.clone(), str::to_owned)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_in_a_pool_that_leaves_is_served_there() {
    let file = File::new("reload-leaving");
    let (first, second) = (slow("first").await, slow("second").await);
    let write = |pool: &str, address: SocketAddr| {
        let text = format!(
            "[pools.{pool}]\ncapacity = 1\nendpoints = [\"http://{address}\"]\n[tenants.acme]\n[gateway]\nroutes = [{{ path = \"/\", pool = {pool:?} }}]\n"
        );
        fs::write(&file.0, text).unwrap();
    };
    write("first", first);
    let (mut reloader, balancer, gateway) = gateway(&file).await;
    let waiting = [(); 4].map(|()| tokio::spawn(name(gateway)));
    while balancer.pool_stats("first").unwrap().waiting() < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    write("second", second);
    reloader.reload(|_| ()).await.unwrap();
    assert_eq!(name(gateway).await, "second");
    for waiting in waiting {
        assert_eq!(waiting.await.unwrap(), "first");
    }
    let parted = timeout(Duration::from_secs(30), async {
        while balancer.pool_stats("first").is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            reloader.part(|_| ()).await;
        }
    });
    parted.await.unwrap();
    assert_eq!(name(gateway).await, "second");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_whose_owner_leaves_goes_at_once() {
    let file = File::new("reload-owner");
    let endpoint = format!("http://{}", upstream::start().await.unwrap());
    let text = |pool: &str, owner: &str| {
        format!("[pools.{pool}]\nendpoints = [{endpoint:?}]\nowner = {owner:?}\n[tenants.{owner}]\n")
    };
    fs::write(&file.0, text("first", "acme")).unwrap();
    let (mut reloader, balancer, _) = gateway(&file).await;
    fs::write(&file.0, text("second", "globex")).unwrap();
    reloader.reload(|_| ()).await.unwrap();
    assert!(balancer.pool_stats("first").is_none() && balancer.pool_stats("second").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_that_leaves_is_checked_as_before() {
    let file = File::new("reload-leaving-checks");
    let write = |pool: &str, name: &str| {
        let text = format!(
            "[pools.{pool}]\nendpoints = [\"https://127.0.0.1:8\"]\n[gateway.upstream.{pool}]\ntls = {{ verify = false, server_name = {name:?} }}\n"
        );
        fs::write(&file.0, text).unwrap();
    };
    write("first", "first.test");
    let (mut reloader, balancer, _) = gateway(&file).await;
    let live = reloader.live();
    // Two, one after the other.
    for (pool, name) in [("second", "second.test"), ("third", "third.test")] {
        write(pool, name);
        reloader.reload(|_| ()).await.unwrap();
    }
    for (pool, name) in [("first", "first.test"), ("second", "second.test"), ("third", "third.test")] {
        assert!(balancer.pool_stats(pool).is_some());
        let checks = format!("{:?}", live.checks(pool));
        assert!(checks.contains(name), "{checks}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pool_stays_as_long_as_one_that_falls_back_on_it() {
    let file = File::new("reload-leaving-fallback");
    let pool = |name: &str| format!("[pools.{name}]\nendpoints = [\"http://127.0.0.1:8\"]\n");
    let tenant = "[tenants.acme]\n";
    let route = "[gateway]\nroutes = [{ path = \"/\", pool = \"first\" }]\n";
    let both = format!("{}fallback = \"spare\"\n{}{tenant}{route}", pool("first"), pool("spare"));
    fs::write(&file.0, both).unwrap();
    let (mut reloader, balancer, _) = gateway(&file).await;
    let lease = balancer.try_acquire_owned(&Request::new("acme").pool("first")).unwrap();
    fs::write(&file.0, format!("{}{tenant}", pool("second"))).unwrap();
    reloader.reload(|_| ()).await.unwrap();
    // Longer than who was on the way there is waited for.
    for _ in 0..15 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        reloader.part(|problem| panic!("{problem}")).await;
        assert!(balancer.pool_stats("first").is_some() && balancer.pool_stats("spare").is_some());
    }
    // Nor does another document turn anybody away there.
    fs::write(&file.0, format!("{}{tenant}", pool("third"))).unwrap();
    reloader.reload(|_| ()).await.unwrap();
    assert!(balancer.pool_stats("first").is_some() && balancer.pool_stats("spare").is_some());
    drop(lease);
    let parted = timeout(Duration::from_secs(30), async {
        while ["first", "spare", "second"].iter().any(|pool| balancer.pool_stats(pool).is_some()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            reloader.part(|problem| panic!("{problem}")).await;
        }
    });
    parted.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_operator_has_decided_stays_when_a_pool_has_left() {
    let file = File::new("reload-leaving-operator");
    let write = |pool: &str| {
        let endpoints = "[\"http://127.0.0.1:8\", \"http://127.0.0.1:9\"]";
        fs::write(&file.0, format!("[pools.{pool}]\nendpoints = {endpoints}\n")).unwrap();
    };
    write("first");
    let (mut reloader, balancer, _) = gateway(&file).await;
    write("second");
    reloader.reload(|_| ()).await.unwrap();
    let [drained, reweighed] = ["http://127.0.0.1:8", "http://127.0.0.1:9"];
    let changes =
        [EndpointChange::Drain(drained.to_owned()), EndpointChange::Reweigh(reweighed.to_owned(), 3)];
    balancer.change_endpoints("second", &changes).unwrap();
    let parted = timeout(Duration::from_secs(30), async {
        while balancer.pool_stats("first").is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            reloader.part(|problem| panic!("{problem}")).await;
        }
    });
    parted.await.unwrap();
    let pool = balancer.pool_stats("second").unwrap();
    let endpoint = |address: &str| pool.endpoints().iter().find(|endpoint| endpoint.address() == address);
    assert!(endpoint(drained).unwrap().is_draining());
    assert_eq!(endpoint(reweighed).unwrap().weight(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_is_replaced_while_the_gateway_starts_is_put_in_force() {
    let file = File::new("reload-start");
    let endpoint = format!("http://{}", upstream::start().await.unwrap());
    let write =
        |pool: &str| fs::write(&file.0, format!("[pools.{pool}]\nendpoints = [{endpoint:?}]\n")).unwrap();
    write("first");
    let document = Document::read(&file.0).unwrap();
    write("second");
    let (reloader, balancer, _) = gateway_with(document, &file).await;
    let following = tokio::spawn(reloader.follow(Duration::from_millis(10), |_| ()));
    let in_force = timeout(Duration::from_secs(30), async {
        while balancer.pool_stats("second").is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    in_force.await.unwrap();
    // What was there before leaves as it would have, had the document come later.
    assert!(balancer.pool_stats("first").is_some());
    following.abort();
}
