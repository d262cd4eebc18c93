//! Reading everything for [`Stats`].

use super::{
    snapshot::{Service, Snapshot},
    state::State,
};
use crate::{
    attempt::Again,
    config::{OTHER, OVERFLOW},
    endpoint::Member,
    stats::{EndpointStats, PoolStats, Stats, TenantPage, TenantStats},
    tenant::Terms,
    time::Time,
};

impl State {
    pub(super) fn stats(&self) -> Stats {
        let now = self.clock.now();
        let snapshot = self.published.load();
        let mut pools: Vec<PoolStats> =
            snapshot.services.iter().map(|service| pool_stats(service, now)).collect();
        pools.sort_by(|one, other| one.name.cmp(&other.name));
        // Under the lock, so that no eviction moves anybody meanwhile.
        let mut slots: Vec<u32> = {
            let _nobody_moves = self.registry.lock();
            snapshot.directory.slots().collect()
        };
        slots.sort_by_cached_key(|&slot| {
            let tenant = self.slab.get(slot);
            std::cmp::Reverse((
                tenant.completed() + tenant.rejected() + u64::from(tenant.inside()),
                u32::MAX - slot,
            ))
        });
        let (listed, rest) = slots.split_at(slots.len().min(MOST_TENANTS));
        let register = self.registry.lock();
        let named = |&slot: &u32| {
            let shared = snapshot.directory.is_overflow(slot);
            let name = self.slab.get(slot).name(slot, &register.tenants);
            let stats = self.tenant_stats(slot, if shared { OVERFLOW.to_owned() } else { name });
            TenantStats { weight: self.weight_of(&snapshot, slot), ..stats }
        };
        let tenants = listed.iter().map(named).collect();
        let mut other = TenantStats { id: OTHER.to_owned(), ..TenantStats::default() };
        for &slot in rest {
            let tenant = self.tenant_stats(slot, String::new());
            other.in_flight += tenant.in_flight;
            other.waiting += tenant.waiting;
            other.completed += tenant.completed;
            other.rejected += tenant.rejected;
            other.shadow_rejected += tenant.shadow_rejected;
        }
        Stats { tenants, other, pools }
    }

    pub(super) fn tenant_page(&self, start: u32, most: u32) -> TenantPage {
        let most = most.clamp(1, TenantPage::LARGEST);
        // Nobody is made or evicted meanwhile.
        let register = self.registry.lock();
        let snapshot = self.published.load();
        let slots = register.tenants.slots();
        let (mut tenants, mut slot) = (vec![], start);
        // Slots without a tenant cost little, but not nothing.
        let end = start.saturating_add(most * SPARSE).min(slots);
        while slot < end && tenants.len() < most as usize {
            if snapshot.directory.has(slot, &self.hasher, &self.slab) {
                let shared = snapshot.directory.is_overflow(slot);
                let name = self.slab.get(slot).name(slot, &register.tenants);
                let stats = self.tenant_stats(slot, if shared { OVERFLOW.to_owned() } else { name });
                tenants.push(TenantStats { weight: self.weight_of(&snapshot, slot), ..stats });
            }
            slot += 1;
        }
        TenantPage { tenants, next: (slot < slots).then_some(slot) }
    }

    pub(super) fn stats_of_tenant(&self, id: &str) -> Option<TenantStats> {
        let snapshot = self.published.load();
        let found = snapshot.directory.find_surely(&self.hasher.key(id)?, &self.slab)?;
        let weight = snapshot.directory.terms(&found).weight();
        Some(TenantStats { weight, ..self.tenant_stats(found.slot, id.to_owned()) })
    }

    pub(super) fn stats_of_pool(&self, name: &str) -> Option<PoolStats> {
        let (now, snapshot) = (self.clock.now(), self.published.load());
        let service = snapshot.service(Some(name)).ok()?;
        Some(pool_stats(service, now))
    }

    fn weight_of(&self, snapshot: &Snapshot, slot: u32) -> u32 {
        snapshot.directory.terms_of_slot(slot, &self.hasher, &self.slab).map_or(0, Terms::weight)
    }

    /// All but the weight, which a sum has none of.
    fn tenant_stats(&self, slot: u32, id: String) -> TenantStats {
        let tenant = self.slab.get(slot);
        let waiting = tenant.waiting();
        TenantStats {
            id,
            weight: 0,
            in_flight: tenant.inside().saturating_sub(waiting),
            waiting,
            beneath: tenant.beneath(),
            completed: tenant.completed(),
            rejected: tenant.rejected(),
            shadow_rejected: self.meters.try_get(slot).map_or(0, |meter| meter.shadowed(tenant.generation())),
        }
    }
}

fn pool_stats(service: &Service, now: Time) -> PoolStats {
    let decay = service.pool.decay();
    let endpoint_stats = |(place, member): (usize, &Member)| {
        let endpoint = member.endpoint();
        let left = member.left(now);
        EndpointStats {
            address: endpoint.address().to_owned(),
            weight: member.weight(),
            draining: service.pool.is_draining(place),
            in_flight: member.in_flight(),
            completed: endpoint.completed(),
            failed: endpoint.failed(),
            latency_s: endpoint.latency(decay, now).map(|nanos| f64::from(nanos) / 1e9),
            health: endpoint.health().state(now),
            overridden: endpoint.health().overridden(now).is_some(),
            ejected: !endpoint.outlier().is_healthy(),
            shadow_ejections: endpoint.outlier().told(),
            requests_left: left.and_then(|left| left.requests),
            requests_limit: left.and_then(|left| left.requests_limit),
            cost_left: left.and_then(|left| left.cost),
            cost_limit: left.and_then(|left| left.cost_limit),
            returns_in_s: left.and_then(|left| left.returns_in).map(|wait| wait.as_secs_f64()),
        }
    };
    PoolStats {
        name: service.pool.name().to_owned(),
        capacity: service.admission.capacity(),
        in_flight: service.admission.taken(),
        waiting: service.admission.waiting(),
        panic: service.pool.is_in_panic(),
        retries: service.attempts.of(Again::Retry).stats(),
        hedges: service.attempts.of(Again::Hedge).stats(),
        rejections: service.rejections.stats(),
        endpoints: service.pool.members().iter().enumerate().map(endpoint_stats).collect(),
    }
}

const MOST_TENANTS: usize = 100;
/// How many slots a page looks at for each tenant that it may hold.
const SPARSE: u32 = 8;
