//! Random schedules of faults, under which some things must hold: endpoints die, fail, slow down, flap and ask to be left alone; they come and go, operators intervene, and
//! everything is reconfigured. Then all is well, and everybody must serve again.

mod changes;
mod dice;
mod oracle;
mod peace;
mod run;
mod server;
mod settings;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use run::{Run, Seen};

/// Runs these seeds, two at a time; `Err` with what did not hold, the lowest seed first.
pub(crate) fn run(seeds: std::ops::Range<u64>) -> Result<String, String> {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let (mut seen, mut broken) = (Seen::default(), vec![]);
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return (seen, broken);
            }
            match Run::new(seed, false).run() {
                Ok(one) => seen.add(one),
                Err(problem) => broken.push((seed, problem)),
            }
        }
    };
    let results: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no run panics")).collect()
    });
    let mut seen = Seen::default();
    let mut broken = vec![];
    for (some, problems) in results {
        seen.add(some);
        broken.extend(problems);
    }
    broken.sort();
    if broken.is_empty() {
        return Ok(format!("{} seeds: {seen:?}", seeds.end - seeds.start));
    }
    let told = broken.iter().take(10).map(|(seed, problem)| format!("seed {seed}: {problem}\n"));
    Err(format!(
        "{}{} of {} seeds. To see one step by step: cargo run --release -p tenantry-benches --bin health -- faults --seed {}",
        told.collect::<String>(),
        broken.len(),
        seeds.end - seeds.start,
        broken[0].0
    ))
}

/// Runs one seed and tells every step.
pub(crate) fn replay(seed: u64) -> Result<String, String> {
    Run::new(seed, true).run().map(|seen| format!("seed {seed}: {seen:?}"))
}

#[expect(clippy::print_stdout, reason = "whoever replays a seed wants to read it")]
#[expect(clippy::cast_precision_loss, reason = "minutes are below 2⁵³ ns")]
fn tell(now: u64, what: &str) {
    println!("{:10.6} s  {what}", now as f64 / 1e9);
}

#[cfg(test)]
mod tests {
    /// So many seeds as the environment's `TENANTRY_SEEDS` says. A debug build needs minutes for the thousand that `make simulate` runs.
    #[test]
    fn invariants_hold_under_random_faults() {
        let seeds = std::env::var("TENANTRY_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(150);
        let seen = super::run(0..seeds).unwrap_or_else(|broken| panic!("{broken}"));
        println!("{seen}");
    }
}
