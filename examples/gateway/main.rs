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
use gateway_parts::{config::Document, demo, meter::Meter, route::Router, serve};
use tenantry::Balancer;
use tokio::net::TcpListener;

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
    let router = Router::new(&balancer, &settings, &Meter::default());
    let listener = TcpListener::bind(settings.listen()).await;
    let listener = listener.map_err(|error| format!("cannot listen on {}: {error}", settings.listen()))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let stop = serve::signal().map_err(|error| format!("cannot listen for signals: {error}"))?;
    println!("listening on http://{address}");
    let drained = serve::serve(listener, router, stop, settings.drain()).await;
    println!(
        "{}",
        if drained { "drained" } else { "the drain time is over: what was still in flight is cut off" }
    );
    Ok(drained)
}
