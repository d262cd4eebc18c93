//! Values of the `[gateway]` table, read from text.

use std::time::Duration;

use http::HeaderName;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Name(pub(crate) HeaderName);

#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^/"))]
pub(crate) struct Prefix(pub(crate) String);

#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^[0-9]+(ms|s|m|h)$"))]
pub(crate) struct Span(pub(crate) Duration);

impl From<Name> for String {
    fn from(Name(name): Name) -> Self {
        name.as_str().to_owned()
    }
}

impl From<Prefix> for String {
    fn from(Prefix(path): Prefix) -> Self {
        path
    }
}

impl From<Span> for String {
    /// By the largest unit that is exact.
    fn from(Span(time): Span) -> Self {
        let millis = time.as_millis();
        let unit = [("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
        let (unit, length) = unit
            .into_iter()
            .find(|(_, length)| millis > 0 && millis.is_multiple_of(*length))
            .unwrap_or(("ms", 1));
        format!("{}{unit}", millis / length)
    }
}

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self).map_err(|_| "write the name of a header, as \"x-tenant\"")
    }
}

impl TryFrom<String> for Prefix {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.starts_with('/') {
            Ok(Self(text))
        } else {
            Err("write a path that starts with a slash, as \"/api\"")
        }
    }
}

impl TryFrom<String> for Span {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let scale = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => 0,
        };
        let millis = number.parse::<u64>().ok().and_then(|number| number.checked_mul(scale));
        match millis {
            Some(millis) if scale > 0 => Ok(Self(Duration::from_millis(millis))),
            _ => Err("write a number and its unit: ms, s, m or h, as \"30s\""),
        }
    }
}
