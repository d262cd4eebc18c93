//! A multi-tenant reverse proxy in one binary.
//!
//! Without arguments: a demo with upstreams and load of its own. With `--config FILE`: a gateway.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program speaks to its terminal")]

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use gateway_parts::{admin, config::Document, demo, listener::Listener, reload::Reloader, serve};
use tenantry::Balancer;
use tenantry_tower::{health::HealthChecker, probe::Prober};
use tokio::{net::TcpListener, sync::oneshot};

/// A multi-tenant reverse proxy: every tenant gets its fair share.
#[derive(Debug, Parser)]
#[command(name = "gateway")]
struct Arguments {
    /// Serve this configuration (TOML, YAML or JSON, by its extension). Without it: a demo.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// End the demo after so many seconds, with a verdict. Without it the demo runs until Ctrl-C.
    #[arg(long, value_name = "N", conflicts_with = "config", value_parser = clap::value_parser!(u64).range(4..))]
    seconds: Option<u64>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = match &arguments.config {
        Some(path) => gateway(path).await,
        None => demo::run(arguments.seconds.map(Duration::from_secs), &mut io::stdout())
            .await
            .map_err(|e| e.to_string()),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("gateway: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Serves until a signal, then drains. Whether all that was in flight could finish.
async fn gateway(path: &Path) -> Result<bool, String> {
    let in_file = |problem: &dyn std::fmt::Display| format!("{}: {problem}", path.display());
    let Document { balancer, settings, .. } = Document::read(path).map_err(|error| in_file(&error))?;
    let balancer = Balancer::new(balancer).map_err(|error| in_file(&error))?;
    let admin = admin::start(&balancer, &settings).await.map_err(|error| in_file(&error))?;
    let reloader = Reloader::start(path, &balancer, &settings, &admin, tell);
    let live = reloader.live();
    tokio::spawn(Prober::new(&balancer).run());
    let _checking = HealthChecker::new(&balancer).start();
    let listener = TcpListener::bind(settings.listen()).await;
    let listener = listener.map_err(|error| {
        in_file(&format!(
            "gateway.listen: cannot listen on {}: {error}; name another port",
            settings.listen()
        ))
    })?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let mut signals = serve::Signals::new().map_err(|error| format!("cannot listen for signals: {error}"))?;
    let scheme = if settings.secure().is_some() { "https" } else { "http" };
    println!("listening on {scheme}://{address}");
    if let Some(address) = admin.address() {
        println!("admin on http://{address}/");
    }
    let (stop, stopped) = oneshot::channel::<()>();
    let stopped = async { stopped.await.unwrap_or(()) };
    tokio::spawn(reloader.follow(DOCUMENT_EVERY, tell));
    let mut serving = tokio::spawn(Listener::new(listener, live).serve(stopped, settings.drain()));
    signals.next().await;
    admin.drain();
    println!("draining for at most {:?}; once more to end now", settings.drain());
    drop(stop); // as good as a word
    let drained = tokio::select! {
        drained = &mut serving => drained.map_err(|error| error.to_string())?,
        () = signals.next() => false,
    };
    admin.stop().await;
    println!("{}", if drained { "drained" } else { "what was still in flight is cut off" });
    Ok(drained)
}

fn tell(news: &str) {
    eprintln!("{news}");
}

/// How often the document is looked at.
const DOCUMENT_EVERY: Duration = Duration::from_millis(500);
