//! The budgets for retries and hedges, as the document writes them.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

use super::{
    AttemptsSpec,
    attempts::{MOST_MILLIONTHS, RATIO_FIX},
    short::Period,
};

#[derive(Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default, deny_unknown_fields, expecting = "a table of ratio, per_second and window")]
pub(super) struct AttemptsTable {
    ratio: Option<Ratio>,
    per_second: Option<u32>,
    window: Option<Period>,
}

impl AttemptsTable {
    /// What is written, over what stands there by default.
    pub(super) fn over(self, mut spec: AttemptsSpec) -> AttemptsSpec {
        if let Some(Ratio(millionths)) = self.ratio {
            spec = spec.with_ratio_millionths(millionths);
        }
        if let Some(attempts) = self.per_second {
            spec = spec.with_per_second(attempts);
        }
        match self.window {
            Some(Period(window)) => spec.with_window(window),
            None => spec,
        }
    }
}

/// A ratio in millionths: a number, or text such as `"20%"`.
pub(super) struct Ratio(u32);

impl Ratio {
    /// What six digits after the point cannot write is refused, not rounded.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within bounds, and whole")]
    fn new<E: Error>(number: f64, millionths: f64) -> Result<Self, E> {
        let scaled = number * millionths;
        let whole = scaled.round();
        let written =
            (scaled - whole).abs() < ROUNDING && (0.0..=f64::from(MOST_MILLIONTHS)).contains(&whole);
        if written { Ok(Self(whole as u32)) } else { Err(E::custom(RATIO_FIX)) }
    }
}

impl<'de> Deserialize<'de> for Ratio {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RatioVisitor;
        impl Visitor<'_> for RatioVisitor {
            type Value = Ratio;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a ratio such as 0.2 or \"20%\"")
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Ratio, E> {
                Ratio::new(number, 1e6)
            }

            #[expect(clippy::cast_precision_loss, reason = "so large a number is refused")]
            fn visit_u64<E: Error>(self, number: u64) -> Result<Ratio, E> {
                Ratio::new(number as f64, 1e6)
            }

            #[expect(clippy::cast_precision_loss, reason = "so large a number is refused")]
            fn visit_i64<E: Error>(self, number: i64) -> Result<Ratio, E> {
                Ratio::new(number as f64, 1e6)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Ratio, E> {
                let percent = text.strip_suffix('%').and_then(|number| number.trim().parse().ok());
                percent.map_or_else(|| Err(E::custom(RATIO_FIX)), |percent: f64| Ratio::new(percent, 1e4))
            }
        }
        deserializer.deserialize_any(RatioVisitor)
    }
}

/// How far a number with six digits after the point may lie beside a whole number of millionths as a double.
const ROUNDING: f64 = 1e-4;
