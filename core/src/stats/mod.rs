//! What is true now: plain figures for dashboards and tests, of bounded size whatever ids arrive.

mod endpoint;
mod overview;
mod pool;
mod rejections;
mod tenant;

pub use endpoint::EndpointStats;
pub use overview::{Stats, TenantPage};
pub use pool::{AttemptStats, PoolStats};
pub use rejections::RejectionStats;
pub use tenant::TenantStats;
