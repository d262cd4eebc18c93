use tower::Layer;

use super::ByTenant;
use crate::guard::Guard;

/// Refuses tenants that are banned, compares each tenant's rate with its history, and tells the [`GuardLayer`](crate::guard::GuardLayer) around it whose a request has proved to be.
///
/// Stands just within what identifies ([`IdentityLayer`](crate::identity::IdentityLayer), [`TenantLayer`](crate::tenant::TenantLayer)). Without it the guard knows addresses alone, and a ban
/// holds for everybody behind one.
#[derive(Clone, Debug)]
pub struct ByTenantLayer {
    guard: Guard,
}

impl ByTenantLayer {
    /// With this memory.
    #[must_use]
    pub const fn new(guard: Guard) -> Self {
        Self { guard }
    }
}

impl<S> Layer<S> for ByTenantLayer {
    type Service = ByTenant<S>;

    fn layer(&self, inner: S) -> ByTenant<S> {
        ByTenant::new(inner, self.guard.clone())
    }
}
