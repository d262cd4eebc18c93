//! The noisy neighbour over real connections, side by side: nginx, HAProxy and Tenantry before the same kind of upstreams.
//!
//! ```text
//! cargo run --release --example noisy_neighbor
//!
//! this process                        a process of its own            this process
//! victim     100/s  ─┐                                              ┌─► upstream  4 workers,
//!                    ├─► one proxy after the other, newly started  ─┼─► upstream  20 ms each,
//! aggressor 6000/s  ─┘                                              └─► upstream  together 600/s
//! ```
//!
//! Tenants do not wait for answers: requests leave at the moments of a Poisson process, and a client gives up after 1 s.
//! Upstreams queue what their workers cannot do yet, and do it even when its client has gone. Each proxy is asked four
//! things, for 2 s unmeasured and 6 s measured: the victim alone; both tenants; the aggressor alone at 0.95 and at 2
//! times of what the upstreams can do. nginx and HAProxy get limits tuned to these upstreams; Tenantry gets addresses.
//!
//! A table, the same as markdown and CSV, and a plot are left in `target/noisy_neighbor/`. Rounds in which the load
//! generator itself was late are repeated, at most twice. Tenantry's process also writes its capacity, and what is in
//! flight and waiting, ten times a second: `tenantry-….csv`.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program speaks to its terminal")]

mod proxies;
mod report;
mod scenario;
mod tenantry;

use std::{fs, io, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use gateway_parts::process::{present, target};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{
    proxies::SYSTEMS,
    report::Report,
    scenario::{SCENARIOS, Stage, calibrate},
};

/// The noisy neighbour over real connections: nginx, HAProxy and Tenantry side by side.
#[derive(Debug, Parser)]
#[command(name = "noisy_neighbor")]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// How often everything is measured; figures are medians.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long each measurement takes after its warm-up.
    #[arg(long, value_name = "SECONDS", default_value_t = 6, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
    /// Only systems whose names contain this, in whatever case.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Tenantry's own process; this program starts it.
    #[command(hide = true)]
    Tenantry(tenantry::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = match &arguments.part {
        Some(Part::Tenantry(child)) => runtime().and_then(|runtime| runtime.block_on(child.serve())),
        None => compare(&arguments),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("noisy_neighbor: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn compare(arguments: &Arguments) -> io::Result<()> {
    let folder = target().join("noisy_neighbor");
    fs::create_dir_all(&folder)?;
    let stage =
        Stage { folder, outstanding: outstanding(), measured: Duration::from_secs(arguments.seconds) };
    let (systems, missing) = present(SYSTEMS, &arguments.only, |system| (system.name, system.needs()))?;
    missing.iter().for_each(|missing| println!("LEFT OUT: {missing}"));
    let capacity = calibrate()?;
    println!("upstreams: 600 requests/s by their make, {capacity:.0}/s measured");
    let mut report = Report::new(capacity);
    for round in 1..=arguments.rounds {
        for system in &systems {
            for scenario in SCENARIOS {
                let measured = stage.measure_punctually(*system, scenario)?;
                println!("{round}/{}  {measured}", arguments.rounds);
                report.add(measured);
            }
            report.save(&stage.folder)?; // what is there is there, should a later one fail
        }
    }
    println!("\n{report}");
    let folder = stage.folder.canonicalize()?;
    println!("markdown, CSV and plot: {}", folder.display());
    Ok(())
}

/// How many requests may be outstanding: each holds a connection here, and one at an upstream.
fn outstanding() -> u32 {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_err() {
        println!("the limit of open files stays as it is (ulimit -n)");
    }
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let most = u32::try_from(files.saturating_sub(500) / 2).unwrap_or(MOST_OUTSTANDING);
    if most < MOST_OUTSTANDING {
        println!("only {most} requests can be outstanding, where {MOST_OUTSTANDING} should: raise ulimit -n");
    }
    most.clamp(1, MOST_OUTSTANDING)
}

fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()
}

const MOST_OUTSTANDING: u32 = 7000;
