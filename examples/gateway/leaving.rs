//! Pools that another document no longer has: they stay for whoever is in them or on the way there, because the routes that led there were right when they were asked.

use std::{collections::BTreeMap, time::Duration};

use tenantry::{Balancer, Config, ConfigError, PoolSpec};
use tokio::time::Instant;

/// What is in force in a balancer: what the document says, and what leaves.
#[derive(Debug, Default)]
pub(crate) struct Leaving {
    /// The document's.
    config: Config,
    pools: BTreeMap<String, Leaver>,
}

/// A pool that leaves.
#[derive(Clone, Debug)]
struct Leaver {
    spec: PoolSpec,
    /// Who was sent there just before may not be there yet.
    from: Instant,
    /// Then whoever is still there has had the time to end.
    until: Instant,
}

impl Leaving {
    /// Begins with this in force.
    pub(crate) fn new(config: Config) -> Self {
        Self { config, pools: BTreeMap::new() }
    }

    /// Puts a configuration in force, and leaves the pools that it does not have any more beside it, so long at most.
    ///
    /// # Errors
    /// What is wrong with it; then nothing has changed.
    pub(crate) fn put_in_force(
        &mut self,
        balancer: &Balancer,
        config: Config,
        patience: Duration,
    ) -> Result<(), ConfigError> {
        let from = Instant::now() + ON_THE_WAY;
        let leave = |spec: &PoolSpec| Leaver { spec: spec.clone(), from, until: from + patience };
        let mut pools: BTreeMap<_, _> =
            self.config.pools().iter().map(|(name, spec)| (name.clone(), leave(spec))).collect();
        pools.extend(self.pools.clone());
        pools.retain(|name, _| !config.pools().contains_key(name));
        if pools.is_empty() || balancer.reconfigure(beside(&config, &pools)).is_err() {
            // What leaves may not fit beside what comes: its owner may be a tenant no longer, say.
            balancer.reconfigure(config.clone())?;
            pools.clear();
        }
        *self = Self { config, pools };
        Ok(())
    }

    /// The names of those that leave.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.pools.keys().map(String::as_str)
    }

    /// Parts with those of which nobody has need any more. Whether there were any.
    pub(crate) fn part(&mut self, balancer: &Balancer) -> bool {
        let (now, before) = (Instant::now(), self.pools.len());
        self.pools.retain(|name, pool| {
            let is_used =
                balancer.pool_stats(name).is_some_and(|pool| pool.waiting() > 0 || pool.in_flight() > 0);
            now < pool.from || (is_used && now < pool.until)
        });
        self.pools.len() < before
    }

    /// Takes out of the balancer what it has parted with.
    ///
    /// # Errors
    /// None that is known: more than that was in force.
    pub(crate) fn put_in_force_again(&self, balancer: &Balancer) -> Result<(), ConfigError> {
        balancer.reconfigure(beside(&self.config, &self.pools))
    }
}

fn beside(config: &Config, pools: &BTreeMap<String, Leaver>) -> Config {
    pools
        .iter()
        .fold(config.clone(), |config, (name, pool)| config.with_pool(name.clone(), pool.spec.clone()))
}

/// From a request's route to its place in the pool: it may have to be identified still.
const ON_THE_WAY: Duration = Duration::from_secs(1);
