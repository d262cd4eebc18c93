//! What a request costs the proxy itself: nginx, HAProxy, a plain hyper proxy and Tenantry's gateway, side by side.
//!
//! ```text
//! cargo build --release --examples && cargo run --release --example throughput
//!
//! first core                       second core                          first core
//! wrk, 64 connections,  ──────►  one proxy after the other,  ──────►  three upstreams that answer
//! ten tenants in turn            each on one core                     200 and 100 bytes at once
//! ```
//!
//! Every system has a core of its own and is asked in turn, round after round. The figure that counts is the processor time, user and system, that the proxy's process takes
//! for one request: it hardly minds what else the machine does. Requests per second are what `wrk` has seen. The gateway runs as its users run it, from a document, with everything on: tenants
//! with limits, the fair queue, power of two choices, health by real requests, metrics. nginx and HAProxy stand there twice: plain, and with limits per tenant.
//!
//! A table and the same as CSV are left in `target/throughput/`. `throughput instructions` counts what a request takes each of them in user space, by callgrind.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program speaks to its terminal")]

mod hyper_proxy;
mod instructions;
mod report;
mod systems;
mod train;
mod upstreams;
mod wrk;

use std::{fs, io, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use gateway_parts::process::{present, target};

use crate::{
    report::{Measured, Report},
    systems::{Start, built},
    upstreams::Upstreams,
    wrk::Load,
};

/// What a request costs: nginx, HAProxy, a plain hyper proxy and Tenantry side by side.
#[derive(Debug, Parser)]
#[command(name = "throughput")]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// How often every system is measured; figures are medians.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// How long each measurement takes, after a second of warming up.
    #[arg(long, value_name = "SECONDS", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Only systems whose names contain this, in whatever case.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Counts instructions instead, by valgrind's callgrind: a minute.
    Instructions(instructions::Arguments),
    /// Shows a gateway that takes notes what it is for, so that the compiler can learn from them: see `make pgo`.
    Train(train::Arguments),
    /// The upstreams' own process; this program starts it.
    #[command(hide = true)]
    Upstreams(upstreams::Arguments),
    /// The plain hyper proxy's own process; this program starts it.
    #[command(hide = true)]
    Hyper(hyper_proxy::Arguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime.and_then(|runtime| match &arguments.part {
        Some(Part::Upstreams(child)) => runtime.block_on(child.serve()),
        Some(Part::Hyper(child)) => runtime.block_on(child.serve()),
        Some(Part::Instructions(arguments)) => arguments.count(&target().join("throughput")),
        Some(Part::Train(arguments)) => arguments.train(&target().join("throughput")),
        None => compare(&arguments),
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("throughput: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn compare(arguments: &Arguments) -> io::Result<()> {
    let folder = target().join("throughput");
    fs::create_dir_all(&folder)?;
    let load = Load::new(&folder)?;
    let upstreams = Upstreams::start(&folder)?;
    let (systems, missing) = present(built(), &arguments.only, |system| (system.name(), system.needs()))?;
    missing.iter().for_each(|missing| println!("LEFT OUT: {missing}"));
    let mut report = Report::default();
    for round in 1..=arguments.rounds {
        for &system in &systems {
            let start = Start { under: &[], upstreams: upstreams.addresses(), folder: &folder };
            let proxy = system.start(&start)?;
            load.run(proxy.address(), Duration::from_secs(1))?;
            let before = proxy.cpu();
            let served = load.run(proxy.address(), Duration::from_secs(arguments.seconds))?;
            let measured = Measured::new(served, proxy.cpu().saturating_sub(before), proxy.resident());
            println!("{round}/{}  {:<32} {measured}", arguments.rounds, system.name());
            report.add(system, measured);
        }
    }
    let table = report.table();
    println!("\n{table}");
    fs::write(folder.join("table.md"), table)?;
    fs::write(folder.join("rounds.csv"), report.csv())?;
    println!("the same, and CSV: {}", folder.canonicalize()?.display());
    Ok(())
}

/// Where the load and the upstreams are.
const LOAD_CORE: usize = 0;
/// Where the proxy is that is measured.
const PROXY_CORE: usize = 1;
