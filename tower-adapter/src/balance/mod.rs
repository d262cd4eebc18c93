//! May it run now, and where? [`BalanceLayer`] waits for the tenant's turn, picks the endpoint, and holds the seat until
//! the last byte of the response.
//!
//! What the balancer learns from how it went:
//!
//! | what happened | outcome |
//! |---|---|
//! | an answer below 500 (but 429), and its body to the end | success, with the time to the headers as its latency |
//! | 429 or 503 | overload, with the answer's `Retry-After` (seconds or a date) |
//! | any other status from 500 up | failure; a gateway's where it is 502 or 504 |
//! | gRPC (`application/grpc`, 200), by `grpc-status` in the head or the trailers: `UNKNOWN`, `DEADLINE_EXCEEDED`, `INTERNAL`, `UNAVAILABLE`, `DATA_LOSS`, or none | failure; a gateway's where it is `UNAVAILABLE` or `DEADLINE_EXCEEDED` |
//! | `RESOURCE_EXHAUSTED` | overload, with `grpc-retry-pushback-ms` |
//! | `CANCELLED` | cancelled |
//! | the inner service's error, or a body that breaks off | failure of the connection |
//! | the caller went away: the future or an unfinished body was dropped | cancelled (after a status that tells: that) |
//! | the same, and somebody called [`Try::fail`] | failure |
//! | somebody called [`PickedEndpoint::excuse`] | cancelled, whatever else happened |
//! | an upgrade: the answer came with a [`Tunnel`] | success, when the tunnel is closed |
//!
//! What an answer says is a [classifier](Classify)'s to tell: the table is [`HttpClassifier`]'s, the default, and [`BalanceLayer::classify`] takes another.
//!
//! A load report (ORCA) in the response's headers or trailers, `endpoint-load-metrics` or `endpoint-load-metrics-bin`, is handed to the balancer for the
//! strategies that go by it, and does not reach the tenant. One that cannot be read counts as not sent.

mod body;
mod classify;
mod error;
mod future;
mod late;
mod layer;
mod picked;
mod report;
mod service;
mod settings;
mod tries;
mod tunnel;

pub use body::LeaseBody;
pub use classify::{Classify, HttpClassifier, Verdict};
pub use error::Error;
pub use future::ResponseFuture;
pub use layer::BalanceLayer;
pub use picked::PickedEndpoint;
pub use service::Balance;
pub use tries::{Progress, Try};
pub use tunnel::Tunnel;
#[cfg(any(feature = "log", feature = "metrics"))]
pub(crate) use {classify::by_grpc, late::LateVerdict};
