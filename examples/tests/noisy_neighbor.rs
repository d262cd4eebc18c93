//! A small noisy neighbour through Tenantry's defaults: tenants that no configuration names, over real connections.

use std::time::Duration;

use gateway_parts::{
    config::Settings,
    open_loop::{Plan, Stream},
    route::Router,
    serve, upstream,
};
use tenantry::{Balancer, Config, PoolSpec, TenantSpec, UnknownTenants};
use tokio::{net::TcpListener, sync::oneshot};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_defaults_only_a_victim_loses_nothing_and_the_aggressor_gets_the_rest() {
    let mut endpoints = Vec::new();
    for _ in 0..3 {
        endpoints.push(format!("http://{}", upstream::start().await.unwrap()));
    }
    let config = Config::new()
        .with_pool("api", PoolSpec::new(endpoints))
        .with_template("any", TenantSpec::new())
        .with_unknown_tenants(UnknownTenants::template("any", 100));
    let balancer = Balancer::new(config).unwrap();
    let router = Router::new(&balancer, &Settings::for_only_pool("api"), None);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut plan = Plan::new(listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { stopped.await.unwrap_or(()) };
    let server = tokio::spawn(serve::serve(listener, router, stopped, Duration::from_secs(30)));

    // More than twice of what the upstreams can do. Patience is long: what is asked here is who is served, not when.
    (plan.warm, plan.measured, plan.patience) =
        (Duration::ZERO, Duration::from_secs(3), Duration::from_secs(60));
    let streams = [Stream::new("victim", 50.0, 1), Stream::new("aggressor", 1500.0, 2)];
    let tallies = plan.run(&streams).await;
    let [victim, aggressor] = tallies.as_slice() else { unreachable!("a tally for each stream") };

    assert!(victim.due() > 0);
    assert_eq!(victim.served.len(), victim.due(), "every request of the victim is served");
    assert!(aggressor.served.len() > victim.served.len(), "{} for the aggressor", aggressor.served.len());
    assert!(aggressor.refused > 0, "it asked for more than there is");
    assert_eq!(aggressor.served.len() + aggressor.refused, aggressor.due(), "all of it was answered");

    stop.send(()).unwrap();
    assert!(server.await.unwrap(), "the gateway drains");
    let stats = balancer.stats();
    let pool = stats.pool("api").unwrap();
    assert_eq!((pool.in_flight(), pool.waiting()), (0, 0));
    for (tenant, tally) in [("victim", victim), ("aggressor", aggressor)] {
        let stats = stats.tenant(tenant).unwrap();
        let answered = (stats.in_flight(), stats.completed(), stats.rejected());
        assert_eq!(answered, (0, tally.served.len(), tally.refused), "{tenant}");
    }
}
