//! The `[gateway]` table.

mod made;
mod rate_limit_headers;
mod settings;
mod slashes;

pub use rate_limit_headers::RateLimitHeaders;
pub use settings::Settings;

pub use crate::{document::Document, document_error::DocumentError};
