//! Updates: from a configuration to the snapshot in force, in one swap.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use super::{
    snapshot::{Service, Snapshot},
    state::{Register, State},
};
use crate::{
    admission::{Admission, Capacity, Level, QueueLimits, QueueTerms},
    config::{Config, ConfigError, PoolSpec, TenantSpec, UnknownTenants},
    pool::{Pool, PoolId},
    rejection::Rejection,
    tenant::{Directory, Entry, Lineages, Listed, Listing, MadeSpec, QuotaLists, Terms},
};

impl State {
    /// Puts a configuration in force, or changes nothing.
    pub(super) fn reconfigure(&self, config: &Config) -> Result<(), ConfigError> {
        config.validate()?;
        let mut register = self.registry.lock();
        let previous = self.published.load();
        let services = build_services(config, &previous, &mut register);
        let id_of = |name: &str| services.iter().find(|s| s.pool.name() == name).map(|s| s.pool.id());
        register.lineages.note(config);
        let uptime = self.uptime(self.clock.now());
        let Register { lineages, quota_lists, .. } = &mut *register;
        let listing = list_tenants(config, id_of, lineages, quota_lists);
        let built = Directory::build(listing, &previous.directory, &mut register.tenants, &self.slab, uptime);
        let (directory, changes) = built.ok_or_else(too_many_tenants)?;
        register.quota_lists.forget_unused();
        let named = services.iter().enumerate().map(|(place, service)| (service.pool.name().into(), place));
        let by_name = Arc::new(named.collect());
        let next =
            Arc::new(Snapshot { directory, services, by_name, dimensions: config.dimensions().into() });
        // Nothing refuses any more: from here on it is all of it.
        changes.iter().for_each(|change| change.apply(&self.slab, uptime));
        next.services.iter().for_each(|service| service.pool.take_over());
        self.published.publish(Arc::clone(&next));
        let parents: HashMap<u64, Level> =
            register.lineages.levels(config).map(|level| (level.key, level)).collect();
        drop(register);
        self.follow_up(&previous, &next, config, &parents);
        Ok(())
    }

    /// What must come after the swap: new capacities reach their gates, removed pools turn their waiters away.
    fn follow_up(
        &self,
        previous: &Snapshot,
        next: &Snapshot,
        config: &Config,
        parents: &HashMap<u64, Level>,
    ) {
        let now = self.clock.now();
        let level_of = |key: u64| self.level_of(&next.directory, key, parents);
        let reserved = self.reserved(&next.directory, config);
        let terms = QueueTerms { reserved: &reserved, level_of: &level_of };
        for service in next.services.iter() {
            service.set_seats(now);
            service.admission.reconfigure(service.limits, &terms, now);
        }
        let kept: BTreeSet<PoolId> = next.services.iter().map(|service| service.pool.id()).collect();
        for removed in previous.services.iter().filter(|service| !kept.contains(&service.pool.id())) {
            removed.admission.close(Rejection::UnknownPool, now);
        }
    }
}

impl State {
    /// Where somebody in a queue stands now, by the key in the tree of shares.
    fn level_of(&self, directory: &Directory, key: u64, parents: &HashMap<u64, Level>) -> Option<Level> {
        if let Some(level) = parents.get(&key) {
            return Some(*level);
        }
        let slot = Entry::slot_of_key(key)?;
        directory.terms_of_slot(slot, &self.hasher, &self.slab).map(|terms| terms.level(key))
    }

    /// The configured tenants for whom seats stay free.
    fn reserved(&self, directory: &Directory, config: &Config) -> Vec<(Arc<[Level]>, Level)> {
        let reserving = config.tenants().iter().filter(|(_, spec)| spec.seats().reserves());
        let place = |(id, _): (&String, _)| {
            let found = directory.find(&self.hasher.key(id)?, &self.slab)?;
            let terms = directory.terms(&found);
            let key = found.entry().key();
            Some((Arc::clone(terms.above()), terms.level(key)))
        };
        reserving.filter_map(place).collect()
    }
}

fn build_services(config: &Config, previous: &Snapshot, register: &mut Register) -> Arc<[Service]> {
    let mut services: Vec<Service> = config
        .pools()
        .iter()
        .map(|(name, spec)| match previous.named(name) {
            Some(service) => service.succeeded_by(name, spec, limits(spec, config), register.seed),
            None => {
                register.next_pool += 1;
                let limits = limits(spec, config);
                Service::new(PoolId(register.next_pool), name, spec, limits, register.seed)
            }
        })
        .collect();
    services.sort_by_key(|service| service.pool.id());
    services.into()
}

fn list_tenants<'a>(
    config: &'a Config,
    id_of: impl Fn(&str) -> Option<PoolId>,
    lineages: &Lineages,
    known: &mut QuotaLists,
) -> Listing<'a> {
    let mut listed = |id: Option<&'a str>, spec: &'a TenantSpec| Listed {
        id: id.unwrap_or_default(),
        terms: Terms::new(spec, lineages.of(id, spec, config), &id_of, known),
        parent: spec.parent(),
    };
    let made = match config.unknown_tenants() {
        UnknownTenants::Template { name, max, idle } => config.templates().get(name).map(|spec| MadeSpec {
            template: listed(None, spec),
            most: *max,
            idle: *idle,
        }),
        UnknownTenants::Reject => None,
    };
    let tenants = config.tenants().iter().map(|(id, spec)| listed(Some(id), spec)).collect();
    Listing { tenants, made }
}

pub(super) fn too_many_tenants() -> ConfigError {
    ConfigError::new("tenants", "", "configure and make fewer than 16 777 215 tenants in all")
}

impl Service {
    fn new(id: PoolId, name: &str, spec: &PoolSpec, limits: QueueLimits, seed: u64) -> Self {
        let capacity = Capacity::new(&spec.capacity());
        Self {
            pool: Pool::build(id, name, spec, seed, None),
            admission: Arc::new(Admission::new(capacity.seats(), limits)),
            capacity,
            capacity_spec: spec.capacity(),
            rule: 0,
            limits,
        }
    }

    /// The same pool in the next edition. What was learnt of its capacity stays as long as its rule does.
    fn succeeded_by(&self, name: &str, spec: &PoolSpec, limits: QueueLimits, seed: u64) -> Self {
        let same_rule = self.capacity_spec == spec.capacity();
        let capacity = if same_rule { self.capacity.clone() } else { Capacity::new(&spec.capacity()) };
        Self {
            pool: Pool::build(self.pool.id(), name, spec, seed, Some(&self.pool)),
            admission: Arc::clone(&self.admission),
            capacity,
            capacity_spec: spec.capacity(),
            rule: self.rule + u32::from(!same_rule),
            limits,
        }
    }
}

fn limits(spec: &PoolSpec, config: &Config) -> QueueLimits {
    let queue = spec.queue();
    // A parent's share counts wherever its children go, so that its own pools say nothing.
    let shares = |tenant: &TenantSpec| !tenant.seats().is_none();
    QueueLimits {
        per_tenant: queue.per_tenant(),
        total: queue.total(),
        timeout: queue.timeout(),
        order: queue.order(),
        aging: queue.aging(),
        codel: queue.codel(),
        guarded: config.tenants().values().chain(config.templates().values()).any(shares),
    }
}
