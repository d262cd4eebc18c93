//! What health checks ask, and what is held of whom they know nothing of.

use super::HttpCheck;
use crate::config::{ConfigError, quoted};

/// What an endpoint is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckKind {
    /// An HTTP request.
    Http(HttpCheck),
    /// Whether it accepts a TCP connection.
    Tcp,
    /// Whether it shakes hands by TLS, with a certificate that can be trusted.
    Tls,
    /// `grpc.health.v1.Health/Check` of this service; empty: of the server as a whole.
    Grpc(Box<str>),
    /// Something that only whoever runs the checks knows, by the name that they know it by.
    Custom(Box<str>),
}

/// Whether a check over HTTP uses TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CheckScheme {
    /// Where the endpoint's address begins with `https://`.
    #[default]
    AsAddress,
    /// Never.
    Http,
    /// Always.
    Https,
}

/// What is held of an endpoint that health checks know nothing of. One that was in its pool before there were checks counts as healthy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum InitialHealth {
    /// It serves at once, until as many checks in a row fail as of any other.
    #[default]
    Healthy,
    /// It serves after its first success, however many failures there were before. When a pool starts, more than half of it is unproven: unless panics are ruled out, all of it serves until then.
    OneSuccess,
    /// It serves after as many successes in a row as one needs that has failed.
    Unhealthy,
}

impl CheckScheme {
    /// Its name, as the document writes it: `as_address`, `http` or `https`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AsAddress => "as_address",
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl CheckKind {
    /// Its name, as the document writes it: `http`, `tcp`, `tls`, `grpc` or `custom`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Http(_) => "http",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Grpc(_) => "grpc",
            Self::Custom(_) => "custom",
        }
    }

    /// What it is about, if anything: a path, a service or the name of a function.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        match self {
            Self::Http(http) => Some(http.path()),
            Self::Grpc(name) | Self::Custom(name) => Some(name),
            Self::Tcp | Self::Tls => None,
        }
    }

    pub(super) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        match self {
            Self::Http(http) => http.validate(path),
            Self::Grpc(service) if service.len() > LONGEST_NAME || service.contains(char::is_control) => {
                let fix = "name a service of at most 256 bytes such as \"acme.Payments\", or \"\" for the whole server";
                Err(ConfigError::new(format!("{path}.grpc"), quoted(service), fix))
            }
            Self::Custom(name) if name.is_empty() || name.len() > LONGEST_NAME => {
                let fix = "give the name of 1 to 256 bytes that whoever runs the checks knows";
                Err(ConfigError::new(format!("{path}.custom"), quoted(name), fix))
            }
            _ => Ok(()),
        }
    }

    pub(super) const fn speaks_http(&self) -> bool {
        matches!(self, Self::Http(_) | Self::Grpc(_))
    }
}

/// A host's name, perhaps with a port.
pub(super) fn host(path: &str, name: &str) -> Result<(), ConfigError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(plain) {
        return Err(ConfigError::new(path, quoted(name), "give a host's name such as \"api.internal\""));
    }
    Ok(())
}

const LONGEST_NAME: usize = 256;
