//! One of three nginx upstreams is killed, comes back, and comes back with a certificate that nobody should trust: clients see nothing of it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

mod inside;
mod nginx;
mod pki;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use gateway_parts::process::{Running, free_address};
use pki::{Authority, Pair};
use tenantry::{Balancer, HealthState};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
    time::{sleep, timeout},
};

/// Three nginx servers that want TLS, each with an address that it keeps.
struct Upstreams {
    program: PathBuf,
    authority: Authority,
    addresses: [SocketAddr; 3],
    running: [Option<Running>; 3],
}

impl Upstreams {
    fn start(name: &str) -> Option<Self> {
        let program = nginx::program()?;
        let (authority, addresses) = (Authority::new(name), [(); 3].map(|()| free_address().unwrap()));
        let mut upstreams = Self { program, authority, addresses, running: [const { None }; 3] };
        for place in 0..3 {
            let pair = upstreams.authority.issue(&["upstream.test"]);
            upstreams.run(place, &pair);
        }
        Some(upstreams)
    }

    fn run(&mut self, place: usize, pair: &Pair) {
        self.authority.write("nginx", pair);
        let file = |name: &str| self.authority.file(name).display().to_string();
        let server = format!(
            "ssl_certificate {}; ssl_certificate_key {}; location / {{ return 200 'served'; }}",
            file("nginx.pem"),
            file("nginx.key")
        );
        let folder = self.authority.file(&format!("nginx-{place}"));
        self.running[place] =
            Some(nginx::start(&self.program, &folder, self.addresses[place], "ssl", &server));
    }

    fn kill(&mut self, place: usize) {
        self.running[place] = None;
    }

    /// With this beside what is ejected for a second.
    fn document(&self, probe: &str) -> String {
        let endpoints = self.addresses.map(|address| format!("\"https://{address}\"")).join(", ");
        format!(
            "[pools.api]\nendpoints = [{endpoints}]\nlatency_decay = \"1s\"\nhealth = {{ outlier = {{ ejection = \"1s\" }}{probe} }}\n[tenants.acme]\n[gateway]\nroutes = [{{ path = \"/\", pool = \"api\", retry = {{ attempts = 3 }} }}]\n[gateway.upstream.api]\ntls = {{ ca = {:?}, server_name = \"upstream.test\" }}\n",
            self.authority.file("ca.pem")
        )
    }
}

/// Clients that ask again and again until they are told that it is over; how many requests were served.
fn clients(gateway: SocketAddr, is_over: &Arc<AtomicBool>) -> Vec<JoinHandle<u32>> {
    let client = |_| {
        let is_over = Arc::clone(is_over);
        tokio::spawn(async move {
            let (mut stream, mut served) = (TcpStream::connect(gateway).await.unwrap(), 0);
            // Relaxed: a flag that guards nothing else.
            while !is_over.load(Ordering::Relaxed) {
                stream.write_all(b"GET / HTTP/1.1\r\nhost: h\r\nx-tenant: acme\r\n\r\n").await.unwrap();
                let mut answer = String::new();
                while !answer.ends_with("served") {
                    let mut part = [0; 1_024];
                    let read = stream.read(&mut part).await.unwrap();
                    assert_ne!(read, 0, "the gateway has closed the connection behind {answer:?}");
                    answer.push_str(std::str::from_utf8(&part[..read]).unwrap());
                    assert!(answer.len() < 9 || answer.starts_with("HTTP/1.1 200"), "{answer}");
                }
                served += 1;
                sleep(Duration::from_millis(5)).await;
            }
            served
        })
    };
    (0..4).map(client).collect()
}

/// Requests that one endpoint has finished, and those of them that failed.
fn finished(balancer: &Balancer, place: usize) -> (u64, u64) {
    let pool = balancer.pool_stats("api").unwrap();
    let endpoint = &pool.endpoints()[place];
    (endpoint.completed(), endpoint.failed())
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(Duration::from_secs(60), waiting).await.is_ok(), "not within a minute: {what}");
}

/// Until an endpoint has failed so often more, and until it has served so often more.
async fn fails(balancer: &Balancer, place: usize, times: u64) {
    let (_, failed) = finished(balancer, place);
    until("it fails", || finished(balancer, place).1 >= failed + times).await;
}

async fn serves(balancer: &Balancer, place: usize, times: u64) {
    let served = |(completed, failed): (u64, u64)| completed - failed;
    let before = served(finished(balancer, place));
    until("it serves", || served(finished(balancer, place)) >= before + times).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_and_a_wrong_certificate_cost_no_client_a_request() {
    let Some(mut upstreams) = Upstreams::start("faults") else { return };
    let (gateway, balancer) = inside::gateway(&upstreams.document("")).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let clients = clients(gateway, &is_over);
    serves(&balancer, 1, 20).await;
    upstreams.kill(1);
    fails(&balancer, 1, 1).await;
    let good = upstreams.authority.issue(&["upstream.test"]);
    upstreams.run(1, &good);
    serves(&balancer, 1, 20).await;
    // The same name, from somebody else's authority.
    let rogue = Authority::new("faults-rogue").issue(&["upstream.test"]);
    upstreams.kill(1);
    upstreams.run(1, &rogue);
    fails(&balancer, 1, 3).await;
    serves(&balancer, 0, 50).await;
    upstreams.kill(1);
    upstreams.run(1, &good);
    serves(&balancer, 1, 20).await;
    is_over.store(true, Ordering::Relaxed);
    for client in clients {
        assert!(client.await.unwrap() > 0);
    }
    assert_eq!(balancer.stats().pool("api").unwrap().in_flight(), 0);
}

/// Until health checks hold this of an endpoint.
async fn is_held(balancer: &Balancer, place: usize, health: HealthState) {
    let now = || balancer.pool_stats("api").unwrap().endpoints()[place].health();
    until("health checks see it", || now() == health).await;
}

/// Checks know the roots that requests trust, so they see the one certificate and not the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checks_see_a_wrong_certificate_and_the_right_one_again() {
    let Some(mut upstreams) = Upstreams::start("faults-checked") else { return };
    let probe = ", probe = { http = \"/\", every = \"100ms\", timeout = \"5s\" }";
    let (gateway, balancer) = inside::gateway(&upstreams.document(probe)).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let clients = clients(gateway, &is_over);
    serves(&balancer, 1, 20).await;
    let good = upstreams.authority.issue(&["upstream.test"]);
    let rogue = Authority::new("faults-rogue-checked").issue(&["upstream.test"]);
    upstreams.kill(1);
    upstreams.run(1, &rogue);
    is_held(&balancer, 1, HealthState::Failing).await;
    serves(&balancer, 0, 20).await;
    upstreams.kill(1);
    upstreams.run(1, &good);
    is_held(&balancer, 1, HealthState::Healthy).await;
    serves(&balancer, 1, 20).await;
    is_over.store(true, Ordering::Relaxed);
    for client in clients {
        assert!(client.await.unwrap() > 0);
    }
}
