use std::time::SystemTime;

use super::KeyHash;
use crate::tenant::TenantId;

/// One key: whose it is, from when to when it counts, what it allows.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use tenantry_tower::identity::key::{KeyHash, KeySpec};
///
/// let in_a_week = SystemTime::now() + Duration::from_secs(7 * 86_400);
/// let old = KeySpec::new("acme", KeyHash::of("an old key")).with_expiry(in_a_week);
/// let new = KeySpec::new("acme", KeyHash::of("a new key")).with_name("ci").with_scopes(["reports:read"]);
/// ```
#[derive(Clone, Debug)]
pub struct KeySpec {
    pub(super) tenant: TenantId,
    pub(super) hash: KeyHash,
    pub(super) name: Option<Box<str>>,
    pub(super) scopes: Vec<Box<str>>,
    pub(super) not_before: Option<SystemTime>,
    pub(super) expires: Option<SystemTime>,
}

impl KeySpec {
    /// A key of this tenant that always counts.
    pub fn new(tenant: impl Into<TenantId>, hash: KeyHash) -> Self {
        let (tenant, scopes) = (tenant.into(), Vec::new());
        Self { tenant, hash, name: None, scopes, not_before: None, expires: None }
    }

    /// What the key is called where people read of it. Default: nothing.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<Box<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// What the key allows; routes may [ask for it](crate::route::Route::with_scopes). Default: nothing.
    #[must_use]
    pub fn with_scopes<S: Into<Box<str>>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// When it begins to count. Default: at once.
    #[must_use]
    pub const fn with_not_before(mut self, time: SystemTime) -> Self {
        self.not_before = Some(time);
        self
    }

    /// When it stops. Default: never.
    #[must_use]
    pub const fn with_expiry(mut self, time: SystemTime) -> Self {
        self.expires = Some(time);
        self
    }
}
