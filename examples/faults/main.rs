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
//! In three cases the upstreams differ. *TLS*: all are spoken to by TLS and verified; the first is started again with a certificate that another authority has issued for the same name. *DNS*: they
//! are three addresses of one name, by a name server of this program, with a TTL of 1 s; the first is started at a fourth address, the name follows, and who was at the old one is killed at
//! once. nginx looks a name up again that is in a variable (that of an upstream only since 1.27.3, in its free edition), which costs it kept connections, `least_conn` and its memory of failures:
//! it goes round in turn and meets a dead address again in every request. *nginx*: three nginx processes before one more process of this program.
//!
//! All is well for 3 s, and for each case another fraction of a second longer, because checks that come each second find some moments sooner than others; then the first upstream
//! is faulty for 8 s; then 10 s more are watched. Whoever stands before the upstreams may try a request three times, for 500 ms each, and those that have active checks make one per second, and one per 250 ms while the
//! last one contradicts what is held of an upstream. Clients are patient for 5 s. (`--lasting` and `--patience` say otherwise.)
//! The table says what they saw; it is left in `target/faults/table.md`, too. It ends with 1 if a client of Tenantry's saw an error.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program speaks to its terminal")]

mod authority;
mod cases;
mod gateway;
mod load;
mod name_server;
mod report;
mod systems;
mod terms;
mod upstream;
mod upstreams;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use gateway_parts::process::target;
use tokio::time::sleep;

use crate::{
    cases::{CASES, Case},
    report::{HEAD, Row},
    systems::{SYSTEMS, System},
    terms::Terms,
    upstreams::Upstreams,
};

/// Faults of real upstreams under load: nginx, HAProxy and Tenantry side by side.
#[derive(Debug, Parser)]
#[command(name = "faults")]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
    #[command(flatten)]
    terms: Terms,
    /// Only systems whose names contain this, in whatever case.
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Only faults whose names contain this.
    #[arg(long, value_name = "TEXT", default_value = "")]
    fault: String,
    /// Where the table goes, and what the processes need. Default: `target/faults`.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
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
    let folder = arguments.folder.clone().unwrap_or_else(|| target().join("faults"));
    fs::create_dir_all(&folder)?;
    let folder = folder.canonicalize()?;
    let asked = |name: &str, text: &str| name.to_lowercase().contains(&text.to_lowercase());
    let systems: Vec<System> =
        SYSTEMS.into_iter().filter(|system| asked(system.name(), &arguments.only)).collect();
    let cases: Vec<(Case, u32)> =
        CASES.into_iter().zip(0..).filter(|(case, _)| asked(case.name(), &arguments.fault)).collect();
    if systems.is_empty() || cases.is_empty() {
        return Err(io::Error::other(
            "--only and --fault leave nothing: run it without them to see the names",
        ));
    }
    let mut table = format!("{HEAD}\n");
    println!("{HEAD}");
    let mut lost = 0;
    for (case, number) in cases {
        if let Some(missing) = case.missing() {
            println!("LEFT OUT: {}: {missing}", case.name());
            continue;
        }
        for &system in &systems {
            if let Some(missing) = system.missing() {
                println!("LEFT OUT: {}: {missing}", system.name());
                continue;
            }
            let row = measure(case, system, arguments.terms.of_case(number), &folder).await?;
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
async fn measure(case: Case, system: System, terms: Terms, folder: &Path) -> io::Result<Row> {
    let mut upstreams = Upstreams::launch(case.kind(), folder).await?;
    let proxy = system.start(&upstreams.reached(), terms, folder)?;
    load::until_all_serve(proxy.address()).await?;
    let load = tokio::spawn(load::run(proxy.address(), terms));
    sleep(terms.calm()).await;
    case.happen(&mut upstreams, terms.fault()).await?;
    let entries = load.await.map_err(io::Error::other)??;
    Ok(Row::new(case, system, terms, &entries))
}
