use std::{fmt, sync::Arc};

use serde_json::Value;

use super::{ClaimPath, Scheme};
use crate::tenant::TenantId;

/// Who a request comes from, as its credentials prove: in the request's extensions behind [`IdentityLayer`](super::IdentityLayer).
///
/// Cloning it copies a few pointers. Its `Debug` shows tenant, scheme, subject and scopes, never claims.
///
/// ```
/// use tenantry_tower::identity::{Identity, Scheme};
///
/// let identity = Identity::new("acme", Scheme::Bearer).with_scopes(["reports:read"]);
/// assert_eq!(identity.tenant().as_str(), "acme");
/// assert!(identity.has_scope("reports:read"));
/// ```
#[derive(Clone, PartialEq)]
pub struct Identity {
    tenant: TenantId,
    scheme: Scheme,
    subject: Option<Arc<str>>,
    scopes: Arc<[Box<str>]>,
    claims: Option<Arc<Value>>,
}

impl Identity {
    /// Somebody of this tenant, without scopes.
    pub fn new(tenant: impl Into<TenantId>, scheme: Scheme) -> Self {
        Self { tenant: tenant.into(), scheme, subject: None, scopes: Arc::default(), claims: None }
    }

    /// Who of the tenant's it is: a key's name, a token's `sub`, a certificate's name. Not a secret.
    #[must_use]
    pub fn with_subject(mut self, subject: impl Into<Arc<str>>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// What the credentials allow; routes may [ask for it](crate::route::Route::with_scopes).
    #[must_use]
    pub fn with_scopes<S: Into<Box<str>>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// All that the credentials say.
    #[must_use]
    pub fn with_claims(mut self, claims: Value) -> Self {
        self.claims = Some(Arc::new(claims));
        self
    }

    /// Whose it is.
    #[must_use]
    pub const fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// How it was proved.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Who of the tenant's it is, where that is known.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// Whether this scope is among those of the credentials.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|held| **held == *scope)
    }

    /// What the credentials say at this path.
    #[must_use]
    pub fn claim(&self, path: &ClaimPath) -> Option<&Value> {
        path.find(self.claims.as_deref()?)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("tenant", &self.tenant)
            .field("scheme", &self.scheme)
            .field("subject", &self.subject)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}
