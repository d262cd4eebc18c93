//! Reading everything for [`Stats`].

use super::{snapshot::Service, state::State};
use crate::{
    config::{OTHER, OVERFLOW},
    endpoint::Member,
    stats::{EndpointStats, PoolStats, Stats, TenantPage, TenantStats},
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
            self.tenant_stats(slot, if shared { OVERFLOW.to_owned() } else { name })
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
                tenants.push(self.tenant_stats(slot, if shared { OVERFLOW.to_owned() } else { name }));
            }
            slot += 1;
        }
        TenantPage { tenants, next: (slot < slots).then_some(slot) }
    }

    pub(super) fn stats_of_tenant(&self, id: &str) -> Option<TenantStats> {
        let snapshot = self.published.load();
        let found = snapshot.directory.find_surely(&self.hasher.key(id)?, &self.slab)?;
        Some(self.tenant_stats(found.slot, id.to_owned()))
    }

    pub(super) fn stats_of_pool(&self, name: &str) -> Option<PoolStats> {
        let (now, snapshot) = (self.clock.now(), self.published.load());
        let service = snapshot.service(Some(name)).ok()?;
        Some(pool_stats(service, now))
    }

    fn tenant_stats(&self, slot: u32, id: String) -> TenantStats {
        let tenant = self.slab.get(slot);
        let waiting = tenant.waiting();
        TenantStats {
            id,
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
    let endpoint_stats = |member: &Member| {
        let endpoint = member.endpoint();
        EndpointStats {
            address: endpoint.address().to_owned(),
            in_flight: member.in_flight(),
            completed: endpoint.completed(),
            failed: endpoint.failed(),
            latency_s: endpoint.latency(decay, now).map(|nanos| f64::from(nanos) / 1e9),
            ejected: !endpoint.outlier().is_healthy(),
        }
    };
    PoolStats {
        name: service.pool.name().to_owned(),
        capacity: service.admission.capacity(),
        in_flight: service.admission.taken(),
        waiting: service.admission.waiting(),
        endpoints: service.pool.members().iter().map(endpoint_stats).collect(),
    }
}

const MOST_TENANTS: usize = 100;
/// How many slots a page looks at for each tenant that it may hold.
const SPARSE: u32 = 8;
