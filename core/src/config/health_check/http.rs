//! What a health check by HTTP asks, and which answers are good.

use std::ops::RangeInclusive;

use super::kind::host;
use crate::config::{ConfigError, key, quoted};

/// One request, and what a healthy endpoint answers to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCheck {
    method: Box<str>,
    path: Box<str>,
    host: Option<Box<str>>,
    headers: Vec<(Box<str>, Box<str>)>,
    statuses: Vec<RangeInclusive<u16>>,
    body: Option<Box<str>>,
}

impl HttpCheck {
    /// `GET` of this path, answered with 200 to 299.
    #[must_use]
    pub fn new(path: impl Into<Box<str>>) -> Self {
        Self {
            method: "GET".into(),
            path: path.into(),
            host: None,
            headers: vec![],
            statuses: vec![],
            body: None,
        }
    }

    /// The method. Default `GET`.
    #[must_use]
    pub fn with_method(mut self, method: impl Into<Box<str>>) -> Self {
        self.method = method.into();
        self
    }

    /// What the `host` header says. Default: the address's host and port.
    #[must_use]
    pub fn with_host(mut self, host: impl Into<Box<str>>) -> Self {
        self.host = Some(host.into());
        self
    }

    /// One header more. Default: none but `host`, `user-agent` and `connection`.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<Box<str>>, value: impl Into<Box<str>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// One range more of good statuses, from 100 to 599. Default: 200 to 299.
    #[must_use]
    pub fn with_status(mut self, statuses: RangeInclusive<u16>) -> Self {
        self.statuses.push(statuses);
        self
    }

    /// Text that must stand in the first 64 KiB of the body. Default: the body is not read.
    #[must_use]
    pub fn with_body(mut self, text: impl Into<Box<str>>) -> Self {
        self.body = Some(text.into());
        self
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The path, perhaps with a query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What the `host` header says, if it is not the address.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// Further headers.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Text that must stand in the body.
    #[must_use]
    pub fn body(&self) -> Option<&str> {
        self.body.as_deref()
    }

    /// Which statuses are good; none said: 200 to 299.
    #[cfg(feature = "config")]
    pub(in crate::config) fn statuses(&self) -> &[RangeInclusive<u16>] {
        &self.statuses
    }

    /// Whether this status is good.
    #[must_use]
    pub fn accepts(&self, status: u16) -> bool {
        match &*self.statuses {
            [] => (200..=299).contains(&status),
            ranges => ranges.iter().any(|range| range.contains(&status)),
        }
    }

    pub(super) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        let wrong = |field: &str, value: &str, fix: &str| {
            Err(ConfigError::new(format!("{path}.{field}"), quoted(value), fix))
        };
        let plain = |c: char| c.is_ascii_graphic() && c != '#';
        if !self.path.starts_with('/') || self.path.len() > LONGEST || !self.path.chars().all(plain) {
            return wrong(
                "http",
                &self.path,
                "write a path of at most 1024 plain characters such as \"/healthz\"",
            );
        }
        if self.method.is_empty() || self.method.len() > 32 || !self.method.chars().all(is_token) {
            return wrong("method", &self.method, "give a method such as \"GET\" or \"HEAD\"");
        }
        self.host.as_deref().map_or(Ok(()), |name| host(&format!("{path}.host"), name))?;
        for (name, value) in self.headers() {
            let field = format!("headers.{}", key(name));
            if name.is_empty() || name.len() > LONGEST || !name.chars().all(is_token) || is_own(name) {
                return wrong(
                    &field,
                    name,
                    "give a header's name such as \"x-check\"; host has a key of its own",
                );
            }
            if value.len() > LONGEST || !value.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
                return wrong(&field, value, "give a value of at most 1024 visible characters");
            }
        }
        for range in &self.statuses {
            let (first, last) = (*range.start(), *range.end());
            if first < 100 || last > 599 || first > last {
                return wrong(
                    "status",
                    &format!("{first}-{last}"),
                    "give statuses from 100 to 599, such as 200 or \"200-399\"",
                );
            }
        }
        match self.body() {
            Some(text) if text.is_empty() || text.len() > LONGEST => {
                wrong("body", text, "give a text of 1 to 1024 bytes, or leave it out")
            }
            Some(text) if &*self.method == "HEAD" => {
                wrong("body", text, "leave it out: an answer to HEAD has no body")
            }
            _ => Ok(()),
        }
    }
}

fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

/// Whether whoever checks writes it.
fn is_own(name: &str) -> bool {
    let own = ["host", "connection", "content-length", "transfer-encoding"];
    own.iter().any(|known| known.eq_ignore_ascii_case(name))
}

const LONGEST: usize = 1_024;
