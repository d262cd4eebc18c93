//! Updates: from a configuration to the snapshot in force, in one swap.

use std::{collections::HashMap, slice, sync::Arc};

use super::{
    discovery::no_such_pool,
    snapshot::{Service, Snapshot},
    state::{Register, State},
};
use crate::{
    admission::{Admission, Allowances, Capacity, Level, QueueLimits, QueueTerms},
    affinity::TokenKeys,
    config::{Config, ConfigError, EndpointChange, PoolSpec, TenantSpec, UnknownTenants},
    pool::{Pool, PoolId},
    rejection::Rejection,
    strategy::Base,
    tenant::{Directory, Entry, Lineages, Listed, Listing, MadeSpec, QuotaLists, Terms},
    time::Time,
};

impl State {
    /// Puts a configuration in force, or changes nothing.
    pub(super) fn reconfigure(&self, config: &Config) -> Result<(), ConfigError> {
        config.validate()?;
        let rules = self.rules.lock();
        let mut register = self.registry.lock();
        let given = config;
        let with_found = (!register.discovered.is_empty()).then(|| register.discovered.added_to(given));
        let config = with_found.as_ref().unwrap_or(given);
        // What was found may be more than a strategy can take.
        with_found.as_ref().map_or(Ok(()), Config::validate)?;
        let previous = self.published.load();
        let now = self.clock.now();
        let base = Base { seed: register.seed, bell: &self.bell, events: &self.events };
        let mut services = build_services(config, &previous, (&mut register.next_pool, base), now);
        let named = services.iter().enumerate().map(|(place, service)| (service.pool.name().into(), place));
        let by_name: HashMap<Box<str>, usize, _> = named.collect();
        let id_of = |name: &str| by_name.get(name).map(|&place| services[place].pool.id());
        register.lineages.note(config);
        let uptime = self.uptime(now);
        let Register { lineages, quota_lists, .. } = &mut *register;
        let listing = list_tenants(config, id_of, lineages, quota_lists);
        let built = Directory::build(
            listing,
            &previous.directory,
            &mut register.tenants,
            &self.slab,
            &self.moment(uptime),
        );
        let (directory, changes) = built.ok_or_else(too_many_tenants)?;
        register.quota_lists.forget_unused();
        for service in &mut services {
            let key = service.spec.owner().and_then(|owner| self.hasher.key(owner));
            service.owner = key.and_then(|key| directory.find(&key, &self.slab)).map(|found| found.entry());
        }
        let next = Arc::new(Snapshot {
            directory: Arc::new(directory),
            services: services.into_iter().map(Arc::new).collect(),
            by_name: Arc::new(by_name),
            dimensions: config.dimensions().into(),
            token_keys: Arc::new(match config.affinity_keys() {
                [] => TokenKeys::new(slice::from_ref(&register.own_secret)),
                secrets => TokenKeys::new(secrets),
            }),
        });
        // Nothing refuses any more: from here on it is all of it.
        changes.iter().for_each(|change| change.apply(&self.slab, uptime));
        next.services.iter().for_each(|service| service.pool.take_over(now));
        self.published.publish(Arc::clone(&next));
        register.discovered.follow(given);
        let parents: HashMap<u64, Level> =
            register.lineages.levels(config).map(|level| (level.key, level)).collect();
        drop(register);
        self.tell_queues(&next, config, &parents);
        drop(rules);
        self.follow_up(&previous, &next);
        self.ring();
        Ok(())
    }

    /// Changes one pool's endpoints, or nothing.
    pub(super) fn change_endpoints(&self, pool: &str, changes: &[EndpointChange]) -> Result<(), ConfigError> {
        let register = self.registry.lock();
        let next = self.publish_endpoints(&register, pool, changes)?;
        drop(register);
        self.follow_endpoints(&next);
        Ok(())
    }

    /// Swaps in one pool with other endpoints, or changes nothing. [`follow_endpoints`](Self::follow_endpoints) comes after, without the register's lock.
    pub(super) fn publish_endpoints(
        &self,
        register: &Register,
        pool: &str,
        changes: &[EndpointChange],
    ) -> Result<Arc<Service>, ConfigError> {
        let (previous, now) = (self.published.load(), self.clock.now());
        let service = previous.named(pool).ok_or_else(|| no_such_pool(pool))?;
        let spec = service.spec.changed(pool, changes)?;
        let base = Base { seed: register.seed, bell: &self.bell, events: &self.events };
        let next = Arc::new(service.succeeded_by(&spec, service.limits, base, now));
        next.pool.take_over(now);
        self.published.publish(Arc::new(previous.with_service(&next)));
        Ok(next)
    }

    /// Whoever waits learns of a pool's other endpoints.
    pub(super) fn follow_endpoints(&self, service: &Service) {
        let now = self.clock.now();
        service.admission.set_pool(&service.pool, now);
        service.set_seats(now);
        self.ring();
    }

    /// Every queue goes by other rules from here on.
    fn tell_queues(&self, next: &Snapshot, config: &Config, parents: &HashMap<u64, Level>) {
        let level_of = |key: u64| self.level_of(&next.directory, key, parents);
        let reserved = self.reserved(&next.directory, config);
        let terms = QueueTerms { reserved: &reserved, level_of: &level_of };
        next.services.iter().for_each(|service| service.admission.reconfigure(service.limits, &terms));
    }

    /// What must come after that: new capacities reach their gates, whoever may have a seat now gets it, removed pools turn their waiters away.
    fn follow_up(&self, previous: &Snapshot, next: &Snapshot) {
        let now = self.clock.now();
        for service in next.services.iter() {
            service.admission.set_pool(&service.pool, now);
            service.set_seats(now);
        }
        let is_removed = |service: &&Arc<Service>| next.service_of(service.pool.id()).is_none();
        for removed in previous.services.iter().filter(is_removed) {
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

fn build_services(
    config: &Config,
    previous: &Snapshot,
    (next_pool, base): (&mut u32, Base<'_>),
    now: Time,
) -> Vec<Service> {
    let mut services: Vec<Service> = config
        .pools()
        .iter()
        .map(|(name, spec)| match previous.named(name) {
            Some(service) => service.succeeded_by(spec, limits(spec, config), base, now),
            None => {
                *next_pool += 1;
                let limits = limits(spec, config);
                Service::new((PoolId(*next_pool), name), spec, limits, base, now)
            }
        })
        .collect();
    services.sort_by_key(|service| service.pool.id());
    services
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
    fn new(
        identity: (PoolId, &str),
        spec: &PoolSpec,
        limits: QueueLimits,
        base: Base<'_>,
        now: Time,
    ) -> Self {
        let capacity = Capacity::new(&spec.capacity());
        Self {
            pool: Arc::new(Pool::build(identity, spec, base, None, now)),
            admission: Arc::new(Admission::new(capacity.seats(), limits)),
            capacity,
            spec: spec.clone(),
            edition: 0,
            limits,
            allowances: Allowances::new(spec),
            attempts: Arc::default(),
            rejections: Arc::default(),
            owner: None,
        }
    }

    /// The same pool in the next edition. What was learnt of its capacity stays as long as its rule does.
    fn succeeded_by(&self, spec: &PoolSpec, limits: QueueLimits, base: Base<'_>, now: Time) -> Self {
        let same_rule = self.spec.capacity() == spec.capacity();
        let capacity = if same_rule { self.capacity.clone() } else { Capacity::new(&spec.capacity()) };
        Self {
            pool: Arc::new(Pool::build(
                (self.pool.id(), self.pool.name()),
                spec,
                base,
                Some(&self.pool),
                now,
            )),
            admission: Arc::clone(&self.admission),
            capacity,
            spec: spec.clone(),
            edition: self.edition + 1,
            limits,
            allowances: Allowances::new(spec),
            attempts: Arc::clone(&self.attempts),
            rejections: Arc::clone(&self.rejections),
            owner: self.owner,
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
