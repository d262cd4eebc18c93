//! A share of the traffic, once more, elsewhere: [`MirrorLayer`] copies requests to another service (a pool with a new version, say), and nobody reads the answers.
//!
//! - **The request itself** goes on as if nothing were. Its copy is sent when its answer is there, in a task of its own: nothing waits for it, and what becomes of it is only [counted](MirrorCounts).
//! - **Its body** is kept while it streams (see [`replay`](crate::replay)). One that is longer than the limit, or still streams when the answer begins, is not copied.
//! - **Bounds**: so many copies at once, each for so long; what is above that is not copied.
//! - **A copy is marked** by the header [`MIRRORED`], which is taken off what clients send here.
//! - **What is refused is not copied**: keep a [`RejectionLayer`](crate::rejection::RejectionLayer) within, whose answers say that they are refusals.
//! - **Whose it is**: with a [`BalanceLayer`](crate::balance::BalanceLayer) within, a copy has a lease as any request has, and counts against its tenant's limits. Let copies be of
//!   [a tenant of their own](MirrorLayer::with_tenant), so that they take nothing from the clients' limits.

mod copier;
mod counts;
mod future;
mod layer;
mod service;

pub use copier::MIRRORED;
pub use counts::MirrorCounts;
pub use future::ResponseFuture;
pub use layer::MirrorLayer;
pub use service::Mirror;
