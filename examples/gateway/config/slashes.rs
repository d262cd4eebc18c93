use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tenantry_tower::route::EncodedSlashes;

/// What becomes of `%2F` in paths.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Slashes {
    #[default]
    Refuse,
    Keep,
}

impl From<Slashes> for EncodedSlashes {
    fn from(slashes: Slashes) -> Self {
        match slashes {
            Slashes::Refuse => Self::Refused,
            Slashes::Keep => Self::Kept,
        }
    }
}
