//! How requests end, by pool and tenant: [`RequestsLayer`].
//!
//! Memory is bounded: for each pool that is asked for, the most active tenants, at most [`MOST_TENANTS`], and all others together.

mod busiest;
mod counts;
mod future;
mod layer;
mod service;
mod stats;

pub use busiest::MOST_TENANTS;
pub use counts::BOUNDS;
pub use future::ResponseFuture as CountedFuture;
pub use layer::RequestsLayer;
pub use service::Counted;
pub use stats::RequestStats;
