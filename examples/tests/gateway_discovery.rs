//! Endpoints that the gateway finds by itself: in DNS, and in a file.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod folder;
#[path = "../../tower-adapter/tests/support/name_server.rs"]
#[expect(dead_code, reason = "the adapter's tests use the rest")]
mod name_server;

use std::{
    fs, future,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use folder::Folder;
use gateway_parts::{admin::Served, config::Document, listener::Listener, reload::Reloader, upstream};
use name_server::NameServer;
use tenantry::{Balancer, Format};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

/// Puts a whole file in the place of another.
fn write(folder: &Folder, name: &str, text: &str) -> PathBuf {
    let (path, fresh) = (folder.join(name), folder.join(&format!("{name}.new")));
    fs::write(&fresh, text).unwrap();
    fs::rename(&fresh, &path).unwrap();
    path
}

async fn gateway(file: &Path) -> (Reloader, Balancer, SocketAddr) {
    let document = Document::read(file).unwrap();
    let balancer = Balancer::new(document.balancer.clone()).unwrap();
    let reloader = Reloader::start(file, document, &balancer, &Served::default(), |problem| {
        assert_eq!(problem, "", "nothing is told");
    });
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    tokio::spawn(Listener::new(socket, reloader.live()).serve(future::pending(), Duration::ZERO));
    (reloader, balancer, address)
}

async fn status(gateway: SocketAddr) -> String {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nhost: h\r\nx-tenant: acme\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer[9..12].to_owned()
}

/// Waits until the pool's endpoints are these.
async fn endpoints(balancer: &Balancer, expected: &[String]) {
    let are_there = async {
        loop {
            let pool = balancer.pool_stats("api").unwrap();
            let mut found: Vec<_> = pool.endpoints().iter().map(|one| one.address().to_owned()).collect();
            found.sort();
            let mut expected = expected.to_vec();
            expected.sort();
            if found == expected {
                return;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    let found = timeout(Duration::from_secs(20), are_there).await;
    assert!(found.is_ok(), "{:?}", balancer.discoveries());
}

async fn problem(balancer: &Balancer) -> String {
    let is_told = async {
        loop {
            let discoveries = balancer.discoveries();
            if let Some(problem) = discoveries.iter().find_map(|status| status.last_failure()) {
                return problem.problem().to_owned();
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(20), is_told).await.unwrap()
}

#[tokio::test]
async fn a_name_is_looked_up_and_what_it_answers_serves() {
    let names = NameServer::start().await;
    let port = upstream::start().await.unwrap().port();
    names.a("api.internal", 0, &["127.0.0.1"]);
    let folder = Folder::new("discovery-dns");
    let document = format!(
        "[pools.api]\nendpoints = []\n[tenants.acme]\n[gateway.discovery.api]\ndns = \"http://api.internal:{port}\"\nname_servers = [\"{}\"]\nfamily = \"ipv4\"\nfloor = \"1ms\"\nceiling = \"10ms\"\n",
        names.address
    );
    let (_reloader, balancer, address) = gateway(&write(&folder, "gateway.toml", &document)).await;
    endpoints(&balancer, &[format!("http://127.0.0.1:{port}")]).await;
    assert_eq!(status(address).await, "200");
    // The name moves, and the pool with it.
    names.a("api.internal", 0, &["127.0.0.2", "127.0.0.3"]);
    endpoints(&balancer, &[format!("http://127.0.0.2:{port}"), format!("http://127.0.0.3:{port}")]).await;
}

/// A client that asks again and again until the name has moved; every request is served.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_name_moves_under_load_and_no_request_fails() {
    let names = NameServer::start().await;
    // Two upstreams at one port, as two machines would have it.
    let (first, second) = loop {
        let first = TcpListener::bind("127.0.0.2:0").await.unwrap();
        if let Ok(second) = TcpListener::bind(("127.0.0.3", first.local_addr().unwrap().port())).await {
            break (first, second);
        }
    };
    let port = first.local_addr().unwrap().port();
    let (old, new) = (tokio::spawn(serve(first)), tokio::spawn(serve(second)));
    names.a("api.internal", 0, &["127.0.0.2"]);
    let folder = Folder::new("discovery-move");
    let document = format!(
        "[pools.api]\nendpoints = []\n[tenants.acme]\n[gateway]\nroutes = [{{ path = \"/\", pool = \"api\", retry = {{ attempts = 3 }} }}]\n[gateway.discovery.api]\ndns = \"http://api.internal:{port}\"\nname_servers = [\"{}\"]\nfamily = \"ipv4\"\nfloor = \"1ms\"\nceiling = \"10ms\"\n",
        names.address
    );
    let (_reloader, balancer, address) = gateway(&write(&folder, "gateway.toml", &document)).await;
    endpoints(&balancer, &[format!("http://127.0.0.2:{port}")]).await;
    let load = tokio::spawn(async move {
        for _ in 0..400 {
            assert_eq!(status(address).await, "200");
        }
    });
    names.a("api.internal", 0, &["127.0.0.3"]);
    endpoints(&balancer, &[format!("http://127.0.0.3:{port}")]).await;
    old.abort();
    load.await.unwrap();
    assert_eq!(status(address).await, "200");
    new.abort();
}

/// Answers 200 to every request, one for each connection.
async fn serve(listener: TcpListener) {
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::spawn(async move {
            let mut request = [0; 4_096];
            // A proxy may go away.
            if stream.read(&mut request).await.is_ok() {
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                    .await
                    .ok();
            }
        });
    }
}

#[tokio::test]
async fn a_list_is_followed_and_a_reload_begins_and_ends_discoveries() {
    let mut found = Vec::new();
    for _ in 0..2 {
        found.push(format!("http://{}", upstream::start().await.unwrap()));
    }
    let folder = Folder::new("discovery-file");
    write(&folder, "endpoints.toml", &format!("endpoints = [{:?}]", found[0]));
    let pools = "[pools.api]\nendpoints = []\n[tenants.acme]\n[gateway.discovery.api]\n";
    let document = write(&folder, "gateway.toml", &format!("{pools}file = \"endpoints.toml\"\n"));
    let (mut reloader, balancer, address) = gateway(&document).await;
    endpoints(&balancer, &found[..1]).await;
    assert_eq!(status(address).await, "200");
    write(&folder, "endpoints.toml", &format!("endpoints = [{:?}, {:?}]", found[0], found[1]));
    endpoints(&balancer, &found).await;
    // A reload that says the same leaves the discovery as it is.
    let before = balancer.discoveries();
    assert_eq!(reloader.reload(|_| ()).await.unwrap(), Vec::<&str>::new());
    assert_eq!(balancer.discoveries()[0].source(), before[0].source());
    endpoints(&balancer, &found).await;
    // Another file is another discovery, and without one there is nothing but the document's endpoints.
    write(&folder, "others.toml", &format!("endpoints = [{:?}]", found[1]));
    write(&folder, "gateway.toml", &format!("{pools}file = \"others.toml\"\n"));
    reloader.reload(|_| ()).await.unwrap();
    endpoints(&balancer, &found[1..]).await;
    assert_eq!(balancer.discoveries().len(), 1);
    write(&folder, "gateway.toml", &format!("[pools.api]\nendpoints = [{:?}]\n[tenants.acme]\n", found[0]));
    reloader.reload(|_| ()).await.unwrap();
    endpoints(&balancer, &found[..1]).await;
    assert!(balancer.discoveries().is_empty());
}

#[tokio::test]
async fn what_the_gateway_cannot_dial_is_not_taken_over() {
    let folder = Folder::new("discovery-dial");
    for (address, fix) in [
        ("https://127.0.0.1:1", "[gateway.upstream.POOL.tls]"),
        ("ftp://user:secret@127.0.0.1:1", "http://host:port"),
    ] {
        write(&folder, "endpoints.toml", &format!("endpoints = [\"http://127.0.0.1:9\", {address:?}]"));
        let document = "[pools.api]\nendpoints = []\n[gateway.discovery.api]\nfile = \"endpoints.toml\"\n";
        let (_reloader, balancer, _) = gateway(&write(&folder, "gateway.toml", document)).await;
        let problem = problem(&balancer).await;
        assert!(problem.contains("127.0.0.1:1") && problem.contains(fix), "{problem}");
        assert!(!problem.contains("secret"), "{problem}");
        assert!(balancer.pool_stats("api").unwrap().endpoints().is_empty());
    }
}

#[test]
fn what_is_wrong_is_told_by_path_and_fix() {
    for (table, parts) in [
        (
            "[gateway.discovery.apl]\ndns = \"http://a:1\"",
            ["gateway.discovery.apl", "name one of the pools: api"],
        ),
        ("[gateway.discovery.api]", ["gateway.discovery.api", "name one of dns, srv and file"]),
        (
            "[gateway.discovery.api]\ndns = \"a:1\"\nsrv = \"_a._tcp.b\"",
            ["gateway.discovery.api", "name one of"],
        ),
        ("[gateway.discovery.api]\ndns = \"http://10.0.0.1:1\"", ["gateway.discovery.api.dns", "name:port"]),
        ("[gateway.discovery.api]\nsrv = \"_a._tcp.b:1\"", ["gateway.discovery.api.srv", "_service._tcp"]),
        ("[gateway.discovery.api]\nfile = \"a.txt\"", ["gateway.discovery.api.file", ".toml"]),
        (
            "[gateway.discovery.api]\nfile = \"a.toml\"\nfamily = \"ipv4\"",
            ["gateway.discovery.api.family", "leave it out"],
        ),
        (
            "[gateway.discovery.api]\ndns = \"http://a:1\"\nfamily = \"ipv5\"",
            ["gateway.discovery.api.family", "ipv5"],
        ),
        ("[gateway.discovery.api]\ndns = \"http://a:1\"\nfloor = \"0s\"", ["gateway.discovery.api", "floor"]),
        (
            "[gateway.discovery.api]\ndns = \"http://a:1\"\nmost_endpoints = 0",
            ["gateway.discovery.api", "most_endpoints"],
        ),
    ] {
        let problem = Document::from_text(&format!("[pools.api]\nendpoints = []\n{table}"), Format::Toml)
            .unwrap_err()
            .to_string();
        assert!(parts.iter().all(|part| problem.contains(part)), "{table}: {problem}");
    }
}
