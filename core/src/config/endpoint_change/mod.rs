//! One endpoint that comes, goes or changes, and how that is written.

mod change;
#[cfg(feature = "config")]
mod table;

pub use change::EndpointChange;
