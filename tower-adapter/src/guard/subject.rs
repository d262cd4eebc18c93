use std::{error, fmt, net::IpAddr, str::FromStr};

use serde::{Serialize, Serializer};

use super::ClientNetwork;
use crate::tenant::TenantId;

/// Who is watched, and may be banned. As text it is `192.0.2.7`, `2001:db8::/64`, or `tenant:acme`.
///
/// ```
/// use tenantry_tower::guard::Subject;
///
/// for text in ["192.0.2.7", "2001:db8::/64", "tenant:acme"] {
///     assert_eq!(text.parse::<Subject>()?.to_string(), text);
/// }
/// assert!("acme".parse::<Subject>().is_err());
/// # Ok::<(), tenantry_tower::guard::SubjectError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Subject {
    /// Whoever comes from there.
    Client(ClientNetwork),
    /// Everybody of a tenant.
    Tenant(TenantId),
}

impl Subject {
    /// Whoever comes from this address, or from its /64.
    #[must_use]
    pub const fn client(address: IpAddr) -> Self {
        Self::Client(ClientNetwork::of(address))
    }

    /// Everybody of this tenant.
    pub fn tenant(id: impl Into<TenantId>) -> Self {
        Self::Tenant(id.into())
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(network) => network.fmt(f),
            Self::Tenant(tenant) => write!(f, "{TENANT}{tenant}"),
        }
    }
}

impl FromStr for Subject {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, SubjectError> {
        match text.strip_prefix(TENANT) {
            Some("") => Err(SubjectError::new(text)),
            Some(tenant) => Ok(Self::tenant(tenant)),
            None => text.parse().map(Self::Client),
        }
    }
}

impl Serialize for Subject {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What is no [`Subject`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectError {
    text: Box<str>,
}

impl SubjectError {
    pub(super) fn new(text: &str) -> Self {
        Self { text: text.into() }
    }
}

impl fmt::Display for SubjectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.text;
        write!(
            f,
            "{text:?} is nobody: write an address, as \"192.0.2.7\" or \"2001:db8::/64\", or \"tenant:acme\""
        )
    }
}

impl error::Error for SubjectError {}

const TENANT: &str = "tenant:";
