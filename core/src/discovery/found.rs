//! What discoveries have found, by pool, and what of a pool's list follows from it.
//!
//! A pool's list has endpoints of three kinds. Those that its configuration names, or that somebody added by hand, are never touched. Those
//! that a discovery has put there are its pool's discoveries': they go when no discovery of the pool finds them any more. Where
//! several find one address, the settings of the first discovery count.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::DiscoveryStatus;
use crate::{
    config::{Config, EndpointChange, EndpointSpec},
    time::Time,
};

/// Tells discoveries of one balancer apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SourceId(u64);

impl SourceId {
    pub(crate) const fn number(self) -> u64 {
        self.0
    }
}

/// All discoveries of one balancer.
#[derive(Debug, Default)]
pub(crate) struct Discovered {
    next_id: u64,
    pools: BTreeMap<String, PoolSources>,
}

/// Those of one pool.
#[derive(Debug, Default)]
struct PoolSources {
    sources: Vec<Source>,
    /// The addresses in the pool's list that discoveries have put there, also ones that have ended.
    added: HashSet<String>,
}

#[derive(Debug)]
struct Source {
    id: SourceId,
    status: DiscoveryStatus,
    found: Vec<EndpointSpec>,
}

/// What an answer changes; [`Discovered::commit`] it once the pool has taken the changes.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) changes: Vec<EndpointChange>,
    added: HashSet<String>,
}

impl Plan {
    /// How many endpoints come, and how many go.
    pub(crate) fn counts(&self, there: &[EndpointSpec]) -> (usize, usize) {
        let there: HashSet<&str> = there.iter().map(EndpointSpec::address).collect();
        let is_removal = |change: &&EndpointChange| matches!(change, EndpointChange::Remove(_));
        let is_new = |change: &&EndpointChange| !is_removal(change) && !there.contains(change.address());
        (self.changes.iter().filter(is_new).count(), self.changes.iter().filter(is_removal).count())
    }
}

impl Discovered {
    /// One discovery more.
    pub(crate) fn open(&mut self, pool: &str, source: String, now: Time) -> SourceId {
        self.next_id += 1;
        let id = SourceId(self.next_id);
        let status = DiscoveryStatus::new(pool.to_owned(), source, now);
        let sources = &mut self.pools.entry(pool.to_owned()).or_default().sources;
        sources.push(Source { id, status, found: vec![] });
        id
    }

    /// One fewer. What it has found stays where it is until another discovery of the pool has an answer, or the next configuration.
    pub(crate) fn close(&mut self, pool: &str, id: SourceId) {
        if let Some(of_pool) = self.pools.get_mut(pool) {
            of_pool.sources.retain(|source| source.id != id);
        }
    }

    /// What follows for a pool that lists `there` when this discovery finds `found`.
    pub(crate) fn plan(
        &self,
        (pool, id): (&str, SourceId),
        found: &[EndpointSpec],
        there: &[EndpointSpec],
    ) -> Plan {
        let none = PoolSources::default();
        let of_pool = self.pools.get(pool).unwrap_or(&none);
        let before = union(of_pool.sources.iter().map(|source| &*source.found));
        let now =
            union(of_pool.sources.iter().map(|source| if source.id == id { found } else { &*source.found }));
        let was: HashMap<&str, &EndpointSpec> =
            before.iter().map(|endpoint| (endpoint.address(), *endpoint)).collect();
        let wanted: HashSet<&str> = now.iter().map(|endpoint| endpoint.address()).collect();
        let listed: HashSet<&str> = there.iter().map(EndpointSpec::address).collect();
        let ours = |address: &str| of_pool.added.contains(address);
        let is_due = |endpoint: &&&EndpointSpec| {
            let address = endpoint.address();
            let differs = was.get(address).is_none_or(|was| *was != **endpoint);
            !listed.contains(address) || (ours(address) && differs)
        };
        let gone = there.iter().map(EndpointSpec::address);
        let gone = gone.filter(|address| ours(address) && !wanted.contains(address));
        let removals = gone.map(|address| EndpointChange::Remove(address.to_owned()));
        let additions = now.iter().filter(is_due).map(|endpoint| EndpointChange::Add((*endpoint).clone()));
        let added = now.iter().map(|endpoint| endpoint.address());
        let added = added.filter(|address| ours(address) || !listed.contains(address));
        Plan { added: added.map(str::to_owned).collect(), changes: removals.chain(additions).collect() }
    }

    /// The plan has been carried out.
    pub(crate) fn commit(&mut self, (pool, id): (&str, SourceId), found: &[EndpointSpec], plan: Plan) {
        let Some(of_pool) = self.pools.get_mut(pool) else { return };
        of_pool.added = plan.added;
        for source in of_pool.sources.iter_mut().filter(|source| source.id == id) {
            source.found = found.to_vec();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pools.values().all(|of_pool| of_pool.sources.is_empty())
    }

    /// A configuration with what has been found, which another configuration must not take away.
    pub(crate) fn added_to(&self, config: &Config) -> Config {
        let mut config = config.clone();
        for (pool, of_pool) in &self.pools {
            let found = union(of_pool.sources.iter().map(|source| &*source.found));
            config.add_endpoints(pool, &found);
        }
        config
    }

    /// A configuration is in force: what it names itself is no discovery's, what it lacks is.
    pub(crate) fn follow(&mut self, config: &Config) {
        self.pools.retain(|_, of_pool| !of_pool.sources.is_empty());
        for (pool, of_pool) in &mut self.pools {
            let spec = config.pools().get(pool);
            let listed: HashSet<&str> =
                spec.iter().flat_map(|spec| spec.endpoints()).map(EndpointSpec::address).collect();
            let found = union(of_pool.sources.iter().map(|source| &*source.found));
            let added = found.iter().map(|endpoint| endpoint.address());
            of_pool.added = added.filter(|address| !listed.contains(address)).map(str::to_owned).collect();
        }
    }

    pub(crate) fn status_mut(&mut self, pool: &str, id: SourceId) -> Option<&mut DiscoveryStatus> {
        let mut sources = self.pools.get_mut(pool)?.sources.iter_mut();
        sources.find(|source| source.id == id).map(|source| &mut source.status)
    }

    pub(crate) fn statuses(&self) -> impl Iterator<Item = &DiscoveryStatus> {
        self.pools.values().flat_map(|of_pool| &of_pool.sources).map(|source| &source.status)
    }
}

/// Each address once, as the first list with it says.
fn union<'a>(lists: impl Iterator<Item = &'a [EndpointSpec]>) -> Vec<&'a EndpointSpec> {
    let mut seen = HashSet::new();
    lists.flatten().filter(|endpoint| seen.insert(endpoint.address())).collect()
}
