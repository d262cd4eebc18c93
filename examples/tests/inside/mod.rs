//! The gateway in the test's own process, as its document says.

use std::{future, net::SocketAddr, time::Duration};

use gateway_parts::{
    config::Document,
    listener::{Listener, Live},
    route::Router,
};
use tenantry::{Balancer, Format};
use tenantry_tower::health::HealthChecker;
use tokio::net::TcpListener;

/// Serves until the test ends.
pub(crate) async fn gateway(document: &str) -> (SocketAddr, Balancer) {
    let Document { balancer, settings, .. } = Document::from_text(document, Format::Toml).unwrap();
    let balancer = Balancer::new(balancer).unwrap();
    let router = Router::new(&balancer, &settings, None);
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    if let Some(secure) = settings.secure().cloned() {
        tokio::spawn(secure.watch(Duration::from_millis(10), |_| ()));
    }
    let live = Live::new(&settings, router);
    let (listener, spoken_to) = (Listener::new(socket, live.clone()), live);
    let checker = HealthChecker::new(&balancer).with_pool_tls(move |pool| spoken_to.checks(pool));
    tokio::spawn(async move {
        let _checking = checker.start();
        listener.serve(future::pending(), Duration::ZERO).await
    });
    (address, balancer)
}
