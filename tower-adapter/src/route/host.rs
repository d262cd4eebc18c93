use crate::host;

/// Which hosts a route is for: one, or with `*.` all beneath one; in the form that hosts are compared in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host(Box<str>);

impl Host {
    pub(super) fn new(pattern: &str) -> Option<Self> {
        let (star, name) = pattern.strip_prefix("*.").map_or(("", pattern), |name| ("*.", name));
        let host = host::Host::new(name).filter(|host| !host.has_port())?;
        Some(Self(format!("{star}{}", host.normal()).into()))
    }

    pub(super) fn covers(&self, host: &str) -> bool {
        match self.0.strip_prefix('*') {
            // A dot is left in front, and something must stand before it.
            Some(end) => host.len() > end.len() && host.ends_with(end),
            None => *self.0 == *host,
        }
    }

    /// The narrower one first.
    pub(super) fn rank(host: Option<&Self>) -> (u8, usize) {
        match host {
            Some(Self(pattern)) if pattern.starts_with('*') => (1, usize::MAX - pattern.len()),
            Some(_) => (0, 0),
            None => (2, 0),
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}
