//! A discrete-event simulator that drives the real Tenantry: arrivals, servers, networks and faults in virtual time, the balancer
//! as users have it. The README of `benches/` says how to write a scenario, and what is written where.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program tells what it finds")]

mod arrivals;
mod checks;
mod client;
mod distribution;
mod document;
mod edition;
mod engine;
mod events;
mod expect;
mod metrics;
mod plan;
mod plots;
mod population;
mod reading;
mod record;
mod report;
mod results;
mod rng;
mod run;
mod scenario;
mod server;
mod serving;
mod span;
mod summary;
mod tree;
mod waiting;

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use clap::Parser;

use document::Document;
use summary::Summary;

/// Runs scenarios in virtual time against the real Tenantry, checks its invariants at every step and the scenarios' expectations
/// at the end. Exits with 1 when any does not hold, with 2 when a scenario file is wrong.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many seeds each variant runs with.
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// How many run at the same time.
    #[arg(long, short, default_value_t = 2)]
    jobs: usize,
    /// A scenario file, or the name of one of benches/scenarios; may be given several times. Default: all of those.
    #[arg(long)]
    scenario: Vec<PathBuf>,
    /// Only these variants (and the scenario as it stands); then expectations are not judged.
    #[arg(long)]
    variant: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let documents: Result<Vec<_>, String> =
        files(&arguments.scenario).iter().map(|path| read(path)).collect();
    let documents = match documents {
        Ok(documents) => documents,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    let mut summaries = vec![];
    for mut document in documents {
        document.keep_variants(&arguments.variant);
        match simulate(&document, &arguments) {
            Ok(summary) => summaries.push(summary),
            Err(error) => return unwritten(&error),
        }
    }
    println!("\n{}", summary::closing_table(&summaries));
    match summary::save(&summaries, arguments.seeds) {
        Ok(path) => println!("   {}; report: {}", summary::peak_memory().unwrap_or_default(), path.display()),
        Err(error) => return unwritten(&error),
    }
    let broken: Vec<_> = summaries.iter().filter(|summary| !summary.holds()).map(Summary::name).collect();
    if broken.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("\nFAILED: {}", broken.join(", "));
    ExitCode::FAILURE
}

fn unwritten(error: &io::Error) -> ExitCode {
    eprintln!("the report cannot be written: {error}");
    ExitCode::FAILURE
}

/// Runs one scenario, prints and writes what it showed.
fn simulate(document: &Document, arguments: &Arguments) -> io::Result<Summary> {
    let began = Instant::now();
    println!("\n── {}: {}", document.name, document.plans[0].1.scenario.title);
    let outcomes = run::run(document, arguments.seeds.max(1), arguments.jobs, |done, all| {
        eprint!("\r   … {done} of {all} runs");
        if done == all {
            eprint!("\r                        \r");
        }
    });
    let verdicts: Vec<_> = document.expect.iter().map(|expect| (expect, expect.judge(&outcomes))).collect();
    report::tell(document, &outcomes, &verdicts);
    let plots = report::save(document, &outcomes, &verdicts)?;
    let seconds = began.elapsed().as_secs_f64();
    println!("   {seconds:.1} s; report: {}/{}/report.md", report::folder().display(), document.name);
    Ok(Summary::new(document, &outcomes, &verdicts).with(seconds, plots))
}

fn read(path: &Path) -> Result<Document, String> {
    Document::read(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The files that are meant.
fn files(named: &[PathBuf]) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    if !named.is_empty() {
        let by_name = |path: &PathBuf| folder.join(path).with_extension("toml");
        let file = |path: &PathBuf| if path.exists() { path.clone() } else { by_name(path) };
        return named.iter().map(file).collect();
    }
    let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    files
}
