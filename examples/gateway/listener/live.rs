use std::{fmt, net::IpAddr, sync::Arc};

use arc_swap::ArcSwap;
use tenantry_tower::{guard::Guard, health::PoolTls, identity::Networks, proxy::Transport};

use super::Limits;
use crate::{config::Settings, route::Router, tls::Secure, transports::Transports};

/// What is in force, exchanged as a whole: new connections see its limits and certificates, and new requests its routes. Clones are the same.
#[derive(Clone)]
pub struct Live {
    now: Arc<ArcSwap<InForce>>,
}

/// The parts of a configuration that clients and endpoints see.
#[derive(Debug)]
pub(super) struct InForce {
    pub(super) limits: Limits,
    pub(super) secure: Option<Secure>,
    /// Who begins with a PROXY header.
    pub(super) proxies: Networks,
    /// Who speaks for other clients.
    hops: [Networks; 4],
    pub(super) guard: Option<Guard>,
    pub(super) router: Router,
    /// How endpoints are spoken to.
    transports: Transports,
}

impl Live {
    /// As these settings say, with a router made of them.
    #[must_use]
    pub fn new(settings: &Settings, router: Router) -> Self {
        Self { now: Arc::new(ArcSwap::from_pointee(InForce::new(settings, router))) }
    }

    /// Puts others in force.
    pub fn replace(&self, settings: &Settings, router: Router) {
        let mut next = InForce::new(settings, router);
        next.limits = next.limits.with_seats_of(self.now().limits);
        self.now.store(Arc::new(next));
    }

    /// How the health checks of a pool speak TLS, which is as its requests do.
    #[must_use]
    pub fn checks(&self, pool: &str) -> Option<PoolTls> {
        self.now().transports.get(pool).and_then(Transport::checks)
    }

    pub(super) fn now(&self) -> arc_swap::Guard<Arc<InForce>> {
        self.now.load()
    }
}

impl From<Router> for Live {
    /// Within the default limits, without TLS.
    fn from(router: Router) -> Self {
        let (limits, proxies, hops) = (Limits::default(), Networks::default(), Default::default());
        let transports = Transports::new();
        let now = InForce { limits, secure: None, proxies, hops, guard: None, router, transports };
        Self { now: Arc::new(ArcSwap::from_pointee(now)) }
    }
}

impl InForce {
    fn new(settings: &Settings, router: Router) -> Self {
        let (secure, proxies) = (settings.secure().cloned(), settings.proxies().clone());
        let (guard, transports) = (settings.guard().cloned(), settings.transports().clone());
        Self { limits: settings.limits(), secure, proxies, hops: settings.hops(), guard, router, transports }
    }

    /// Whether this is one that speaks for other clients.
    pub(super) fn is_hop(&self, address: IpAddr) -> bool {
        self.hops.iter().any(|hops| hops.contains(address))
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("now", &self.now()).finish()
    }
}

#[cfg(test)]
mod tests {
    use tenantry::{Balancer, Format};

    use super::*;
    use crate::config::Document;

    fn settings(limits: &str) -> (Settings, Router) {
        let text = format!(
            "[pools.api]\nendpoints = [\"http://a:1\"]\n[gateway.limits]\nmax_connections = {limits}"
        );
        let Document { balancer, settings, .. } = Document::from_text(&text, Format::Toml).unwrap();
        let router = Router::new(&Balancer::new(balancer).unwrap(), &settings, None);
        (settings, router)
    }

    #[test]
    fn a_clients_part_is_one_of_the_seats_that_there_are() {
        let (settings_before, router) = settings("8");
        let live = Live::new(&settings_before, router);
        for (limits, most) in [("8", 2), ("800", 2), ("800\nmax_connections_per_client = 5", 5)] {
            let (settings, router) = settings(limits);
            live.replace(&settings, router);
            assert_eq!(live.now().limits.max_connections_per_client(), most, "{limits}");
        }
    }
}
