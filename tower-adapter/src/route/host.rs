use http::{header::HOST, request::Parts};

/// Which hosts a route is for: one, or with `*.` all beneath one; in lower case, without a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Host(Box<str>);

impl Host {
    pub(super) fn new(pattern: &str) -> Option<Self> {
        let name = pattern.strip_prefix("*.").unwrap_or(pattern);
        let is_plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'[' | b']');
        let is_address = name.starts_with('[') && name.ends_with(']');
        let is_name = !name.is_empty() && name.bytes().all(is_plain) && !name.contains(['[', ']']);
        (is_name || is_address).then(|| Self(pattern.to_ascii_lowercase().into()))
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

/// The host that a request names, in the form that [`Host`] compares; `None` where it names none, or several.
pub(super) fn of(request: &Parts) -> Option<String> {
    let from_target = request.uri.authority().map(|authority| authority.host().to_owned());
    let host = from_target.or_else(|| {
        let mut values = request.headers.get_all(HOST).iter();
        let authority: http::uri::Authority = values.next()?.to_str().ok()?.parse().ok()?;
        values.next().is_none().then(|| authority.host().to_owned())
    })?;
    let host = host.to_ascii_lowercase();
    // A name with the root's dot is the same name.
    Some(host.strip_suffix('.').map(ToOwned::to_owned).unwrap_or(host))
}
