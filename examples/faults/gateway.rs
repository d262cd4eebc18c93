//! Tenantry in a process of its own: the gateway's parts, from a configuration file as any other.

use std::{future, io, path::PathBuf, time::Duration};

use clap::Args;
use gateway_parts::{admin::Served, config::Document, listener::Listener, reload::Reloader};
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
        let document = Document::read(&self.config).map_err(|error| io::Error::other(error.to_string()))?;
        let balancer = Balancer::new(document.balancer.clone()).map_err(io::Error::other)?;
        let listen = document.settings.listen();
        let reloader = Reloader::start(&self.config, document, &balancer, &Served::default(), |news| {
            eprintln!("{news}");
        });
        let (live, spoken_to) = (reloader.live(), reloader.live());
        let _checking =
            HealthChecker::new(&balancer).with_pool_tls(move |pool| spoken_to.checks(pool)).start();
        let listener = TcpListener::bind(listen).await?;
        Listener::new(listener, live).serve(future::pending(), Duration::ZERO).await;
        Ok(())
    }
}
