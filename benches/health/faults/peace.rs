//! After the faults: all is well, so everybody must serve again, and nothing may be left over.

use std::{cmp::Reverse, time::Duration};

use tenantry::HealthState;

use super::{
    oracle::Broken,
    run::{Run, Step},
};

impl Run {
    /// All servers are well and nobody intervenes: then everybody serves, and nothing is left over.
    pub(super) fn make_peace(&mut self) -> Result<(), Broken> {
        self.servers.clear();
        self.waiting.clear();
        self.end_interventions();
        let rules = self.settings.outlier;
        let calm = rules.longest_ejection() * 3 + rules.interval() * 6 + Duration::from_secs(60);
        let steps = u64::try_from(calm.as_millis() / 500).unwrap_or(u64::MAX);
        for _ in 0..steps {
            self.pass(500_000_000)?;
        }
        let pool = self.pool();
        let before: Vec<_> = pool.endpoints().iter().map(|endpoint| endpoint.completed()).collect();
        for _ in 0..before.len() * 40 {
            self.pass(5_000_000)?;
        }
        let pool = self.pool();
        for (endpoint, before) in pool.endpoints().iter().zip(before) {
            if endpoint.completed() == before || endpoint.health() != HealthState::Healthy {
                return Err(format!(
                    "{} is {} after {calm:?} of peace, and has served {} of {}",
                    endpoint.address(),
                    endpoint.health().name(),
                    endpoint.completed() - before,
                    pool.endpoints().len() * 40
                ));
            }
            if endpoint.in_flight() > 0 {
                return Err(format!("{} has {} in flight at rest", endpoint.address(), endpoint.in_flight()));
            }
        }
        match (pool.in_flight(), pool.waiting()) {
            (0, 0) => Ok(()),
            (in_flight, waiting) => Err(format!("{in_flight} in flight and {waiting} waiting at rest")),
        }
    }

    /// One request in peace, from its beginning to its end.
    fn pass(&mut self, nanos: u64) -> Result<(), Broken> {
        self.come_to(self.now + nanos);
        self.ask()?;
        let until = self.now + 4_000_000_000;
        while let Some(Reverse((at, _, step))) = self.steps.pop() {
            self.come_to(at.min(until));
            if let Step::Back(job) = step {
                self.back(job);
            }
            self.settle()?;
        }
        self.waiting.clear();
        self.settle()
    }
}
