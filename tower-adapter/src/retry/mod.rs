//! Again, elsewhere: [`RetryLayer`] sends a request that failed to another endpoint, as long as nothing of an answer has gone to the caller.
//!
//! ```text
//! RejectionLayer ──► RetryLayer ──► BalanceLayer ──► ReverseProxy
//!                    keeps the      a budget for each tenant and pool;
//!                    request        never where it was, if anybody else is usable
//! ```
//!
//! | how an attempt ends | another one |
//! |---|---|
//! | no connection, or one of HTTP/2 that was closed, or refused the request, before anybody looked at it | yes, whatever the request does |
//! | broken off before an answer, [too slow](RetryPolicy::with_try_timeout), 502, 503, 504, gRPC `UNAVAILABLE` | if the request is [idempotent](Idempotency) |
//! | any other answer | no |
//! | a body that breaks off later | no: its beginning is with the caller |
//! | refused by the balancer | no, unless [waited out](RetryPolicy::waiting_out_refusals) |
//!
//! - A request is sent again only as far as its body can be: [kept](crate::replay) up to a limit while it streams, or not begun. An upgrade is tried once.
//! - Before another attempt the failed one is over: the balancer has its outcome, and its seat is free. A failed answer is read (up to the limit, within the longest wait) and
//!   given after all if the budget, the queue or time allow nothing better.
//! - Waits have full jitter, and are as long as `Retry-After` asks; one that is too long, or that the total timeout does not allow, is not begun.
//! - Retries do not multiply: attempts carry `x-attempt-count`, and whoever comes with one, from another process or from a `RetryLayer` around this one, is tried once.
//!   Answers after several attempts carry it, too, and all carry [`Attempts`] among their extensions.

mod body;
mod classify;
mod error;
mod future;
mod grpc;
mod idempotency;
mod job;
mod layer;
mod marks;
mod policy;
mod retryable;
mod service;
mod try_timer;
mod verdict;

pub use body::RetryBody;
pub use classify::{Classify, HttpClassifier};
pub use error::Error;
pub use future::ResponseFuture;
pub use idempotency::Idempotency;
pub use layer::RetryLayer;
pub use marks::Attempts;
pub(crate) use marks::{mark_request, says_repeated};
pub use policy::RetryPolicy;
pub use retryable::RetryableError;
pub use service::Retry;
pub use verdict::Verdict;
