//! Upgrades through the layers behind a plain hyper server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking; so may what it is made of")]

use std::{net::SocketAddr, time::Duration};

use http::Request;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tenantry::{Balancer, CapacitySpec, Config, PoolSpec, TenantSpec};
use tenantry_tower::{
    balance::{BalanceLayer, PickedEndpoint},
    proxy::{Hangup, ReverseProxy},
    rejection::RejectionLayer,
    tenant::TenantLayer,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, split},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::{sleep, timeout},
};
use tower::{ServiceBuilder, ServiceExt};

/// Grants each wish for `echo`, and sends back what then comes.
async fn endpoint() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                assert!(head(&mut stream).await.contains("upgrade: echo\r\n"));
                stream.write_all(SWITCH.as_bytes()).await.unwrap();
                let (mut reader, mut writer) = split(stream);
                copy(&mut reader, &mut writer).await.ok() // the other side may break off
            });
        }
    });
    address
}

const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";

async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// A server of one seat.
async fn front(proxy: ReverseProxy<Incoming>) -> (SocketAddr, Balancer) {
    let pool = PoolSpec::new([endpoint().await]).with_capacity(CapacitySpec::fixed(1));
    let config = Config::new().with_pool("app", pool).with_tenant("acme", TenantSpec::new());
    let balancer = Balancer::new(config).unwrap();
    let service = ServiceBuilder::new()
        .layer(TenantLayer::header("x-tenant"))
        .layer(RejectionLayer::new())
        .layer(BalanceLayer::new(balancer.clone()))
        .service(proxy);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection.with_upgrades());
        }
    });
    (address, balancer)
}

async fn tunnel(front: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(front).await.unwrap();
    let wish = "GET / HTTP/1.1\r\nhost: h\r\nx-tenant: acme\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    // Also what is sent before the answer belongs to the tunnel.
    stream.write_all(format!("{wish}early ").as_bytes()).await.unwrap();
    assert_eq!(head(&mut stream).await.lines().next(), Some("HTTP/1.1 101 Switching Protocols"));
    stream
}

async fn settles(balancer: &Balancer) {
    let freed = timeout(Duration::from_secs(30), async {
        while balancer.stats().pool("app").unwrap().in_flight() > 0 {
            sleep(Duration::from_millis(5)).await;
        }
    });
    freed.await.unwrap();
}

#[tokio::test]
async fn a_tunnel_holds_the_lease_and_counts_as_one_success() {
    let (front, balancer) = front(ReverseProxy::new()).await;
    for count in 1..=3 {
        let mut stream = tunnel(front).await;
        stream.write_all(b"and late").await.unwrap();
        let mut echo = [0; 14];
        stream.read_exact(&mut echo).await.unwrap();
        assert_eq!(&echo, b"early and late");
        assert_eq!(balancer.stats().pool("app").unwrap().in_flight(), 1);
        stream.shutdown().await.unwrap();
        assert_eq!(stream.read(&mut echo).await.unwrap(), 0);
        settles(&balancer).await;
        let stats = balancer.stats();
        let endpoint = &stats.pool("app").unwrap().endpoints()[0];
        assert_eq!((endpoint.completed(), endpoint.failed()), (count, 0));
        assert!(endpoint.latency().is_some(), "only successes teach it");
    }
}

#[tokio::test]
async fn an_idle_tunnel_ends_where_there_is_a_limit() {
    let (front, balancer) = front(ReverseProxy::new().with_tunnel_idle_timeout(Duration::from_secs(1))).await;
    let mut stream = tunnel(front).await;
    let mut all = Vec::new();
    stream.read_to_end(&mut all).await.ok(); // an end or a reset
    assert_eq!(all, b"early ");
    settles(&balancer).await;
}

#[tokio::test]
async fn a_tunnel_can_be_told_to_end_before_its_client_knows_of_it() {
    let picked = PickedEndpoint::new(&endpoint().await);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let front = listener.local_addr().unwrap();
    let (tell, mut told) = mpsc::unbounded_channel();
    let service = service_fn(move |mut request: Request<Incoming>| {
        let (picked, tell, hangup) = (picked.clone(), tell.clone(), Hangup::new());
        request.extensions_mut().insert(picked);
        request.extensions_mut().insert(hangup.clone());
        async move {
            let response = ReverseProxy::new().oneshot(request).await;
            tell.send(hangup.tell()).unwrap();
            response
        }
    });
    let serving = async {
        let (stream, _) = listener.accept().await.unwrap();
        http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await
    };
    let client = async {
        let mut stream = tunnel(front).await;
        stream.read_to_end(&mut Vec::new()).await.ok(); // an end or a reset
    };
    let (_, ()) = timeout(Duration::from_secs(30), async { tokio::join!(serving, client) }).await.unwrap();
    assert!(told.recv().await.unwrap());
}
