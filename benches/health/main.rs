//! How soon is a bad endpoint left out, how often a good one, and what does it cost? Tenantry's real code beside the rules of Envoy and gRPC, under the same requests.
//! Exits with 1 where what the documentation claims does not hold.
#![expect(clippy::print_stdout, reason = "a program tells what it finds")]

mod cases;
mod choosing;
mod engine;
mod faults;
mod ours;
mod peers;
#[path = "../simulator/rng.rs"]
#[cfg_attr(not(test), expect(dead_code, reason = "the simulator draws more than this"))]
mod rng;
mod silence;
mod table;
mod watch;

use std::{process::ExitCode, sync::Mutex, thread, time::Instant};

use clap::{Parser, Subcommand};

use cases::{CASES, Case, Course};
use choosing::{Picking, System};
use engine::{Engine, Showing};
use table::Row;

/// Simulates faults under each set of rules, and prints what they cost.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many seeds each case runs with.
    #[arg(long, default_value_t = 3)]
    seeds: u64,
    /// Only the cases whose names contain this.
    #[arg(long, default_value = "")]
    case: String,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Random schedules of faults instead, under which invariants must hold.
    Faults {
        /// How many seeds.
        #[arg(long, default_value_t = 1_000)]
        seeds: u64,
        /// Only this one, step by step.
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Hosts that fall silent: health checks beside Akka's phi accrual failure detector.
    Silence {
        /// How many seeds.
        #[arg(long, default_value_t = 20)]
        seeds: u32,
    },
}

fn main() -> ExitCode {
    let Arguments { seeds, case, command } = Arguments::parse();
    match command {
        Some(Command::Faults { seeds, seed }) => {
            let result = seed.map_or_else(|| faults::run(0..seeds), faults::replay);
            let (Ok(told) | Err(told)) = &result;
            println!("{told}");
            return if result.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        Some(Command::Silence { seeds }) => {
            let (table, holds) = silence::report(seeds);
            let verdict = if holds { "holds" } else { "FAILED" };
            println!(
                "{table}{verdict}: a long silence is found sooner, and nobody is left out who answers within the timeout"
            );
            return if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        None => {}
    }
    let began = Instant::now();
    let cases: Vec<_> = CASES.into_iter().filter(|one| one.name.contains(&case)).collect();
    let mut worse = vec![];
    for (title, picking) in table::SETTINGS {
        println!("\n# {title}");
        worse.push(
            cases
                .iter()
                .map(|case| table::print(case, &run(case, picking, seeds.max(1))))
                .collect::<Vec<_>>(),
        );
    }
    println!("\n{seeds} seeds each; {:.0} s", began.elapsed().as_secs_f64());
    let any: usize = worse.iter().flatten().map(|worse| worse.any).sum();
    let claimed: usize = worse.last().into_iter().flatten().map(|worse| worse.claimed).sum();
    println!("{any} figures in {} tables are worse than the best peer's", worse.iter().flatten().count());
    let verdict = if claimed == 0 { "holds" } else { "FAILED" };
    println!(
        "{verdict}: as it comes, nobody finds bad endpoints sooner, loses fewer requests or serves fewer late, in any case"
    );
    if claimed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All systems under all seeds, two runs at a time.
fn run(case: &Case, picking: Picking, seeds: u64) -> Vec<Row> {
    let showings = Mutex::new(vec![]);
    let todo =
        Mutex::new((0..seeds).flat_map(|seed| System::ALL.map(|system| (system, seed))).collect::<Vec<_>>());
    let work = || {
        while let Some((system, seed)) = todo.lock().expect("no run panics").pop() {
            let showing = run_one(case, system, picking, seed);
            showings.lock().expect("no run panics").push((system, showing));
        }
    };
    thread::scope(|scope| (0..2).for_each(|_| drop(scope.spawn(work))));
    let showings = showings.into_inner().expect("no run panics");
    let of = |system| showings.iter().filter(move |(one, _)| *one == system).map(|(_, showing)| *showing);
    System::ALL.map(|system| Row::mean(system, of(system))).into()
}

fn run_one(case: &Case, system: System, picking: Picking, seed: u64) -> Showing {
    let begins_with = case.endpoints - usize::from(case.joins());
    Engine::new(Course::new(*case, seed), system.build(picking, begins_with, seed), seed).run()
}
