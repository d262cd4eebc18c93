//! `upstream`: how the gateway speaks to the endpoints of each pool.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter::successors,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenantry::Config;
use tenantry_tower::{
    proxy::{ReverseProxy, Transport},
    tls::{CertificateFiles, ClientTls},
};

use crate::{listener::InboundBody, unfit::Unfit};

/// `[gateway.upstream.POOL]`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct UpstreamTable {
    http2: bool,
    tls: Option<ClientTable>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ClientTable {
    ca: Option<PathBuf>,
    client_certificate: Option<PathBuf>,
    client_key: Option<PathBuf>,
    server_name: Option<String>,
    verify: bool,
}

/// The pools that are spoken to in another way than plain HTTP/1.1.
pub(crate) type Transports = BTreeMap<String, Transport>;

/// The pools whose requests reach only endpoints that speak HTTP/2, whichever pool stands in for theirs.
pub(crate) fn hearing_grpc(transports: &Transports, balancer: &Config) -> BTreeSet<String> {
    let hears = |pool: &&String| chain(pool, balancer).all(|pool| is_http2(transports, pool));
    balancer.pools().keys().filter(hears).cloned().collect()
}

/// The pools some of whose requests may reach endpoints that speak HTTP/2.
pub(crate) fn reaching_http2(transports: &Transports, balancer: &Config) -> BTreeSet<String> {
    let reaches = |pool: &&String| chain(pool, balancer).any(|pool| is_http2(transports, pool));
    balancer.pools().keys().filter(reaches).cloned().collect()
}

/// A pool, and who stands in for it.
fn chain<'a>(pool: &'a str, balancer: &'a Config) -> impl Iterator<Item = &'a str> {
    let pools = balancer.pools();
    // No chain is longer; that none goes around is for the balancer to say.
    successors(Some(pool), |pool| pools.get(*pool)?.fallback()).take(pools.len())
}

fn is_http2(transports: &Transports, pool: &str) -> bool {
    transports.get(pool).is_some_and(Transport::is_http2)
}

/// What the tables say, and TLS for pools whose endpoints want it.
pub(crate) fn transports(
    tables: &BTreeMap<String, UpstreamTable>,
    balancer: &Config,
    folder: &Path,
    finds_tls: impl Fn(&str) -> bool,
) -> Result<Transports, Unfit> {
    let mut transports = Transports::new();
    for (pool, spec) in balancer.pools() {
        let addresses = spec.endpoints().iter().map(tenantry::EndpointSpec::address);
        let is_told = tables.get(pool).is_some_and(UpstreamTable::demands_tls);
        let is_secure = finds_tls(pool) || { addresses }.any(|address| address.starts_with("https://"));
        if !is_told && is_secure {
            let system = Transport::tls(&ClientTls::new());
            let system =
                system.map_err(|error| Unfit::hidden(format!("gateway.upstream.{pool}.tls.ca"), error));
            transports.insert(pool.clone(), system?);
        }
    }
    for (pool, table) in tables {
        if !balancer.pools().contains_key(pool) {
            let pools: Vec<&str> = balancer.pools().keys().map(String::as_str).collect();
            let fix = format!("name one of the pools: {}", pools.join(", "));
            return Err(Unfit::new(format!("gateway.upstream.{pool}"), format!("{pool:?}"), fix));
        }
        if table.demands_tls() {
            let endpoints = balancer.pools()[pool].endpoints().iter().map(tenantry::EndpointSpec::address);
            if let Some(plain) = { endpoints }.find(|address| !address.starts_with("https://")) {
                let fix = format!("write https://: {plain:?} would be spoken to without TLS");
                return Err(Unfit::new(format!("gateway.upstream.{pool}.tls"), format!("{plain:?}"), fix));
            }
        }
        let known = transports.remove(pool);
        transports.insert(pool.clone(), table.transport(known, pool, folder)?);
    }
    Ok(transports)
}

/// Checks that the gateway can dial every endpoint, now rather than at the first request.
pub(crate) fn dialable(balancer: &Config) -> Result<(), Unfit> {
    for (name, pool) in balancer.pools() {
        for (index, endpoint) in pool.endpoints().iter().enumerate() {
            if ReverseProxy::<InboundBody>::check_address(endpoint.address()).is_err() {
                let path = format!("pools.{name}.endpoints[{index}].address");
                // What stands before an @ may be a password.
                let value = format!("{:?}", endpoint.address().rsplit('@').next().unwrap_or_default());
                let fix = "write \"http://host:port\" or \"https://host:port\", without a path";
                return Err(Unfit::new(path, value, fix));
            }
        }
    }
    Ok(())
}

impl UpstreamTable {
    /// Whether every endpoint has to be spoken to by TLS.
    pub(crate) const fn demands_tls(&self) -> bool {
        self.tls.is_some()
    }

    fn transport(&self, known: Option<Transport>, pool: &str, folder: &Path) -> Result<Transport, Unfit> {
        let transport = match &self.tls {
            None => known.unwrap_or_else(Transport::plain),
            Some(table) => Transport::tls(&table.client(&format!("gateway.upstream.{pool}.tls"), folder)?)
                .map_err(|error| Unfit::hidden(format!("gateway.upstream.{pool}.tls"), error))?,
        };
        Ok(if self.http2 { transport.with_http2() } else { transport })
    }
}

impl ClientTable {
    /// `at` is where the table stands.
    pub(crate) fn client(&self, at: &str, folder: &Path) -> Result<ClientTls, Unfit> {
        let path = |field: &str| format!("{at}.{field}");
        let mut tls = ClientTls::new();
        if let Some(file) = &self.ca {
            tls = tls.with_roots(folder.join(file));
        }
        tls = match (&self.client_certificate, &self.client_key) {
            (Some(certificate), Some(key)) => {
                tls.with_certificate(CertificateFiles::new(folder.join(certificate), folder.join(key)))
            }
            (None, None) => tls,
            (Some(_), None) => return Err(Unfit::hidden(path("client_key"), "name the certificate's key")),
            (None, Some(_)) => {
                return Err(Unfit::hidden(path("client_certificate"), "name the key's certificate"));
            }
        };
        if let Some(name) = &self.server_name {
            tls = tls.with_server_name(name.as_str());
        }
        match (self.verify, &self.ca) {
            (false, Some(_)) => {
                let fix = "leave out one of ca and verify = false: nothing is verified by it";
                Err(Unfit::hidden(path("verify"), fix))
            }
            (false, None) => Ok(tls.without_verification()),
            (true, _) => Ok(tls),
        }
    }
}

impl Default for ClientTable {
    fn default() -> Self {
        Self { ca: None, client_certificate: None, client_key: None, server_name: None, verify: true }
    }
}
