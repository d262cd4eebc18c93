//! The inner half of the guard, where the tenant is known.

mod future;
mod layer;
mod service;

pub use future::ResponseFuture;
pub use layer::ByTenantLayer;
pub use service::ByTenant;
