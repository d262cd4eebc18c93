//! Faults on purpose, for tests: [`FaultLayer`] delays, aborts and breaks off a share of the requests, the same ones for the same seed, around any service.
//!
//! It belongs into tests and experiments: what stands around it (retries, hedges, ejection) shows what it is worth.

mod body;
mod error;
#[expect(clippy::module_inception, reason = "the type that the folder is named for")]
mod fault;
mod future;
mod layer;
mod service;

pub use body::FaultBody;
pub use error::BodyError;
pub use fault::{Fault, Injected};
pub use future::ResponseFuture;
pub use layer::FaultLayer;
pub use service::Faulty;
