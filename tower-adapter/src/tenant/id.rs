use std::{fmt, sync::Arc};

/// The id of the tenant that a request belongs to; cloning it copies a pointer.
///
/// ```
/// use tenantry_tower::tenant::TenantId;
///
/// let id = TenantId::new("acme");
/// assert_eq!(id.as_str(), "acme");
/// assert_eq!(id, TenantId::from("acme".to_owned()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(Arc<str>);

impl TenantId {
    /// The tenant of this id. Whether it exists is the balancer's to say.
    #[must_use]
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        Self(id.into())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for TenantId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for TenantId {
    fn from(id: &str) -> Self {
        Self::new(id)
    }
}

impl From<String> for TenantId {
    fn from(id: String) -> Self {
        Self::new(id)
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
