//! The runs of all seeds put together.

use super::{
    checks::Breach,
    engine::Run,
    plan::Plan,
    record::{LoadStep, PoolSample, Tally},
    scenario::Window,
};

/// One variant of a scenario, over all its seeds.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) variant: String,
    /// Name and weight.
    pub(crate) tenants: Vec<(String, f64)>,
    pub(crate) pools: Vec<String>,
    pub(crate) loads: Vec<String>,
    pub(crate) windows: Vec<WindowOutcome>,
    /// By seed.
    pub(crate) series: Vec<Series>,
    pub(crate) sample_s: f64,
    pub(crate) requests: u64,
    pub(crate) steps: u64,
    pub(crate) breaches: Vec<Breach>,
    pub(crate) breach_count: u64,
    pub(crate) worst_drift: f64,
}

/// One window, over all seeds.
#[derive(Debug)]
pub(crate) struct WindowOutcome {
    pub(crate) name: String,
    /// Of all seeds together.
    pub(crate) seconds: f64,
    /// By tenant.
    pub(crate) tallies: Vec<Tally>,
    /// By load.
    pub(crate) load_tallies: Vec<Tally>,
    /// By pool: the samples of all seeds.
    pub(crate) samples: Vec<Vec<PoolSample>>,
}

/// The time series of one seed.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) seed: u64,
    /// By step and pool.
    pub(crate) pools: Vec<Vec<PoolSample>>,
    /// By step and load.
    pub(crate) loads: Vec<Vec<LoadStep>>,
}

impl Outcome {
    /// The runs of one plan, in the order of their seeds.
    pub(crate) fn new(variant: &str, plan: &Plan, runs: Vec<Run>) -> Self {
        let weight = |at: usize| plan.editions[0].tree.nodes()[at].weight;
        let mut outcome = Self {
            variant: variant.to_owned(),
            tenants: (0..).zip(&plan.tenants).map(|(at, name)| (name.clone(), weight(at))).collect(),
            pools: plan.pools.iter().map(|pool| pool.name.clone()).collect(),
            loads: plan.loads.iter().map(|load| load.name.clone()).collect(),
            windows: plan
                .scenario
                .all_windows()
                .into_iter()
                .map(|(name, _)| WindowOutcome::new(name, plan))
                .collect(),
            series: vec![],
            sample_s: plan.scenario.sample.seconds(),
            requests: 0,
            steps: 0,
            breaches: vec![],
            breach_count: 0,
            worst_drift: 0.0,
        };
        let windows: Vec<Window> =
            plan.scenario.all_windows().into_iter().map(|(_, window)| window).collect();
        runs.into_iter().for_each(|run| outcome.add(run, &windows, plan.scenario.sample.0));
        outcome
    }

    fn add(&mut self, run: Run, windows: &[Window], sample: u64) {
        let tallies = run.record.tallies.iter().zip(&run.record.load_tallies);
        for ((into, window), (tallies, load_tallies)) in self.windows.iter_mut().zip(windows).zip(tallies) {
            into.seconds += window.until.seconds() - window.from.seconds();
            into.tallies.iter_mut().zip(tallies).for_each(|(into, tally)| into.add(tally));
            into.load_tallies.iter_mut().zip(load_tallies).for_each(|(into, tally)| into.add(tally));
            let steps = (1..).zip(&run.record.pools).filter(|(step, _)| window.contains(step * sample));
            for (_, pools) in steps {
                into.samples.iter_mut().zip(pools).for_each(|(into, pool)| into.push(*pool));
            }
        }
        self.requests += run.requests;
        self.steps += run.steps;
        self.breaches.extend(run.breaches);
        self.breach_count += run.breach_count;
        self.worst_drift = self.worst_drift.max(run.worst_drift);
        self.series.push(Series { seed: run.seed, pools: run.record.pools, loads: run.record.loads });
    }

    pub(crate) fn window(&self, name: &str) -> Option<&WindowOutcome> {
        self.windows.iter().find(|window| window.name == name)
    }

    /// The variant's name as people read it.
    pub(crate) fn label(&self) -> &str {
        if self.variant.is_empty() { "as it stands" } else { &self.variant }
    }
}

impl WindowOutcome {
    fn new(name: String, plan: &Plan) -> Self {
        Self {
            name,
            seconds: 0.0,
            tallies: plan.tenants.iter().map(|_| Tally::new()).collect(),
            load_tallies: plan.loads.iter().map(|_| Tally::new()).collect(),
            samples: vec![vec![]; plan.pools.len()],
        }
    }
}
