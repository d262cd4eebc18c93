//! What a tenant has left, told with every answer: [`RateLimitLayer`].
//!
//! | field | when | says |
//! |---|---|---|
//! | `RateLimit-Policy` | the tenant has rates | every one: `"requests";q=100;w=60`, and `"cost";q=…;w=…;qu="cost"` |
//! | `RateLimit` | the same | what remains of each: `"requests";r=50;t=1` |
//! | `X-RateLimit-Limit`, `-Remaining`, `-Reset` | [on request](RateLimitLayer::with_older_fields) | the rate of which the smallest part is left |
//!
//! The first two are those of draft-ietf-httpapi-ratelimit-headers-10, structured fields (RFC 9651): a policy's name is what
//! it counts, with `-2`, `-3` from the second of its kind on; `q` the burst and `w` the seconds in which it comes back; `r` what would pass
//! now, and `t` the seconds, rounded up, until more would; absent where the rate is full.
//!
//! *Where we differ*: `w` is rounded up to whole seconds, so a rate of less than a second per burst looks slower than it is, never
//! faster. A partition key (`pk`) is never sent: it would repeat the tenant's id. A parent's rates are not told: what is left of them
//! is the sum of what others use.

mod fields;
mod future;
mod layer;
mod service;

pub use fields::ResetForm;
pub use future::ResponseFuture;
pub use layer::RateLimitLayer;
pub use service::RateLimit;
