//! One tenant floods the gateway through 64 real connections; another asks ten times a second.

use std::time::Duration;

use gateway_parts::{
    config::Settings,
    load::{self, Log},
    route::Router,
    serve, upstream,
};
use tenantry::{Balancer, Config, PoolSpec, TenantSpec};
use tokio::{net::TcpListener, sync::oneshot};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_leaves_every_request_of_a_quiet_tenant_served() {
    let mut endpoints = Vec::new();
    for _ in 0..3 {
        endpoints.push(format!("http://{}", upstream::start().await.unwrap()));
    }
    let config = Config::new().with_pool("demo", PoolSpec::new(endpoints));
    let config = config.with_tenant("quiet", TenantSpec::new()).with_tenant("flood", TenantSpec::new());
    let balancer = Balancer::new(config).unwrap();
    let router = Router::new(&balancer, &Settings::for_only_pool("demo"), None);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { stopped.await.unwrap_or(()) };
    let server = tokio::spawn(serve::serve(listener, router, stopped, Duration::from_secs(30)));

    let (quiet, flooded) = (Log::default(), Log::default());
    let flood = load::flood(gateway, "flood", 64, &flooded);
    // The one clock here is the load's own: ten requests a second, for three seconds.
    let three_seconds = tokio::time::sleep(Duration::from_secs(3));
    load::steadily(gateway, "quiet", Duration::from_millis(100), quiet.clone(), three_seconds).await;

    let (quiet, flooded) = (quiet.take(), flooded.take());
    drop(flood);
    assert_eq!(quiet.failed, 0);
    assert!(quiet.latencies.len() >= 30, "{} requests of the quiet tenant", quiet.latencies.len());
    assert!(
        flooded.latencies.len() > quiet.latencies.len(),
        "the flood was none: {}",
        flooded.latencies.len()
    );

    stop.send(()).unwrap();
    assert!(server.await.unwrap(), "the gateway drains");
    assert_eq!(balancer.stats().pool("demo").unwrap().in_flight(), 0);
}
