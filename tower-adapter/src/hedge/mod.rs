//! Twice at most, and the first good answer: [`HedgeLayer`] sends a request that takes long once more, to another endpoint.
//!
//! Source: Dean and Barroso, "The Tail at Scale" (2013): a second request after the 95th percentile costs 5 % more and takes most of the tail away.
//!
//! - Only [idempotent](crate::retry::Idempotency) requests whose body is [kept whole](crate::replay), and only first attempts: a retry is not hedged.
//! - The delay begins when the endpoint has the whole request, so neither waiting for a turn nor the client's upload makes anything look slow.
//! - Within a [`BalanceLayer`](crate::balance::BalanceLayer) a hedge is paid for by its tenant's budget in the pool (5 % + 1/s unless configured), never goes where the first one
//!   went, and takes a free seat or none: where requests wait it would make them wait longer. Elsewhere the layer's own [budget](HedgeLayer::budget) is asked.
//! - Whoever loses is dropped: its lease ends as cancelled and teaches nothing. An attempt that fails while the other is under way does not count as an answer.
//!
//! With retries it stands within them: `RetryLayer` ──► `HedgeLayer` ──► `BalanceLayer`.

mod future;
mod latency;
mod layer;
mod policy;
mod race;
mod service;

pub use future::ResponseFuture;
pub use layer::HedgeLayer;
pub use policy::{HedgePolicy, Percentile};
pub use race::Winner;
pub use service::Hedge;
