//! What an upstream says of its own limits, read from the head of its answer: [`read`].
//!
//! | dialect | fields | who speaks it |
//! |---|---|---|
//! | IETF | `RateLimit` with `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-08 to -10), and the one-line form of drafts before | gateways, and [`RateLimitLayer`](crate::rate_limit::RateLimitLayer) |
//! | older | `RateLimit-`, `X-RateLimit-` and `X-Rate-Limit-` with `Limit`, `Remaining`, `Reset` | GitHub (a Unix time), most others (seconds) |
//! | with a suffix | the same with `-requests`, `-tokens`, `-req-minute`, `-minute` and the like | OpenAI, Azure, Groq, Mistral, Fireworks, Kong |
//! | Anthropic | `anthropic-ratelimit-`{`requests`, `tokens`, `input-tokens`, `output-tokens`}`-`{`limit`, `remaining`, `reset`} | Anthropic |
//! | any | `retry-after-ms`, `Retry-After` with 429, 503 and 529 | everybody |
//!
//! Of several limits on one thing the one of which least is left counts; tokens are cost. A reset may be seconds (also decimal), a
//! duration such as `6m0s` or `12ms`, a Unix time in seconds or milliseconds (told apart by size), an RFC 3339 or an HTTP date.
//!
//! An upstream may be hostile. A field that is no number, negative, too large, or there twice with different values is as if
//! it were not there; `-1` and a limit of 0 are what Azure sends for "unknown", and void what they stand beside.

mod anthropic;
mod ietf;
mod limit;
mod moment;
mod report;
mod retry_after;
mod suffixed;
#[cfg(test)]
mod tests;

pub use report::read;
pub(crate) use retry_after::retry_after;
