//! Tenantry's layers around a tonic service: a refusal is a gRPC status.
//!
//! `cargo run -p tenantry-tower --features health-grpc --example tonic` serves it, and asks it a few times.

#![allow(
    dead_code,
    clippy::print_stdout,
    reason = "a program speaks to its terminal; a test runs it, too, without its main"
)]

use std::{error::Error, net::SocketAddr, time::Duration};

use hyper::server::conn::http2;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
    service::TowerToHyperService,
};
use tenantry::{Balancer, CapacitySpec, Config, PoolSpec, Rate, TenantSpec};
use tenantry_tower::{balance::BalanceLayer, rejection::RejectionLayer, tenant::TenantLayer};
use tokio::net::TcpListener;
use tonic::{Request, Status, body::Body};
use tonic_health::{
    pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient},
    server::health_reporter,
};
use tower::ServiceBuilder;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = serve().await?;
    for _ in 0..3 {
        println!("{:?}", ask(address, "acme").await);
    }
    Ok(())
}

/// Serves on a free port.
pub(crate) async fn serve() -> Result<SocketAddr, Box<dyn Error>> {
    let here = PoolSpec::new(["here"]).with_capacity(CapacitySpec::fixed(64));
    let acme = TenantSpec::new().with_rate(Rate::requests(2, Duration::from_secs(60)));
    let balancer = Balancer::new(Config::new().with_pool("app", here).with_tenant("acme", acme))?;
    let (_reporter, health) = health_reporter();
    let service = ServiceBuilder::new()
        .layer(TenantLayer::header("x-tenant"))
        .layer(RejectionLayer::new())
        .layer(BalanceLayer::new(balancer))
        .service(health);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            let builder = http2::Builder::new(TokioExecutor::new());
            tokio::spawn(builder.serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(address)
}

/// What a client of tonic's is told.
pub(crate) async fn ask(address: SocketAddr, tenant: &'static str) -> Result<ServingStatus, Status> {
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<Body>();
    let origin = format!("http://{address}").parse().map_err(|_| Status::internal("an address is a URI"))?;
    let mut client = HealthClient::with_origin(client, origin);
    let mut request = Request::new(HealthCheckRequest::default());
    request.metadata_mut().insert("x-tenant", tonic::metadata::MetadataValue::from_static(tenant));
    Ok(client.check(request).await?.into_inner().status())
}
