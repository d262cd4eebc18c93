//! Traces and metrics by [OpenTelemetry](https://opentelemetry.io), sent by OTLP over HTTP.
//!
//! ```text
//! LogLayer ─► ServerSpanLayer ─► … ─► BalanceLayer ─► NoteLayer ─► AttemptSpanLayer ─► the endpoint
//! ends the span   one for a request                                  one for each attempt, and traceparent
//! ```
//!
//! A request of a [trusted hop](ServerSpanLayer::with_trusted_hops) goes on with the trace that its `traceparent` and `tracestate` name (W3C Trace Context), and is recorded where that says so. Of everybody else's, and of those that name none, the span is
//! a new trace's first: [`Otlp::with_sample`] alone decides whether it is recorded, so that no client can switch recording on, neither by the flag nor by the number that it chooses; what it named is a link of the span. Each attempt is a span within, and
//! what the endpoint is sent names that one. Without these layers both headers go to the endpoint as they came.
//!
//! Names and attributes are the semantic conventions' for HTTP, with `rpc.grpc.status_code` of gRPC's answers; beside them a request's span has `tenantry.tenant`, `tenantry.pool`, `tenantry.endpoint`, `tenantry.wait_ms`, `tenantry.attempts`, `tenantry.outcome` and
//! `tenantry.reason`, as far as [`NoteLayer`](crate::log::NoteLayer)s have written them down; what they mean, and how long they are at most: [`log`](crate::log). Neither headers nor queries are told, and of `url.path` 1,024 characters.
//!
//! Metrics: `http.server.request.duration` by method, route, status, pool and outcome ([`ServerSpanLayer::with_meter`]), and what the balancer knows of its pools and endpoints ([`observe`]). Tenants are on spans alone: there may be any number of them.

mod attempt;
mod carrier;
mod future;
mod metrics;
mod names;
mod otlp;
mod server;
mod telemetry;

pub use attempt::{AttemptSpan, AttemptSpanLayer};
pub use future::ResponseFuture;
pub use metrics::observe;
pub use otlp::{Otlp, OtlpError};
pub use server::{ServerSpan, ServerSpanLayer};
pub use telemetry::Telemetry;
