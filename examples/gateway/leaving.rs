//! Pools that another document no longer has: they stay for whoever is in them or on the way there, because the routes that led there were right when they were asked.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter::successors,
    time::Duration,
};

use tenantry::{Balancer, Config, ConfigError, EndpointChange, PoolSpec, PoolStats};
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
    /// Who was sent there just before, or comes again, may not be there yet.
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
        for (name, pool) in &mut self.pools {
            if balancer.pool_stats(name).is_some_and(|pool| pool.waiting() > 0 || pool.in_flight() > 0) {
                // Whoever is in it may come again.
                pool.from = (now + ON_THE_WAY).min(pool.until);
            }
        }
        let needed = self.pools.iter().filter(|(_, pool)| now < pool.from);
        // With whoever serves in their place.
        let stay: BTreeSet<String> = needed.flat_map(|(name, _)| self.way(name)).map(str::to_owned).collect();
        self.pools.retain(|name, _| stay.contains(name));
        self.pools.len() < before
    }

    /// Where a pool's requests may go: itself, and its fallbacks as far as they leave, too.
    fn way<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let next = |name: &&str| self.pools.get(*name)?.spec.fallback();
        successors(Some(name), next).take(self.pools.len())
    }

    /// Takes out of the balancer what it has parted with. What operators have decided of endpoints meanwhile stays.
    ///
    /// # Errors
    /// None that is known: more than that was in force.
    pub(crate) fn put_in_force_again(&self, balancer: &Balancer) -> Result<(), ConfigError> {
        let names = || self.config.pools().keys().chain(self.pools.keys());
        let before: Vec<PoolStats> = names().filter_map(|name| balancer.pool_stats(name)).collect();
        balancer.reconfigure(beside(&self.config, &self.pools))?;
        for before in before {
            let Some(now) = balancer.pool_stats(before.name()) else { continue };
            let changes = changes(&now, &before);
            if !changes.is_empty() {
                balancer.change_endpoints(before.name(), &changes)?;
            }
        }
        Ok(())
    }
}

/// What makes a pool's endpoints as they were.
fn changes(now: &PoolStats, before: &PoolStats) -> Vec<EndpointChange> {
    let mut changes = Vec::new();
    for endpoint in now.endpoints() {
        let address = || endpoint.address().to_owned();
        let Some(old) = before.endpoints().iter().find(|old| old.address() == endpoint.address()) else {
            continue;
        };
        if old.weight() != endpoint.weight() {
            changes.push(EndpointChange::Reweigh(address(), old.weight()));
        }
        match (old.is_draining(), endpoint.is_draining()) {
            (true, false) => changes.push(EndpointChange::Drain(address())),
            (false, true) => changes.push(EndpointChange::Resume(address())),
            _ => {}
        }
    }
    changes
}

fn beside(config: &Config, pools: &BTreeMap<String, Leaver>) -> Config {
    pools
        .iter()
        .fold(config.clone(), |config, (name, pool)| config.with_pool(name.clone(), pool.spec.clone()))
}

/// From a request's route to its place in the pool: it may have to be identified still.
const ON_THE_WAY: Duration = Duration::from_secs(1);
