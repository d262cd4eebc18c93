//! How a refusal looks over HTTP: [`RejectionLayer`] turns errors into answers, [`Problem`] is one such answer.
//!
//! | why | status | `Retry-After` | `x-should-retry` |
//! |---|---|---|---|
//! | no tenant named | 400 | | `false` |
//! | unknown tenant, pool not allowed | 403 | | `false` |
//! | unknown pool | 404 | | `false` |
//! | rate spent | 429 | when it returns | `false` where that is more than 60 s |
//! | too many in flight | 429 | 1 | |
//! | costs more than may ever pass | 429 | | `false` |
//! | would wait in vain | 503 | what its timeout lacks | `false` where that is more than 60 s |
//! | no seat, queue full, waited in vain, no endpoint | 503 | 1 | |
//!
//! `Retry-After` is in whole seconds, rounded up, at least 1; where clients shall try again, `retry-after-ms` says the same in
//! milliseconds, which the official LLM clients prefer. The body is `application/problem+json` (RFC 9457) with `title`, `status`,
//! `code` (that of [`Rejection::code`](tenantry::Rejection::code)), for refusals `detail` and, where the `RateLimit` draft registers one, `type`, and,
//! where the wait is known, `retry_after_s`, to the millisecond. `x-should-retry: false` keeps those clients from sleeping through a
//! long wait, or hammering: some sleep for weeks, and a timer of 30 days overflows to none in Node.
//! [`RejectionLayer::long_wait`] sets what is long. An answer never repeats what the request sent, least of all the tenant's id.
//!
//! A request of content type `application/grpc` gets a gRPC status instead: see [`Problem::into_grpc_response`].

mod body;
mod future;
mod layer;
mod problem;
mod refused;
mod service;

pub use body::RejectionBody;
pub use future::ResponseFuture;
pub use layer::RejectionLayer;
pub use problem::{Problem, ProblemCode};
pub use service::Respond;
