use std::{
    collections::BTreeMap,
    mem,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use http::HeaderName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenantry::Config;
use tenantry_tower::{guard::Guard, identity::Networks, proxy::Transport, route::Routes};

use super::{made::Made, rate_limit_headers::RateLimitHeaders, slashes::Slashes};
use crate::{
    admin::{AdminForm, AdminTable},
    alert::{Alarm, AlertTable},
    discovery::{self, DiscoveryTables, Schemes},
    document_error::DocumentError,
    forwarded::ForwardedTable,
    guard::GuardTable,
    identify::{Gate, Identify},
    keys::KeyFile,
    listener::Limits,
    log::LogTable,
    otel::OtelTable,
    proxy_protocol::ProxyProtocolTable,
    routes::RouteTable,
    tls::{Secure, TlsTable},
    transports::{Transports, UpstreamTable},
    values::Span,
};

/// The `[gateway]` table.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    #[schemars(with = "String")]
    listen: SocketAddr,
    pub(super) proxy_protocol: Option<ProxyProtocolTable>,
    #[schemars(with = "Option<AdminForm>")]
    pub(super) admin: Option<AdminTable>,
    pub(super) identify: Option<Identify>,
    pub(super) guard: Option<GuardTable>,
    pub(super) alert: Option<AlertTable>,
    pub(super) routes: Vec<RouteTable>,
    pub(super) encoded_slashes: Slashes,
    pub(super) forwarded: ForwardedTable,
    drain: Span,
    rate_limit_headers: RateLimitHeaders,
    limits: Limits,
    log: Option<LogTable>,
    otel: Option<OtelTable>,
    pub(super) tls: Option<TlsTable>,
    pub(super) upstream: BTreeMap<String, UpstreamTable>,
    pub(super) discovery: DiscoveryTables,
    /// What it all comes to.
    #[serde(skip)]
    made: Made,
}

impl Settings {
    /// The defaults, with one route that leads everything to one pool.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "it cannot panic: one route without rules is never wrong")]
    pub fn for_only_pool(name: &str) -> Self {
        let route = RouteTable::everything_to(name);
        let map = Routes::new([route.route().expect("a route without rules cannot be wrong")]);
        let map = map.expect("one route collides with none");
        Self { routes: vec![route], made: Made { map, ..Made::default() }, ..Self::default() }
    }

    /// Where to listen. Default `127.0.0.1:8080`.
    #[must_use]
    pub const fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Whose connections begin with a header of the PROXY protocol. Default: nobody's.
    pub(crate) const fn proxies(&self) -> &Networks {
        &self.made.proxies
    }

    /// Where its own pages are, and who may act there. Default: nowhere.
    #[must_use]
    pub const fn admin(&self) -> Option<&AdminTable> {
        self.admin.as_ref()
    }

    /// Who speaks for other clients, as far as it says so anywhere.
    pub(crate) fn hops(&self) -> [Networks; 4] {
        let guard = self.made.watch.as_ref().map(|guard| guard.policy().trusted_hops().clone());
        [
            self.made.proxies.clone(),
            self.made.gate.hops().clone(),
            guard.unwrap_or_default(),
            self.made.forwarding_hops.clone(),
        ]
    }

    /// How requests are identified.
    pub(crate) const fn gate(&self) -> &Gate {
        &self.made.gate
    }

    /// Who watches for intruders, where the table `guard` is there. Default: nobody.
    #[must_use]
    pub const fn guard(&self) -> Option<&Guard> {
        self.made.watch.as_ref()
    }

    /// What is told to whom, where the table `alert` is there. Default: nothing.
    pub(crate) const fn alarm(&self) -> Option<&Alarm> {
        self.made.alarm.as_ref()
    }

    /// What was learnt under the settings before goes on: what tenants have used of the routes' limits, the keys that an issuer gave, and the guard where the new one would be like
    /// it; else its bans do. Pools that leave are spoken to as before, for their checks would fail otherwise.
    pub(crate) fn go_on_with<'a>(&mut self, before: &Self, leaving: impl Iterator<Item = &'a str>) {
        let known = leaving.filter_map(|pool| before.made.transports.get_key_value(pool));
        self.made.transports.extend(known.map(|(pool, transport)| (pool.clone(), transport.clone())));
        self.made.map = mem::take(&mut self.made.map).going_on_with(&before.made.map);
        self.made.gate.go_on_with(&before.made.gate);
        if let (Some(guard), Some(before)) = (&mut self.made.watch, &before.made.watch) {
            if guard.policy() == before.policy() {
                *guard = before.clone();
            } else {
                guard.carry_on(before);
            }
        }
    }

    /// The header that names the tenant, where one does. Default `x-tenant`, from this machine only.
    #[must_use]
    pub const fn tenant_header(&self) -> Option<&HeaderName> {
        self.made.gate.header()
    }

    /// The file of keys that is to be watched, where there is one.
    #[must_use]
    pub const fn key_file(&self) -> Option<&KeyFile> {
        self.made.gate.key_file()
    }

    /// The routes, as they are written.
    #[must_use]
    pub fn routes(&self) -> &[RouteTable] {
        &self.routes
    }

    /// Which of them a request takes.
    pub(crate) const fn map(&self) -> &Routes {
        &self.made.map
    }

    /// Whose word counts on who asked, and for what. Default: that of those whom `identify` trusts.
    pub(crate) const fn forwarding_hops(&self) -> &Networks {
        &self.made.forwarding_hops
    }

    /// How long requests in flight may take after a signal. Default 30 s.
    #[must_use]
    pub const fn drain(&self) -> Duration {
        self.drain.0
    }

    /// What answers say about the tenant's rates. Default: the current fields.
    #[must_use]
    pub const fn rate_limit_headers(&self) -> RateLimitHeaders {
        self.rate_limit_headers
    }

    /// What one client may ask for at most.
    #[must_use]
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// What is told of requests, and how. Default: nothing.
    #[must_use]
    pub const fn log(&self) -> Option<&LogTable> {
        self.log.as_ref()
    }

    /// Where traces and metrics go. Default: nowhere.
    #[must_use]
    pub const fn otel(&self) -> Option<&OtelTable> {
        self.otel.as_ref()
    }

    /// TLS as it is spoken to clients, where it is.
    #[must_use]
    pub const fn secure(&self) -> Option<&Secure> {
        self.made.secure.as_ref()
    }

    /// Whether everybody's word on whose a request is is taken.
    pub(crate) fn trusts_everybody(&self) -> bool {
        let anywhere: [IpAddr; 2] =
            [Ipv4Addr::new(192, 0, 2, 1).into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()];
        anywhere.into_iter().any(|address| self.made.gate.hops().contains(address))
    }

    /// The same with what goes without saying, as far as it is the gateway's.
    pub(crate) fn with_defaults(&self) -> Self {
        let identify = self.identify.clone().unwrap_or_default().with_defaults();
        let trusted = identify.hops();
        Self {
            guard: self.guard.as_ref().map(|guard| guard.with_defaults(trusted)),
            otel: self.otel.as_ref().map(|otel| otel.with_defaults(trusted)),
            forwarded: self.forwarded.with_defaults(trusted),
            alert: self.alert.as_ref().map(AlertTable::with_defaults),
            tls: self.tls.as_ref().map(TlsTable::with_defaults),
            limits: self.limits.with_defaults(),
            routes: self.routes.iter().map(RouteTable::with_defaults).collect(),
            identify: Some(identify),
            ..self.clone()
        }
    }

    /// Whether all endpoints that requests to this pool may reach hear HTTP/2, which gRPC is spoken over.
    pub(crate) fn hears_grpc(&self, pool: &str) -> bool {
        self.made.hearing_grpc.contains(pool)
    }

    /// Whether some of the endpoints that requests to this pool may reach hear HTTP/2.
    pub(crate) fn reaches_http2(&self, pool: &str) -> bool {
        self.made.reaching_http2.contains(pool)
    }

    /// How the endpoints of some pools are spoken to.
    pub(crate) const fn transports(&self) -> &Transports {
        &self.made.transports
    }

    /// Where endpoints are looked for.
    pub(crate) const fn discovery(&self) -> &DiscoveryTables {
        &self.discovery
    }

    /// Checks what serde cannot, and makes of it what serves.
    pub(crate) fn resolve(&mut self, balancer: &Config, folder: &Path) -> Result<(), DocumentError> {
        if let Some(admin) = &mut self.admin {
            admin.read_token(folder)?;
        }
        if self.routes.is_empty() {
            self.routes = vec![RouteTable::for_only_pool_of(balancer)?];
        }
        self.made = Made::of(self, balancer, folder)?;
        self.log.as_ref().map_or(Ok(()), LogTable::check)?;
        self.otel.as_ref().map_or(Ok(()), |otel| otel.check(&self.made.gate))?;
        let (transports, upstream) = (&self.made.transports, &self.upstream);
        let schemes = |pool: &str| Schemes {
            secure: transports.get(pool).is_some_and(Transport::is_secure),
            plain: !upstream.get(pool).is_some_and(UpstreamTable::demands_tls),
        };
        discovery::check(&mut self.discovery, balancer, folder, schemes)?;
        Ok(())
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            proxy_protocol: None,
            admin: None,
            identify: None,
            guard: None,
            alert: None,
            routes: Vec::new(),
            encoded_slashes: Slashes::default(),
            forwarded: ForwardedTable::default(),
            drain: Span(Duration::from_secs(30)),
            rate_limit_headers: RateLimitHeaders::default(),
            limits: Limits::default(),
            log: None,
            otel: None,
            tls: None,
            upstream: BTreeMap::new(),
            discovery: DiscoveryTables::new(),
            made: Made::default(),
        }
    }
}
