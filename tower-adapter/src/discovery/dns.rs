//! Endpoints from DNS: A and AAAA, or SRV.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use futures_util::{StreamExt, stream};
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::{Name, RecordType},
};
use tenantry::EndpointSpec;

use super::{
    DiscoveryError, Found, Source,
    lookup::{Addresses, LastGood, addresses, services, shorter},
    srv::{Target, endpoints},
};

/// What a name resolves to, asked again when it says so (its TTL, within the bounds of [`DiscoverySpec`](tenantry::DiscoverySpec)).
///
/// Names are complete: no search list is tried, as in nginx, because there a server's failure looks like a name that does not exist. Both families are asked for; where one
/// question has no answer (`SERVFAIL`, a timeout, a truncated answer without TCP), the last answer to that question counts, and the status tells. A name that does not exist is an empty answer. The machine's name
/// servers and its `hosts` file are read anew each time.
///
/// ```
/// use tenantry_tower::discovery::{Discoverer, Dns};
///
/// # use tenantry::{Balancer, Config, PoolSpec};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let balancer = Balancer::new(Config::new().with_pool("api", PoolSpec::default()))?;
/// let dns = Dns::new("http://localhost:8080")?;
/// let discovering = Discoverer::new(&balancer, "api", dns).start()?;
/// # discovering.watch().wait_for(|status| status.last_success().is_some()).await?;
/// # assert!(balancer.pool_stats("api").is_some_and(|pool| pool.endpoints()[0].address() == "http://127.0.0.1:8080"));
/// # Ok(())
/// # }
/// ```
pub struct Dns {
    name: Name,
    /// Of the endpoints; with SRV records these say it.
    port: Option<u16>,
    /// With its `://`, or empty.
    scheme: String,
    families: &'static [RecordType],
    servers: Vec<SocketAddr>,
    timeout: Option<Duration>,
    last_good: LastGood,
}

impl Dns {
    /// The addresses of a name: from `http://api.internal:8080` come endpoints such as `http://10.0.0.1:8080`. The scheme may be left out, the port not.
    ///
    /// # Errors
    /// When it is not written so.
    pub fn new(endpoint: &str) -> Result<Self, DiscoveryError> {
        let wrong = || DiscoveryError::Name {
            text: endpoint.to_owned(),
            fix: "write http://name:port, or name:port",
        };
        let (scheme, rest) = split_scheme(endpoint);
        let (name, port) = rest.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
        Ok(Self::of(read_name(name).ok_or_else(wrong)?, Some(port), scheme))
    }

    /// The services of a name: from `http://_api._tcp.internal` come endpoints such as `http://10.0.0.1:8080`, with the priorities as levels and the weights as weights. The scheme
    /// may be left out.
    ///
    /// # Errors
    /// When it is not written so.
    pub fn srv(service: &str) -> Result<Self, DiscoveryError> {
        let fix = "write http://_service._tcp.name, or _service._tcp.name";
        let wrong = || DiscoveryError::Name { text: service.to_owned(), fix };
        let (scheme, name) = split_scheme(service);
        Ok(Self::of(read_name(name).ok_or_else(wrong)?, None, scheme))
    }

    fn of(name: Name, port: Option<u16>, scheme: &str) -> Self {
        Self {
            name,
            port,
            scheme: scheme.to_owned(),
            families: &[RecordType::A, RecordType::AAAA],
            servers: vec![],
            timeout: None,
            last_good: LastGood::new(),
        }
    }

    /// Asks for IPv4 addresses only: where there is no way to others. Default: both.
    #[must_use]
    pub const fn ipv4_only(mut self) -> Self {
        self.families = &[RecordType::A];
        self
    }

    /// Asks for IPv6 addresses only. Default: both.
    #[must_use]
    pub const fn ipv6_only(mut self) -> Self {
        self.families = &[RecordType::AAAA];
        self
    }

    /// Asks this name server, over UDP, and over TCP where an answer does not fit; another call adds another one. The `hosts` file is not read then. Default: the machine's.
    #[must_use]
    pub fn with_name_server(mut self, server: SocketAddr) -> Self {
        self.servers.push(server);
        self
    }

    /// How long to wait for a server's answer, before it is asked once more and then the next. Default: the machine's setting, or 5 s.
    #[must_use]
    pub const fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// One for each round: it remembers nothing that could be out of date, and reads the machine's settings anew.
    fn resolver(&self) -> Result<TokioResolver, DiscoveryError> {
        let failed =
            |error: NetError| DiscoveryError::other(format_args!("no name server can be asked: {error}"));
        let mut builder = if self.servers.is_empty() {
            TokioResolver::builder_tokio().map_err(failed)?
        } else {
            let servers = self.servers.iter().copied().map(name_server).collect();
            let config = ResolverConfig::from_parts(None, vec![], servers);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        };
        let options = builder.options_mut();
        if !self.servers.is_empty() {
            options.use_hosts_file = ResolveHosts::Never;
        }
        if let Some(timeout) = self.timeout {
            options.timeout = timeout;
        }
        builder.build().map_err(failed)
    }

    /// The addresses of these names, by all questions at once, as far as a name server should be asked at once.
    async fn look_up(&self, resolver: &TokioResolver, names: &[Name]) -> Addresses {
        let questions =
            names.iter().flat_map(|name| self.families.iter().map(|family| (name.clone(), *family)));
        let questions: Vec<_> = questions.collect();
        let asked = questions.into_iter().map(|question| async {
            let answer = addresses(resolver, question.clone()).await;
            (question, answer)
        });
        let mut asked = stream::iter(asked).buffered(MOST_QUESTIONS);
        let mut found = Addresses::default();
        while let Some((question, answer)) = asked.next().await {
            found.take(question, answer, &self.last_good);
        }
        found
    }

    async fn find_addresses(&self, port: u16) -> Result<(Vec<EndpointSpec>, Addresses), DiscoveryError> {
        let mut found = self.look_up(&self.resolver()?, std::slice::from_ref(&self.name)).await;
        let addresses = found.of.remove(&self.name).unwrap_or_default();
        let endpoint = |address| format!("{}{}", self.scheme, SocketAddr::new(address, port));
        Ok((addresses.into_iter().map(endpoint).map(EndpointSpec::new).collect(), found))
    }

    async fn find_services(&self) -> Result<(Vec<EndpointSpec>, Addresses), DiscoveryError> {
        let resolver = self.resolver()?;
        let (services, ttl) = services(&resolver, self.name.clone()).await?;
        let mut names: Vec<Name> = services.iter().map(|service| service.target.clone()).collect();
        names.sort_unstable();
        names.dedup();
        let mut found = self.look_up(&resolver, &names).await;
        found.ttl = shorter(found.ttl, ttl);
        let target = |service: &hickory_resolver::proto::rr::rdata::SRV| Target {
            priority: service.priority,
            weight: service.weight,
            port: service.port,
            addresses: found.of.get(&service.target).cloned().unwrap_or_default(),
        };
        let targets = services.iter().map(target).collect();
        Ok((endpoints(targets, &self.scheme), found))
    }
}

impl Source for Dns {
    fn name(&self) -> String {
        let name = self.name.to_string();
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        format!("dns {}{}{port}", self.scheme, name.trim_end_matches('.'))
    }

    async fn find(&mut self) -> Result<Found, DiscoveryError> {
        let (endpoints, asked) = match self.port {
            Some(port) => self.find_addresses(port).await?,
            None => self.find_services().await?,
        };
        self.last_good = asked.last_good;
        match asked.problem {
            // Nothing is new: what there is are earlier answers.
            Some(problem) if endpoints.is_empty() || asked.ttl.is_none() => Err(problem),
            // Soon again, for what is missing.
            Some(problem) => Ok(Found::new(endpoints).with_ttl(Duration::ZERO).with_problem(problem)),
            None => Ok(Found::new(endpoints).with_ttl(Duration::from_secs(asked.ttl.unwrap_or(0).into()))),
        }
    }
}

impl fmt::Debug for Dns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dns")
            .field("name", &self.name())
            .field("servers", &self.servers)
            .finish_non_exhaustive()
    }
}

fn split_scheme(text: &str) -> (&str, &str) {
    let end = text.find("://").map_or(0, |start| start + 3);
    text.split_at(end)
}

/// A complete name, and no address.
fn read_name(text: &str) -> Option<Name> {
    let is_plain = !text.is_empty() && !text.contains(['/', '[', ']', ':', '@', ' ']);
    if !is_plain || text.parse::<IpAddr>().is_ok() {
        return None;
    }
    let mut name = Name::from_utf8(text).ok().filter(|name| !name.is_root())?;
    name.set_fqdn(true);
    Some(name)
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}

/// At once.
const MOST_QUESTIONS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_and_a_port_can_be_looked_up() {
        for (text, name) in [
            ("http://api.internal:8080", "dns http://api.internal:8080"),
            ("api.internal.:80", "dns api.internal:80"),
            ("https://bücher.example:443", "dns https://bücher.example:443"),
        ] {
            assert_eq!(Dns::new(text).expect("it is a name").name(), name);
        }
        for text in
            ["", "api.internal", "http://:80", "http://api.internal:0", "http://api.internal:80/", "a b:80"]
        {
            let error = Dns::new(text).expect_err(text).to_string();
            assert!(error.starts_with(&format!("{text:?} cannot be looked up")), "{error}");
        }
        for text in ["http://10.0.0.1:80", "http://[::1]:80", "http://:80", "http://.:80"] {
            Dns::new(text).expect_err("an address needs no DNS, and nothing is no name");
        }
        assert_eq!(
            Dns::srv("http://_api._tcp.internal").expect("it is a name").name(),
            "dns http://_api._tcp.internal"
        );
        Dns::srv("http://_api._tcp.internal:80").expect_err("the records say the port");
    }
}
