//! What was asked and what was decided, as events of [`tracing`]: one for each request, one for each decision of the balancer.
//!
//! ```text
//! LogLayer ─► … who it is … ─► NoteLayer ─► … the route … ─► NoteLayer ─► BalanceLayer ─► NoteLayer ─► the endpoint
//! tells                        the tenant                    the route                    pool, endpoint, attempts
//! ```
//!
//! [`LogLayer`] stands around everything and tells of a request when the last byte of its answer is gone, or nobody waits for it any more; a [`NoteLayer`] further in writes down what is known there. The
//! event's target is `tenantry::access`, its level INFO, or WARN where a request failed or was given up; its fields, each only where it is known:
//!
//! | field | what |
//! |---|---|
//! | `tenant`, `route`, `pool`, `endpoint` | whose it is, the route's path, who served it last |
//! | `method`, `path` | as the client wrote them, without the query, at most 1,024 characters |
//! | `status` | the answer's |
//! | `grpc_status` | of a gRPC answer its own, a number, in the head or behind the body |
//! | `outcome` | `served`, `rejected` (by these layers, below 500), `failed` (500 and above, or gRPC's words for it behind a 200), `aborted` (the client or the endpoint broke off) |
//! | `reason` | of an answer of these layers, its code: `RATE_LIMITED`, `ENDPOINT_FAILED`, … |
//! | `wait_ms`, `duration_ms` | until the first endpoint was picked, and until the end |
//! | `attempts` | how often it was sent to an endpoint |
//! | `bytes_in`, `bytes_out` | of the bodies, as far as they were read |
//! | `client` | the address at the other end of the connection ([`Peer`](crate::proxy::Peer)) |
//! | `trace_id` | of the request's span where it has [one](crate::otel), else of a valid `traceparent` |
//!
//! No header's value and no query is ever told, and endpoints are told without what stands before an `@`. All text is recorded as text, so a subscriber that writes JSON, or quotes
//! text as `tracing-subscriber` does, cannot be made to write another line. [`Sampling`] says which requests are told.
//!
//! [`log_events`] tells what the balancer has decided (ejections, budget marks, discoveries), target `tenantry::decision`, with the reason and the evidence.

mod body;
mod counted;
mod decision;
mod future;
mod layer;
mod line;
mod note;
mod record;
mod sampling;
mod service;
mod short;

pub use body::LogBody;
pub use counted::CountedBody;
pub use decision::log_events;
pub use future::ResponseFuture;
pub use layer::LogLayer;
pub use note::{Note, NoteLayer};
#[cfg(feature = "otel")]
pub(crate) use record::{Record, Summary};
pub use sampling::Sampling;
pub use service::Logged;
#[cfg(feature = "otel")]
pub(crate) use short::{short_path, short_tenant};
