//! Faults of real upstreams under load, side by side: nginx, HAProxy and Tenantry, each with the settings that it recommends.
//!
//! ```text
//! cargo run --release --example faults
//!
//! this process            a process of its own            three processes
//! 300 requests/s  ───►  one proxy after the other  ───►  upstreams of 5 ms, the first of which
//!                         nginx, HAProxy, Tenantry        is killed, stopped, made to lie, …
//! ```
//!
//! All is well for 3 s; then the first upstream is faulty for 8 s; then 10 s more are watched. Whoever stands before the upstreams may try a
//! request three times, for 500 ms each, and those that have active checks make one per second. Clients are patient for 5 s.
//! The table says what they saw; it is left in `target/faults/table.md`, too. It ends with 1 if a client of Tenantry's saw an error.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program speaks to its terminal")]

mod cases;
mod gateway;
mod load;
mod report;
mod systems;
mod upstream;
mod upstreams;

use std::{fs, io, process::ExitCode};

use clap::{Parser, Subcommand};
use gateway_parts::process::target;
use tokio::time::sleep;

use crate::{
    cases::{AFTERWARDS, CALM, CASES, Case, FAULT},
    report::{HEAD, Row},
    systems::{SYSTEMS, System},
    upstreams::Upstreams,
};

/// Faults of real upstreams under load: nginx, HAProxy and Tenantry side by side.
#[derive(Debug, Parser)]
#[command(name = "faults")]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    /// Requests per second.
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    rate: u32,
    /// Only systems whose names contain this, in whatever case.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Only faults whose names contain this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    fault: String,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// An upstream; this program starts it.
    #[command(hide = true)]
    Upstream(upstream::Arguments),
    /// Tenantry's own process; this program starts it.
    #[command(hide = true)]
    Gateway(gateway::Arguments),
}

fn main() -> ExitCode {
    let ended = tokio::runtime::Runtime::new().and_then(|runtime| {
        let ended = runtime.block_on(run(Arguments::parse()));
        // An upstream's thread may be reading its standard input: nobody waits for it.
        runtime.shutdown_background();
        ended
    });
    match ended {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("faults: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// How many errors Tenantry's clients have seen.
async fn run(arguments: Arguments) -> io::Result<usize> {
    match arguments.part {
        Some(Part::Upstream(upstream)) => upstream.serve().await.map(|()| 0),
        Some(Part::Gateway(gateway)) => gateway.serve().await.map(|()| 0),
        None => compare(&arguments).await,
    }
}

async fn compare(arguments: &Arguments) -> io::Result<usize> {
    let folder = target().join("faults");
    fs::create_dir_all(&folder)?;
    let asked = |name: &str, text: &str| name.to_lowercase().contains(&text.to_lowercase());
    let systems: Vec<System> =
        SYSTEMS.into_iter().filter(|system| asked(system.name(), &arguments.only)).collect();
    let cases: Vec<Case> = CASES.into_iter().filter(|case| asked(case.name(), &arguments.fault)).collect();
    if systems.is_empty() || cases.is_empty() {
        return Err(io::Error::other(
            "--only and --fault leave nothing: run it without them to see the names",
        ));
    }
    let mut table = format!("{HEAD}\n");
    println!("{HEAD}");
    let mut lost = 0;
    for case in cases {
        for &system in &systems {
            if let Some(missing) = system.missing() {
                println!("LEFT OUT: {}: {missing}", system.name());
                continue;
            }
            let row = measure(case, system, arguments.rate, &folder).await?;
            println!("{row}");
            table.push_str(&format!("{row}\n"));
            if system == System::Tenantry {
                lost += row.errors();
            }
        }
    }
    fs::write(folder.join("table.md"), table)?;
    println!("\nTenantry's clients saw {lost} errors; the table is in {}", folder.join("table.md").display());
    Ok(lost)
}

/// One system in one case, from new.
async fn measure(case: Case, system: System, rate: u32, folder: &std::path::Path) -> io::Result<Row> {
    let mut upstreams = Upstreams::launch().await?;
    let proxy = system.start(upstreams.addresses(), folder)?;
    let load = tokio::spawn(load::run(proxy.address(), rate, CALM + FAULT + AFTERWARDS));
    sleep(CALM).await;
    case.happen(&mut upstreams).await?;
    let entries = load.await.map_err(io::Error::other)??;
    Ok(Row::new(case, system, &entries))
}
