//! Where a check goes: from an endpoint's address to what is dialled.

use http::uri::{Authority, Uri};
use tenantry::{CheckFailure, CheckScheme, HealthCheckSpec};

use super::CheckFailed;

/// A host and a port, and whether TLS is spoken there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Without the brackets of IPv6.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) secure: bool,
    /// As a `host` header writes it.
    pub(super) authority: Authority,
}

impl Target {
    pub(super) fn of(address: &str, spec: &HealthCheckSpec) -> Result<Self, CheckFailed> {
        let wrong = |what: &str| CheckFailed::new(CheckFailure::Connect, format!("the address {what}"));
        let whole = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        let uri: Uri = whole.parse().map_err(|_| wrong("cannot be read"))?;
        let named = |said: &&Authority| !said.host().is_empty() && !said.as_str().ends_with(':');
        let said = uri.authority().filter(named).ok_or_else(|| wrong("names no host and port"))?;
        let known = match uri.scheme_str() {
            Some("http") => Some(80),
            Some("https") => Some(443),
            _ => None,
        };
        let port = spec.port().map(std::num::NonZeroU16::get).or_else(|| said.port_u16()).or(known);
        let port = port.ok_or_else(|| wrong("has no port"))?;
        let authority = format!("{}:{port}", said.host());
        Ok(Self {
            host: said.host().trim_start_matches('[').trim_end_matches(']').to_owned(),
            port,
            secure: match spec.scheme() {
                CheckScheme::Https => true,
                CheckScheme::Http => false,
                _ => uri.scheme_str() == Some("https"),
            },
            authority: authority.parse().map_err(|_| wrong("cannot be read"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use super::*;

    fn target(address: &str, spec: &HealthCheckSpec) -> Option<(String, u16, bool, String)> {
        let target = Target::of(address, spec).ok()?;
        Some((target.host, target.port, target.secure, target.authority.to_string()))
    }

    #[test]
    fn an_address_says_where_and_the_pool_may_say_otherwise() {
        let plain = HealthCheckSpec::http("/");
        for (address, host, port, secure, authority) in [
            ("http://10.0.0.1:8080", "10.0.0.1", 8080, false, "10.0.0.1:8080"),
            ("10.0.0.1:8080", "10.0.0.1", 8080, false, "10.0.0.1:8080"),
            ("http://api.internal", "api.internal", 80, false, "api.internal:80"),
            ("https://api.internal/base", "api.internal", 443, true, "api.internal:443"),
            ("https://[::1]:9", "::1", 9, true, "[::1]:9"),
            ("redis://cache:6379/0", "cache", 6379, false, "cache:6379"),
        ] {
            let expected = (host.to_owned(), port, secure, authority.to_owned());
            assert_eq!(target(address, &plain), Some(expected), "{address}");
        }
        let elsewhere = plain.with_port(NonZeroU16::MIN).with_scheme(CheckScheme::Http);
        let expected = ("::1".to_owned(), 1, false, "[::1]:1".to_owned());
        assert_eq!(target("https://[::1]:9", &elsewhere), Some(expected));
    }

    #[test]
    fn what_names_no_port_cannot_be_asked() {
        for address in ["unix:/run/app.sock", "redis://cache", "http://", "a b", ""] {
            assert_eq!(target(address, &HealthCheckSpec::tcp()), None, "{address}");
        }
    }
}
