//! Tenantry in a process of its own: the gateway's parts, from a configuration file as any other.

use std::{future, io, path::PathBuf, time::Duration};

use clap::Args;
use gateway_parts::{config::Document, route::Router, serve};
use tenantry::Balancer;
use tenantry_tower::health::HealthChecker;
use tokio::net::TcpListener;

/// What the child is told.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    config: PathBuf,
}

impl Arguments {
    /// Serves until killed.
    pub(crate) async fn serve(&self) -> io::Result<()> {
        let Document { balancer, settings, .. } =
            Document::read(&self.config).map_err(|error| io::Error::other(error.to_string()))?;
        let balancer = Balancer::new(balancer).map_err(io::Error::other)?;
        let _checking = HealthChecker::new(&balancer).start();
        let router = Router::new(&balancer, &settings, None);
        let listener = TcpListener::bind(settings.listen()).await?;
        serve::serve(listener, router, future::pending(), Duration::ZERO).await;
        Ok(())
    }
}
