//! The gateway's own pages, beside the gateway, over real connections.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod folder;

use std::{fs, net::SocketAddr, time::Duration};

use folder::Folder;
use gateway_parts::{
    admin::{self, Served},
    config::Document,
    route::Router,
    serve, upstream,
};
use serde_json::{Value, json};
use tenantry::Balancer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

/// A gateway with its pages, in this process.
struct World {
    gateway: SocketAddr,
    admin: Served,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<bool>,
    folder: Folder,
}

impl World {
    async fn start(name: &str, endpoints: &[String]) -> Self {
        let folder = Folder::new(name);
        fs::write(folder.join("admin.token"), format!("{TOKEN}\n")).unwrap();
        let text = format!(
            "[pools.api]\nstrategy = \"round_robin\"\ncapacity = 8\nendpoints = {endpoints:?}\n[tenants.acme]\nweight = 3\n[gateway]\nadmin = {{ listen = \"127.0.0.1:0\", token_file = \"admin.token\" }}\n"
        );
        let file = folder.join("gateway.toml");
        fs::write(&file, text).unwrap();
        let Document { balancer, settings, .. } = Document::read(&file).unwrap();
        let balancer = Balancer::new(balancer).unwrap();
        let admin = admin::start(&balancer, &settings).await.unwrap();
        let router = Router::measured(&balancer, &settings, None, admin.metrics());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async { stopped.await.unwrap_or(()) };
        let serving = tokio::spawn(serve::serve(listener, router, stopped, Duration::from_secs(30)));
        Self { gateway, admin, stop, serving, folder }
    }

    fn pages(&self) -> SocketAddr {
        self.admin.address().unwrap()
    }

    async fn status(&self) -> Value {
        serde_json::from_str(&ask(self.pages(), "GET /status", "", "").await.1).unwrap()
    }
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
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

async fn serve_one(world: &World) {
    assert_eq!(ask(world.gateway, "GET /", "x-tenant: acme\r\n", "").await.0, 200);
}

#[tokio::test]
async fn the_pages_tell_what_the_gateway_does_and_an_action_changes_it() {
    let mut endpoints = Vec::new();
    for _ in 0..2 {
        endpoints.push(format!("http://{}", upstream::start().await.unwrap()));
    }
    let world = World::start("admin", &endpoints).await;
    for _ in 0..6 {
        serve_one(&world).await;
    }
    let status = world.status().await;
    let acme = &status["tenants"][0];
    assert_eq!((&acme["id"], &acme["weight"], &acme["completed"]), (&json!("acme"), &json!(3), &json!(6)));
    let (code, metrics) = ask(world.pages(), "GET /metrics", "", "").await;
    assert_eq!(code, 200);
    for endpoint in &endpoints {
        let timed =
            format!("tenantry_endpoint_response_seconds_count{{pool=\"api\",endpoint=\"{endpoint}\"}} 3");
        assert!(metrics.lines().any(|line| line == timed), "{timed} is not in:\n{metrics}");
    }

    let ended = "tenantry_requests_total{pool=\"api\",tenant=\"acme\",outcome=\"success\"} 6";
    assert!(metrics.lines().any(|line| line == ended), "{ended} is not in:\n{metrics}");

    let body = json!({ "pool": "api", "endpoint": endpoints[0] }).to_string();
    let fields = format!("authorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\n");
    assert_eq!(ask(world.pages(), "POST /actions/drain", "", &body).await.0, 401);
    assert_eq!(ask(world.pages(), "POST /actions/drain", &fields, &body).await.0, 200);
    for _ in 0..4 {
        serve_one(&world).await;
    }
    let status = world.status().await;
    let finished = |endpoint: &String| {
        let all = status["pools"][0]["endpoints"].as_array().unwrap();
        all.iter().find(|one| one["address"] == *endpoint).unwrap()["completed"].clone()
    };
    assert_eq!((finished(&endpoints[0]), finished(&endpoints[1])), (json!(3), json!(7)));
    assert!(!status.to_string().contains(TOKEN));
}

#[tokio::test]
async fn health_turns_503_when_draining_begins_and_the_pages_stay_until_it_ends() {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let world = World::start("admin-drain", &[format!("http://{}", upstream.local_addr().unwrap())]).await;
    let pages = world.pages();
    assert_eq!(ask(pages, "GET /healthz", "", "").await.0, 200);

    let gateway = world.gateway;
    let slow = tokio::spawn(async move { ask(gateway, "GET /", "x-tenant: acme\r\n", "").await });
    let (mut served, _) = upstream.accept().await.unwrap();
    world.admin.drain();
    let World { stop, serving, admin, folder: _folder, .. } = world;
    drop(stop); // as good as a word
    let (code, body) = ask(pages, "GET /healthz", "", "").await;
    assert_eq!(code, 503);
    assert!(body.contains("draining"), "{body}");

    served.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    assert_eq!(slow.await.unwrap().0, 200);
    assert!(serving.await.unwrap(), "all that was in flight has finished");
    admin.stop().await;
    assert!(TcpStream::connect(pages).await.is_err(), "nobody listens any more");
}
