use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What answers say about the tenant's rates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RateLimitHeaders {
    /// Nothing: what an upstream says of its own goes through as it is.
    Off,
    /// `RateLimit-Policy` and `RateLimit`, instead of what an upstream says.
    #[default]
    Current,
    /// These, and the older `X-RateLimit-*`, with the reset in seconds from now.
    Older,
}
