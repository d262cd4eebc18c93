use std::{
    collections::BTreeSet,
    net::{IpAddr, SocketAddr},
};

use http::{Request, header::HOST, uri::Authority};

/// The names under which an [`Admin`](super::Admin) answers. Ports do not count: what forwards to it may have another.
///
/// `localhost` and the loopback addresses always do. A page whose name somebody has pointed here (DNS rebinding) comes with that name, and gets nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    names: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
    /// An address is no name that anybody could point elsewhere.
    any_address: bool,
}

impl Hosts {
    /// This machine's only.
    #[must_use]
    pub fn local() -> Self {
        Self::default()
    }

    /// Also the address that is listened on; any address, where that is all of them (`0.0.0.0`, `::`).
    #[must_use]
    pub fn listening_on(mut self, address: SocketAddr) -> Self {
        self.any_address |= address.ip().is_unspecified();
        self.addresses.insert(address.ip().to_canonical());
        self
    }

    /// Also this name or address, without a port, as browsers and scrapers write it.
    #[must_use]
    pub fn with_host(mut self, host: impl Into<String>) -> Self {
        let host = host.into();
        match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            Ok(address) => self.addresses.insert(address.to_canonical()),
            Err(_) => self.names.insert(host.to_ascii_lowercase()),
        };
        self
    }

    /// Whether a request names one of them, and only one.
    pub(super) fn allow<B>(&self, request: &Request<B>) -> bool {
        let mut fields = request.headers().get_all(HOST).iter();
        let field = match (fields.next(), fields.next()) {
            (None, _) => None,
            (Some(field), None) => {
                match field.to_str().ok().and_then(|field| field.parse::<Authority>().ok()) {
                    Some(authority) => Some(authority),
                    None => return false,
                }
            }
            (Some(_), Some(_)) => return false,
        };
        // HTTP/2 has it in the target; where both are there, both must be right.
        let named: Vec<&Authority> = field.iter().chain(request.uri().authority()).collect();
        !named.is_empty() && named.into_iter().all(|authority| self.has(authority))
    }

    /// Whether an origin, as in the field of that name, is one of them.
    pub(super) fn allow_origin(&self, origin: &[u8]) -> bool {
        let text = std::str::from_utf8(origin).unwrap_or_default();
        let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
        rest.and_then(|rest| rest.parse::<Authority>().ok()).is_some_and(|authority| self.has(&authority))
    }

    fn has(&self, authority: &Authority) -> bool {
        if authority.as_str().contains('@') {
            return false;
        }
        let host = authority.host();
        match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            Ok(address) => {
                let address = address.to_canonical();
                self.any_address || address.is_loopback() || self.addresses.contains(&address)
            }
            Err(_) => {
                host.eq_ignore_ascii_case("localhost") || self.names.contains(&host.to_ascii_lowercase())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(hosts: &Hosts, fields: &[&str]) -> bool {
        let request = fields.iter().fold(Request::get("/"), |request, host| request.header(HOST, *host));
        hosts.allow(&request.body(()).unwrap())
    }

    #[test]
    fn only_known_names_and_addresses_are_answered() {
        let hosts = Hosts::local().listening_on("10.0.0.7:9090".parse().unwrap()).with_host("Admin.Example");
        for host in
            ["localhost", "LOCALHOST:1", "127.0.0.1:9090", "[::1]:9090", "10.0.0.7", "admin.example:443"]
        {
            assert!(asks(&hosts, &[host]), "{host}");
        }
        for host in [
            "evil.example",
            "10.0.0.8",
            "localhost.evil.example",
            "admin.example.",
            "x@localhost",
            "[::2]",
            "",
            "a b",
        ] {
            assert!(!asks(&hosts, &[host]), "{host}");
        }
        assert!(!asks(&hosts, &[]) && !asks(&hosts, &["localhost", "localhost"]));
        assert!(hosts.allow_origin(b"http://localhost:9090") && !hosts.allow_origin(b"null"));
        assert!(!hosts.allow_origin(b"http://evil.example"));
    }

    #[test]
    fn where_every_address_is_listened_on_every_address_is_answered_but_no_name() {
        let hosts = Hosts::local().listening_on("0.0.0.0:9090".parse().unwrap());
        assert!(asks(&hosts, &["192.0.2.7:9090"]) && !asks(&hosts, &["evil.example"]));
    }

    #[test]
    fn a_target_of_its_own_must_be_right_too() {
        let request = Request::get("http://evil.example/").header(HOST, "localhost").body(()).unwrap();
        assert!(!Hosts::local().allow(&request));
        let request = Request::get("http://localhost/").body(()).unwrap();
        assert!(Hosts::local().allow(&request));
    }
}
