use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use tower::Layer;

use super::{
    Counted, RequestStats,
    busiest::{Busiest, OTHERS},
    counts::{Counts, End},
};
use crate::{route::MatchedRoute, tenant::TenantId};

/// A layer that counts how requests end, by pool and tenant, and how long they take to be answered: from their arrival to the answer's head.
/// From [`Metrics::requests`](crate::metrics::Metrics::requests). Clones count together.
///
/// It stands outside of [`RejectionLayer`](crate::rejection::RejectionLayer), whose answers tell it why something was refused, and within what finds the tenant and the
/// route: a request without a tenant is not counted. What a client gives up is not either. A gRPC answer counts by its `grpc-status`, and where that comes behind the body, when the body has ended: it takes
/// a [`BalanceLayer`](crate::balance::BalanceLayer) within, whose classifier says what it comes to. Who turns out to be
/// [unknown](tenantry::Rejection::UnknownTenant) counts among the others, whatever it calls itself.
#[derive(Clone, Default)]
pub struct RequestsLayer {
    pools: Arc<RwLock<BTreeMap<Arc<str>, Arc<Busiest>>>>,
    pool: Option<Arc<str>>,
}

impl RequestsLayer {
    /// Counts under this pool what took no route that names one.
    #[must_use]
    pub fn pool(mut self, name: impl Into<Arc<str>>) -> Self {
        self.pool = Some(name.into());
        self
    }

    /// Everything that was counted: of each pool first everybody's, then each tenant's by id, then all others'. `is_there` says which pools exist; the others are forgotten.
    pub(crate) fn stats(&self, is_there: impl Fn(&str) -> bool) -> Vec<RequestStats> {
        let mut pools = self.pools.write().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|pool, _| pool.is_empty() || is_there(pool));
        let mut stats = vec![];
        for (pool, busiest) in pools.iter() {
            let of = |tenant: Option<&str>, counts: &Counts| RequestStats {
                pool: pool.to_string(),
                tenant: tenant.map(ToOwned::to_owned),
                reading: counts.read(),
            };
            stats.push(of(None, &busiest.all));
            stats.extend(busiest.tenants().iter().map(|(id, counts)| of(Some(id.as_str()), counts)));
            stats.push(of(Some(OTHERS), &busiest.others));
        }
        stats
    }

    pub(super) fn busiest(&self, route: Option<&MatchedRoute>) -> Arc<Busiest> {
        let name = route.and_then(MatchedRoute::pool).or(self.pool.as_deref()).unwrap_or_default();
        if let Some(known) = self.pools.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return Arc::clone(known);
        }
        // Bounded: routes and this layer name pools, requests do not.
        let mut pools = self.pools.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(pools.entry(name.into()).or_default())
    }
}

impl<S> Layer<S> for RequestsLayer {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted::new(inner, self.clone())
    }
}

impl fmt::Debug for RequestsLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestsLayer").field("pool", &self.pool).finish_non_exhaustive()
    }
}

/// Where a request counts.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) busiest: Arc<Busiest>,
    pub(super) tenant: TenantId,
}

impl Place {
    /// A request has ended so, after this long.
    pub(super) fn count(&self, end: End, took: Duration) {
        self.busiest.all.add(end, took);
        self.busiest.of_end(&self.tenant, end).add(end, took);
    }
}
