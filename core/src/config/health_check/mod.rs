//! How a pool's endpoints are asked whether they serve: in the document `health = { probe = … }`.

mod http;
mod kind;
mod spec;
#[cfg(feature = "config")]
mod table;

pub use http::HttpCheck;
pub use kind::{CheckKind, CheckScheme, InitialHealth};
pub use spec::HealthCheckSpec;
#[cfg(feature = "schema")]
pub(super) use table::Statuses;
