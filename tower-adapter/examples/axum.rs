//! Tenantry's layers around an axum application: its handlers are served in the tenants' fair turns, and each within its limits.
//!
//! `cargo run -p tenantry-tower --example axum` serves it, and asks it a few times.

#![allow(
    dead_code,
    clippy::print_stdout,
    reason = "a program speaks to its terminal; a test runs it, too, without its main"
)]

use std::{error::Error, net::SocketAddr, time::Duration};

use axum::{Extension, Router, routing::get};
use tenantry::{Balancer, CapacitySpec, Config, PoolSpec, Rate, TenantSpec};
use tenantry_tower::{
    balance::BalanceLayer,
    rejection::RejectionLayer,
    tenant::{TenantId, TenantLayer},
};
use tokio::net::TcpListener;
use tower::ServiceBuilder;

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
    // One endpoint, this process: what is picked does not matter, seats and limits do.
    let here = PoolSpec::new(["here"]).with_capacity(CapacitySpec::fixed(64));
    let acme = TenantSpec::new().with_rate(Rate::requests(2, Duration::from_secs(60)));
    let balancer = Balancer::new(Config::new().with_pool("app", here).with_tenant("acme", acme))?;
    let hello = async |Extension(tenant): Extension<TenantId>| format!("hello {tenant}");
    let layers = ServiceBuilder::new()
        .layer(TenantLayer::header("x-tenant"))
        .layer(RejectionLayer::new())
        .layer(BalanceLayer::new(balancer));
    let app = Router::new().route("/", get(hello)).layer(layers);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, app).await });
    Ok(address)
}

#[path = "support/client.rs"]
pub(crate) mod client;
