//! Pools that another document no longer has: they stay for whoever is in them or on the way there, because the routes that led there were right when they were asked.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter::successors,
    mem,
    time::Duration,
};

use tenantry::{Balancer, Config, ConfigError, EndpointChange, PoolSpec, PoolStats, TenantSpec};
use tokio::time::Instant;

/// What is in force in a balancer: what the document says, and what leaves.
#[derive(Debug, Default)]
pub(crate) struct Leaving {
    /// The document's.
    config: Config,
    pools: BTreeMap<String, Leaver>,
    /// Whether tenants are in force that the document does not have, because requests may still be found to be theirs.
    has_former_tenants: bool,
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
        Self { config, pools: BTreeMap::new(), has_former_tenants: false }
    }

    /// Puts a configuration in force, and leaves the pools that it does not have any more beside it, so long at most; and its tenants, until [they are known](Self::part_with_tenants)
    /// no more.
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
        // What leaves may not fit beside what comes: its owner may be a tenant no longer, or a tenant's budget be of what nobody counts any more.
        if beside(&config, &pools).validate().is_err() {
            // By itself: tenants that are about to go must not make up for what it lacks.
            config.validate()?;
            pools.clear();
        }
        let next = beside(&config, &pools);
        let with_former = with_tenants(&next, self.config.tenants());
        let has_former_tenants =
            with_former.tenants().len() > next.tenants().len() && balancer.reconfigure(with_former).is_ok();
        if !has_former_tenants {
            balancer.reconfigure(next)?;
        }
        *self = Self { config, pools, has_former_tenants };
        Ok(())
    }

    /// Nobody is found to be one of the tenants before any more.
    ///
    /// # Errors
    /// See [`put_in_force_again`](Self::put_in_force_again).
    pub(crate) fn part_with_tenants(&mut self, balancer: &Balancer) -> Result<(), ConfigError> {
        if mem::take(&mut self.has_former_tenants) { self.put_in_force_again(balancer) } else { Ok(()) }
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

/// With those of these tenants that it does not have.
fn with_tenants(config: &Config, tenants: &BTreeMap<String, TenantSpec>) -> Config {
    let others = tenants.iter().filter(|(id, _)| !config.tenants().contains_key(*id));
    others.fold(config.clone(), |config, (id, spec)| config.with_tenant(id.clone(), spec.clone()))
}

/// From a request's route to its place in the pool: it may have to be identified still.
const ON_THE_WAY: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use tenantry::{Format, Request};

    use super::*;

    fn config(text: &str) -> Config {
        Config::from_text(&format!("{text}\n[pools.api]\nendpoints = [\"http://a:1\"]"), Format::Toml)
            .unwrap()
    }

    fn knows(balancer: &Balancer, tenant: &str) -> bool {
        balancer.try_acquire(&Request::new(tenant)).is_ok()
    }

    #[tokio::test]
    async fn a_tenant_goes_when_nobody_is_found_to_be_it() {
        let (before, after) = (config("[tenants.acme]"), config("[tenants.globex]"));
        let (balancer, mut leaving) = (Balancer::new(before.clone()).unwrap(), Leaving::new(before));
        leaving.put_in_force(&balancer, after, Duration::ZERO).unwrap();
        assert!(knows(&balancer, "acme") && knows(&balancer, "globex"));
        leaving.part_with_tenants(&balancer).unwrap();
        assert!(!knows(&balancer, "acme") && knows(&balancer, "globex"));
    }

    #[tokio::test]
    async fn what_is_right_with_former_tenants_alone_is_wrong() {
        let before = config("[tenants.acme]");
        let (balancer, mut leaving) = (Balancer::new(before.clone()).unwrap(), Leaving::new(before));
        let owned = PoolSpec::new(["http://a:1"]).with_owner("acme");
        let after = Config::new().with_pool("api", owned).with_tenant("globex", TenantSpec::new());
        assert!(leaving.put_in_force(&balancer, after, Duration::ZERO).is_err());
        assert!(knows(&balancer, "acme") && !knows(&balancer, "globex"));
    }

    #[tokio::test]
    async fn a_tenant_that_does_not_fit_beside_what_comes_goes_at_once() {
        let before = config("dimensions = [\"tokens\"]\n[tenants.acme]\nrate = { tokens = 5, per = \"1s\" }");
        let (balancer, mut leaving) = (Balancer::new(before.clone()).unwrap(), Leaving::new(before));
        leaving.put_in_force(&balancer, config("[tenants.globex]"), Duration::ZERO).unwrap();
        assert!(!knows(&balancer, "acme") && knows(&balancer, "globex"));
        leaving.part_with_tenants(&balancer).unwrap();
        assert!(knows(&balancer, "globex"));
    }
}
