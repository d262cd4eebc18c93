//! Tenantry in a process of its own: the gateway's parts, with nothing configured but where the upstreams are.

use std::{
    future, io,
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::Args;
use gateway_parts::{config::Settings, route::Router, serve};
use tenantry::{Balancer, Config, PoolSpec, TenantSpec, UnknownTenants};
use tokio::{net::TcpListener, time::interval};

/// What the child is told.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[arg(long)]
    listen: SocketAddr,
    #[arg(long)]
    stats: PathBuf,
    upstreams: Vec<SocketAddr>,
}

impl Arguments {
    /// Serves until killed.
    pub(crate) async fn serve(&self) -> io::Result<()> {
        let endpoints = self.upstreams.iter().map(|address| format!("http://{address}"));
        let config = Config::new()
            .with_pool("api", PoolSpec::new(endpoints))
            .with_template("any", TenantSpec::new())
            .with_unknown_tenants(UnknownTenants::template("any", 100_000));
        let balancer = Balancer::new(config).map_err(io::Error::other)?;
        let router = Router::new(&balancer, &Settings::for_only_pool("api"), None);
        let listener = TcpListener::bind(self.listen).await?;
        let serving = serve::serve(listener, router, future::pending(), Duration::ZERO);
        tokio::select! {
            _ = serving => Ok(()),
            failed = watch(&balancer, &self.stats) => failed,
        }
    }
}

/// Writes how it goes, ten times a second: the capacity found, what is in flight and where, what waits.
async fn watch(balancer: &Balancer, path: &Path) -> io::Result<()> {
    let mut file = std::fs::File::create(path)?;
    writeln!(file, "seconds,capacity,in_flight,waiting,endpoint_1,endpoint_2,endpoint_3")?;
    let (begin, mut ticks) = (Instant::now(), interval(Duration::from_millis(100)));
    loop {
        ticks.tick().await;
        let stats = balancer.stats();
        for pool in stats.pools() {
            let seconds = begin.elapsed().as_secs_f64();
            write!(file, "{seconds:.2},{},{},{}", pool.capacity(), pool.in_flight(), pool.waiting())?;
            for endpoint in pool.endpoints() {
                write!(file, ",{}", endpoint.in_flight())?;
            }
            writeln!(file)?;
        }
    }
}
