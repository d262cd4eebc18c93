//! Whose request is it? [`TenantLayer`] finds the tenant's id and puts a [`TenantId`] into the request's extensions.
//!
//! The layer decides nothing: a request without a tenant passes through, and
//! [`BalanceLayer`](crate::balance::BalanceLayer) refuses it with
//! [`Error::MissingTenant`](crate::balance::Error::MissingTenant), which
//! [`RejectionLayer`](crate::rejection::RejectionLayer) answers with `400 Bad Request`. (Not 401: that status must carry a
//! challenge, and a header that a client may set freely is no credential.)

mod id;
mod identify;
mod layer;
mod service;

pub use id::TenantId;
pub use identify::{Extension, FromFn, Header, Identify};
pub use layer::TenantLayer;
pub use service::Tenant;
