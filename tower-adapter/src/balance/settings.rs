use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

use http::request::Parts;
use tenantry::{Acquire, Attempt, Balancer, Request};

use super::{PickedEndpoint, Try, classify::Classifier};
use crate::{
    affinity::{Affinity, Session},
    route::MatchedRoute,
    tenant::TenantId,
};

/// What [`BalanceLayer`](super::BalanceLayer) was told, shared by all services that it makes.
#[derive(Clone, Default)]
pub(super) struct Settings {
    pub(super) pool: Option<Arc<str>>,
    pub(super) timeout: Option<Duration>,
    pub(super) cost: Option<Arc<CostFn>>,
    pub(super) priority: Option<Arc<PriorityFn>>,
    pub(super) seats: Option<Arc<SeatsFn>>,
    pub(super) key: Option<Arc<KeyFn>>,
    pub(super) limits: UpstreamLimits,
    pub(super) affinity: Option<Affinity>,
    pub(super) classifier: Classifier,
}

/// What to do with what answers say of their endpoint's limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum UpstreamLimits {
    #[default]
    Ignored,
    Learnt,
}

/// What is to be done when the answer comes.
pub(super) struct Landing {
    pub(super) classifier: Classifier,
    pub(super) limits: UpstreamLimits,
    pub(super) session: Option<Session>,
    pub(super) this_try: Option<Try>,
}

pub(super) type CostFn = dyn Fn(&Parts) -> u64 + Send + Sync;
pub(super) type PriorityFn = dyn Fn(&Parts) -> u8 + Send + Sync;
pub(super) type SeatsFn = dyn Fn(&Parts) -> u32 + Send + Sync;
pub(super) type KeyFn = dyn for<'a> Fn(&'a Parts) -> Option<Cow<'a, [u8]>> + Send + Sync;

impl Settings {
    /// Takes the request's place in the queue, or `None` where nobody said whose it is.
    pub(super) fn acquire(&self, balancer: &Balancer, parts: &Parts) -> Option<(Acquire, Landing)> {
        let tenant = parts.extensions.get::<TenantId>()?;
        let session = self.affinity.as_ref().map(|affinity| affinity.session(tenant.as_str(), parts));
        let key = self.key.as_ref().and_then(|key| key(parts));
        let this_try = parts.extensions.get::<Try>();
        // Nothing is allocated for the first one.
        let visited = this_try.map(Try::visited).unwrap_or_default();
        let visited: Vec<&str> = visited.iter().map(PickedEndpoint::address).collect();
        let mut request = Request::new(tenant.as_str()).avoid(&visited);
        let route = parts.extensions.get::<MatchedRoute>();
        if let Some(pool) = self.pool.as_deref().or_else(|| route?.pool()) {
            request = request.pool(pool);
        }
        if let Some(timeout) = self.timeout.or_else(|| route?.timeout()) {
            request = request.timeout(timeout);
        }
        if let Some(cost) = self.cost.as_ref().map(|cost| cost(parts)).or_else(|| route?.cost()) {
            request = request.cost(cost);
        }
        let priority = self.priority.as_ref().map(|priority| priority(parts));
        if let Some(priority) = priority.or_else(|| route?.priority()) {
            request = request.priority(priority);
        }
        if let Some(seats) = &self.seats {
            request = request.seats(seats(parts));
        }
        if let Some(key) = &key {
            request = request.key(key);
        }
        if let Some(session) = &session {
            request = session.bind(request);
        }
        if let Some(this_try) = this_try {
            this_try.queue();
            request = request.attempt(this_try.attempt());
            if this_try.attempt() == Attempt::Hedge {
                // Where others wait it would make them wait longer.
                request = request.timeout(Duration::ZERO);
            }
        }
        let (acquire, this_try) = (balancer.acquire_owned(request), this_try.cloned());
        let classifier = self.classifier.of_request(parts);
        Some((acquire, Landing { classifier, limits: self.limits, session, this_try }))
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
            .field("limits", &self.limits)
            .field("affinity", &self.affinity)
            .field("classifier", &self.classifier)
            .finish()
    }
}
