//! When does Prequal help? The paper's testbed in virtual time, with the real strategies: every client has a balancer of its own.
//! Exits with 1 when what the documentation claims does not hold.
#![expect(clippy::print_stdout, reason = "a program tells what it finds")]

mod client;
mod engine;
#[path = "../simulator/rng.rs"]
mod rng;
mod server;
mod world;

use std::{process::ExitCode, thread, time::Instant};

use clap::Parser;

use client::Choice;
use engine::{Engine, Showing};
use world::World;

/// Simulates clients and servers under each strategy, and prints the latencies.
#[derive(Debug, Parser)]
struct Arguments {
    /// What all randomness follows from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    let Arguments { seed } = Arguments::parse();
    let began = Instant::now();
    let testbed = World::testbed("100 clients, 100 servers, antagonists, 90 % of what is promised", 0.9);
    let worlds = [
        World::testbed("the same at 70 %", 0.7),
        World::testbed("90 %, every other server half as fast", 0.9).with_slow_half(0.5),
        World::lone_client("where it loses: 1 client, 4 equal servers, 80 %, requests of 2 ms", 0.8),
        World::lone_client("the same, and answering a probe takes 0.1 ms of CPU", 0.8)
            .with_probe_work(0.000_1),
    ];
    let claimed = show(&testbed, seed);
    let rest: Vec<bool> = worlds.iter().map(|world| show(world, seed).is_some()).collect();
    println!("{:.0} s", began.elapsed().as_secs_f64());
    let Some(showings) = claimed.filter(|_| rest.iter().all(|&whole| whole)) else {
        println!("FAILED: a request was lost");
        return ExitCode::FAILURE;
    };
    judge(&showings)
}

/// What DESIGN.md says of the testbed at 90 %.
fn judge(showings: &[Showing]) -> ExitCode {
    let p99 = |choice| {
        let showing = showings.iter().find(|showing| showing.choice == choice);
        showing.map_or(u64::MAX, |showing| showing.latencies.value_at_quantile(0.99))
    };
    let (prequal, least_loaded) = (p99(Choice::Prequal), p99(Choice::LeastLoaded));
    let holds = prequal <= least_loaded / 2;
    let verdict = if holds { "holds" } else { "FAILED" };
    println!(
        "{verdict}: at 90 % the p99 of prequal, {:.0} ms, is at most half of that of p2c by own in-flight, {:.0} ms",
        millis(prequal),
        millis(least_loaded)
    );
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs a world under each choice and prints a table; `None` where something was lost.
fn show(world: &World, seed: u64) -> Option<Vec<Showing>> {
    println!("\n── {}\n", world.title);
    println!("| strategy | p50 ms | p90 ms | p99 ms | p99.9 ms | given up after 5 s | probes per request |");
    println!("|---|---:|---:|---:|---:|---:|---:|");
    // Two at a time.
    let mut showings = vec![];
    for pair in Choice::ALL.chunks(2) {
        let run = |&choice: &Choice| Engine::new(world, choice, seed).run();
        let results: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = pair.iter().map(|choice| scope.spawn(move || run(choice))).collect();
            threads.into_iter().map(|thread| thread.join().expect("a run does not panic")).collect()
        });
        for showing in results {
            let showing = showing?;
            print_row(&showing);
            showings.push(showing);
        }
    }
    Some(showings)
}

#[expect(clippy::cast_precision_loss, reason = "counts are below 2⁵³")]
fn print_row(showing: &Showing) {
    let of = |quantile: f64| millis(showing.latencies.value_at_quantile(quantile));
    let requests = showing.requests.max(1) as f64;
    println!(
        "| {} | {:.1} | {:.1} | {:.1} | {:.1} | {:.2} % | {:.2} |",
        showing.choice.name(),
        of(0.5),
        of(0.9),
        of(0.99),
        of(0.999),
        showing.timeouts as f64 * 100.0 / requests,
        showing.probes as f64 / requests
    );
}

#[expect(clippy::cast_precision_loss, reason = "microseconds are below 2⁵³")]
fn millis(micros: u64) -> f64 {
    micros as f64 / 1_000.0
}
