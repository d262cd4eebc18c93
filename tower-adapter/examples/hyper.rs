//! Tenantry's layers around a service of one's own, served by plain hyper.
//!
//! `cargo run -p tenantry-tower --example hyper` serves it, and asks it a few times.

#![allow(
    dead_code,
    clippy::print_stdout,
    reason = "a program speaks to its terminal; a test runs it, too, without its main"
)]

use std::{convert::Infallible, error::Error, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use tenantry::{Balancer, CapacitySpec, Config, PoolSpec, Rate, TenantSpec};
use tenantry_tower::{
    balance::BalanceLayer,
    rejection::RejectionLayer,
    tenant::{TenantId, TenantLayer},
};
use tokio::net::TcpListener;
use tower::{ServiceBuilder, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = serve().await?;
    for _ in 0..3 {
        let answer = client::get(address, "acme").await?;
        println!("{}", answer.lines().next().unwrap_or_default());
    }
    Ok(())
}

/// Serves on a free port.
pub(crate) async fn serve() -> Result<SocketAddr, Box<dyn Error>> {
    let here = PoolSpec::new(["here"]).with_capacity(CapacitySpec::fixed(64));
    let acme = TenantSpec::new().with_rate(Rate::requests(2, Duration::from_secs(60)));
    let balancer = Balancer::new(Config::new().with_pool("app", here).with_tenant("acme", acme))?;
    let service = ServiceBuilder::new()
        .layer(TenantLayer::header("x-tenant"))
        .layer(RejectionLayer::new())
        .layer(BalanceLayer::new(balancer))
        .service(service_fn(hello));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    Ok(address)
}

async fn hello(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let tenant = request.extensions().get::<TenantId>().map(TenantId::as_str).unwrap_or_default();
    Ok(Response::new(Full::from(format!("hello {tenant}"))))
}

#[path = "support/client.rs"]
pub(crate) mod client;
