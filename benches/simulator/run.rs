//! Runs of scenarios: every variant with every seed, on several threads.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::{
    document::Document,
    engine::{Engine, Run},
    results::Outcome,
};

/// Runs all variants of a scenario with the seeds 1 to `seeds`, on `jobs` threads; tells `progress` how many of how many are done.
pub(crate) fn run(
    document: &Document,
    seeds: u64,
    jobs: usize,
    progress: impl Fn(usize, usize) + Sync,
) -> Vec<Outcome> {
    let tasks: Vec<(usize, u64)> =
        (0..document.plans.len()).flat_map(|plan| (1..=seeds).map(move |seed| (plan, seed))).collect();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let runs = Mutex::new(tasks.iter().map(|_| None).collect::<Vec<Option<Run>>>());
    thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, tasks.len()) {
            scope.spawn(|| {
                while let Some(&(plan, seed)) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let at = tasks.iter().position(|&task| task == (plan, seed)).expect("it is one of them");
                    let run = Engine::new(&document.plans[plan].1, seed).run();
                    runs.lock().expect("a run that panics ends the program")[at] = Some(run);
                    progress(done.fetch_add(1, Ordering::Relaxed) + 1, tasks.len());
                }
            });
        }
    });
    let mut runs = runs.into_inner().expect("a run that panics ends the program").into_iter().flatten();
    let per_plan = usize::try_from(seeds).unwrap_or(usize::MAX);
    let outcome =
        |(name, plan): &(String, _)| Outcome::new(name, plan, runs.by_ref().take(per_plan).collect());
    document.plans.iter().map(outcome).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn short_scenarios_hold_and_the_number_of_threads_changes_nothing() {
        for name in ["endpoint_caps", "wide_requests"] {
            let path =
                Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name).with_extension("toml");
            let document = Document::read(&path).expect("a usable scenario");
            let [one, two] = [1, 2].map(|jobs| run(&document, 2, jobs, |_, _| ()));
            for expect in &document.expect {
                let (verdict, other) = (expect.judge(&one), expect.judge(&two));
                assert!(verdict.holds, "{name}: {verdict:?}");
                assert_eq!(verdict.found.to_bits(), other.found.to_bits(), "{name}: {}", verdict.statement);
            }
            let breaches: Vec<_> = one.iter().flat_map(|outcome| &outcome.breaches).collect();
            assert!(breaches.is_empty(), "{name}: {breaches:?}");
        }
    }

    #[test]
    fn every_scenario_file_is_usable() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let files: Vec<_> = std::fs::read_dir(folder)
            .expect("the scenarios")
            .map(|file| file.expect("a file").path())
            .collect();
        assert!(files.len() >= 14);
        for file in files {
            assert!(!Document::read(&file).expect("a usable scenario").expect.is_empty(), "{file:?}");
        }
    }
}
