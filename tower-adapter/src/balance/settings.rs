use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use http::request::Parts;
use tenantry::{Acquire, Balancer, Request};

use crate::tenant::TenantId;

/// What [`BalanceLayer`](super::BalanceLayer) was told, shared by all services that it makes.
#[derive(Clone, Default)]
pub(super) struct Settings {
    pub(super) pool: Option<Arc<str>>,
    pub(super) timeout: Option<Duration>,
    pub(super) cost: Option<Arc<CostFn>>,
    pub(super) priority: Option<Arc<PriorityFn>>,
    pub(super) seats: Option<Arc<SeatsFn>>,
    pub(super) key: Option<Arc<KeyFn>>,
}

pub(super) type CostFn = dyn Fn(&Parts) -> u64 + Send + Sync;
pub(super) type PriorityFn = dyn Fn(&Parts) -> u8 + Send + Sync;
pub(super) type SeatsFn = dyn Fn(&Parts) -> u32 + Send + Sync;
pub(super) type KeyFn = dyn for<'a> Fn(&'a Parts) -> Option<Cow<'a, [u8]>> + Send + Sync;

impl Settings {
    /// Takes the request's place in the queue, or `None` where nobody said whose it is.
    pub(super) fn acquire(&self, balancer: &Balancer, parts: &Parts) -> Option<Acquire> {
        let tenant = parts.extensions.get::<TenantId>()?;
        let key = self.key.as_ref().and_then(|key| key(parts));
        let mut request = Request::new(tenant.as_str());
        if let Some(pool) = &self.pool {
            request = request.pool(pool);
        }
        if let Some(timeout) = self.timeout {
            request = request.timeout(timeout);
        }
        if let Some(cost) = &self.cost {
            request = request.cost(cost(parts));
        }
        if let Some(priority) = &self.priority {
            request = request.priority(priority(parts));
        }
        if let Some(seats) = &self.seats {
            request = request.seats(seats(parts));
        }
        if let Some(key) = &key {
            request = request.key(key);
        }
        Some(balancer.acquire_owned(request))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("pool", &self.pool)
            .field("timeout", &self.timeout)
            .field("cost", &self.cost.as_ref().map(|_| "a function"))
            .field("priority", &self.priority.as_ref().map(|_| "a function"))
            .field("seats", &self.seats.as_ref().map(|_| "a function"))
            .field("key", &self.key.as_ref().map(|_| "a function"))
            .finish()
    }
}
