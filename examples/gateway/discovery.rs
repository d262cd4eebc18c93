//! `[gateway.discovery.POOL]`: where the gateway looks for a pool's endpoints.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenantry::{Balancer, Config, ConfigError, DiscoverySpec};
use tenantry_tower::{
    discovery::{Discoverer, Discovering, DiscoveryError, Dns, Found, Source, WatchedFile},
    proxy::ReverseProxy,
};

use crate::{listener::InboundBody, unfit::Unfit, values::Span};

/// `[gateway.discovery.POOL]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DiscoveryTable {
    dns: Option<String>,
    srv: Option<String>,
    file: Option<PathBuf>,
    name_servers: Vec<SocketAddr>,
    family: Option<Family>,
    timeout: Option<Span>,
    floor: Span,
    ceiling: Span,
    may_empty: bool,
    most_endpoints: u32,
    /// Where files are that are named without a folder.
    #[serde(skip)]
    folder: PathBuf,
    #[serde(skip)]
    schemes: Schemes,
}

/// In which ways a pool's endpoints can be spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Schemes {
    pub(crate) plain: bool,
    pub(crate) secure: bool,
}

/// Which addresses are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
enum Family {
    Ipv4,
    Ipv6,
}

/// The tables by pool.
pub(crate) type DiscoveryTables = BTreeMap<String, DiscoveryTable>;

/// Where a table says that endpoints are.
enum Place {
    Dns(Dns),
    File(WatchedFile),
}

/// Whether a pool's endpoints may be spoken to by TLS, as far as its table tells.
pub(crate) fn wants_tls(tables: &DiscoveryTables, pool: &str) -> bool {
    let table = tables.get(pool);
    table
        .and_then(|table| table.dns.as_ref().or(table.srv.as_ref()))
        .is_some_and(|name| name.starts_with("https://"))
}

/// Checks all tables against the rest of the document.
pub(crate) fn check(
    tables: &mut DiscoveryTables,
    balancer: &Config,
    folder: &Path,
    schemes: impl Fn(&str) -> Schemes,
) -> Result<(), Unfit> {
    for (pool, table) in tables {
        if !balancer.pools().contains_key(pool) {
            let pools: Vec<&str> = balancer.pools().keys().map(String::as_str).collect();
            let fix = format!("name one of the pools: {}", pools.join(", "));
            return Err(Unfit::new(format!("gateway.discovery.{pool}"), format!("{pool:?}"), fix));
        }
        table.schemes = schemes(pool);
        folder.clone_into(&mut table.folder);
        table.place(pool)?;
        // The core knows the bounds: a balancer of the pool alone tells.
        let alone = Config::new().with_pool(pool.clone(), tenantry::PoolSpec::default());
        let alone = Balancer::new(alone).and_then(|alone| alone.discovery(pool, "", table.spec()).map(drop));
        alone.map_err(|error| Unfit::hidden(format!("gateway.discovery.{pool}"), error))?;
    }
    Ok(())
}

impl DiscoveryTable {
    fn place(&self, pool: &str) -> Result<Place, Unfit> {
        let path = |field: &str| format!("gateway.discovery.{pool}.{field}");
        let unfit = |field: &str, error: DiscoveryError| Unfit::hidden(path(field), error);
        let place = match (&self.dns, &self.srv, &self.file) {
            (Some(name), None, None) => {
                Place::Dns(self.asked(Dns::new(name).map_err(|error| unfit("dns", error))?))
            }
            (None, Some(name), None) => {
                Place::Dns(self.asked(Dns::srv(name).map_err(|error| unfit("srv", error))?))
            }
            (None, None, Some(file)) => {
                Place::File(WatchedFile::new(self.folder.join(file)).map_err(|error| unfit("file", error))?)
            }
            _ => {
                return Err(Unfit::hidden(
                    format!("gateway.discovery.{pool}"),
                    "name one of dns, srv and file",
                ));
            }
        };
        if matches!(place, Place::File(_)) {
            let of_dns = [
                ("name_servers", !self.name_servers.is_empty()),
                ("family", self.family.is_some()),
                ("timeout", self.timeout.is_some()),
            ];
            if let Some((field, _)) = of_dns.into_iter().find(|(_, is_there)| *is_there) {
                return Err(Unfit::hidden(
                    path(field),
                    "leave it out: a file is read, and no name server asked",
                ));
            }
        }
        Ok(place)
    }

    fn asked(&self, dns: Dns) -> Dns {
        let dns = self.name_servers.iter().copied().fold(dns, Dns::with_name_server);
        let dns = match self.family {
            Some(Family::Ipv4) => dns.ipv4_only(),
            Some(Family::Ipv6) => dns.ipv6_only(),
            None => dns,
        };
        match self.timeout {
            Some(timeout) => dns.with_timeout(timeout.0),
            None => dns,
        }
    }

    fn spec(&self) -> DiscoverySpec {
        let (Span(floor), Span(ceiling)) = (self.floor, self.ceiling);
        let spec = DiscoverySpec::new().with_floor(floor).with_ceiling(ceiling);
        let spec = spec.with_most_endpoints(self.most_endpoints);
        if self.may_empty { spec.may_empty() } else { spec }
    }

    fn start(&self, balancer: &Balancer, pool: &str) -> Result<Discovering, String> {
        let started = match self.place(pool).map_err(|error| error.to_string())? {
            Place::Dns(dns) => self.discoverer(balancer, pool, dns),
            Place::File(file) => self.discoverer(balancer, pool, file),
        };
        started.map_err(|error| format!("gateway.discovery.{pool}: {error}"))
    }

    fn discoverer<S: Source>(
        &self,
        balancer: &Balancer,
        pool: &str,
        source: S,
    ) -> Result<Discovering, ConfigError> {
        let source = Dialable { source, schemes: self.schemes };
        Discoverer::new(balancer, pool, source).with_spec(self.spec()).start()
    }
}

impl Default for DiscoveryTable {
    fn default() -> Self {
        let spec = DiscoverySpec::new();
        Self {
            dns: None,
            srv: None,
            file: None,
            name_servers: Vec::new(),
            family: None,
            timeout: None,
            floor: Span(spec.floor()),
            ceiling: Span(spec.ceiling()),
            may_empty: spec.is_emptying(),
            most_endpoints: spec.most_endpoints(),
            folder: PathBuf::new(),
            schemes: Schemes::default(),
        }
    }
}

/// What the gateway can dial of what a source finds: all of an answer, or nothing.
struct Dialable<S> {
    source: S,
    schemes: Schemes,
}

impl<S: Source> Source for Dialable<S> {
    fn name(&self) -> String {
        self.source.name()
    }

    async fn find(&mut self) -> Result<Found, DiscoveryError> {
        let found = self.source.find().await?;
        for endpoint in found.endpoints() {
            let address = endpoint.address();
            let Schemes { plain, secure } = self.schemes;
            let fix = match address.starts_with("https://") {
                true if !secure => "add the table [gateway.upstream.POOL.tls], or write http://",
                false if !plain => "write https://: it would be spoken to without TLS",
                _ if ReverseProxy::<InboundBody>::check_address(address).is_err() => {
                    "write \"http://host:port\" or \"https://host:port\", without a path"
                }
                _ => continue,
            };
            // What stands before an @ may be a password.
            let address = address.rsplit('@').next().unwrap_or_default();
            return Err(DiscoveryError::other(format_args!("{address:?} cannot be dialled: {fix}")));
        }
        Ok(found)
    }

    async fn changed(&mut self) {
        self.source.changed().await;
    }
}

/// The discoveries under way.
#[derive(Debug, Default)]
pub(crate) struct Discoveries(BTreeMap<String, (DiscoveryTable, Discovering)>);

impl Discoveries {
    /// These, and those under way of pools that leave.
    pub(crate) fn beside<'a>(
        &self,
        tables: &DiscoveryTables,
        leaving: impl Iterator<Item = &'a str>,
    ) -> DiscoveryTables {
        let under_way = leaving.filter_map(|pool| Some((pool.to_owned(), self.0.get(pool)?.0.clone())));
        under_way.chain(tables.clone()).collect()
    }

    /// Ends those of pools that have no table any more. Whether there were any: what they have found goes with the next configuration.
    pub(crate) async fn end_others(&mut self, tables: &DiscoveryTables) -> bool {
        let (kept, ended) =
            std::mem::take(&mut self.0).into_iter().partition(|(pool, _)| tables.contains_key(pool));
        let ended: BTreeMap<_, (_, Discovering)> = ended;
        self.0 = kept;
        let were_there = !ended.is_empty();
        for (_, discovering) in ended.into_values() {
            discovering.stop().await;
        }
        were_there
    }

    /// From now on these are. Who is among them already goes on; one that another replaces leaves it what it has found, until that has an answer of its own. What
    /// could not be started.
    pub(crate) fn follow(&mut self, tables: &DiscoveryTables, balancer: &Balancer) -> Vec<String> {
        self.0.retain(|pool, (table, _)| tables.get(pool) == Some(table));
        let mut problems = Vec::new();
        for (pool, table) in tables {
            if self.0.contains_key(pool) {
                continue;
            }
            match table.start(balancer, pool) {
                Ok(discovering) => drop(self.0.insert(pool.clone(), (table.clone(), discovering))),
                Err(problem) => problems.push(problem),
            }
        }
        problems
    }
}
