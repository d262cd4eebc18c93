//! What the settings of all learnt capacities share: bounds, and how single values are checked.

use std::{fmt::Debug, ops::RangeInclusive, time::Duration};

use super::{ConfigError, error::quoted};

/// Between which seats a rule moves, and where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) min: u32,
    pub(crate) max: u32,
    pub(crate) initial: u32,
}

impl Bounds {
    pub(super) fn validate(&self, path: &str) -> Result<(), ConfigError> {
        number(path, "min", self.min, 1..=MOST)?;
        number(path, "max", self.max, 1..=MOST)?;
        number(path, "initial", self.initial, 1..=MOST)?;
        if self.min > self.max {
            let fix = format!("give a min of at most the max, {}", self.max);
            return Err(ConfigError::new(format!("{path}.min"), self.min, fix));
        }
        Ok(())
    }
}

/// A share or a factor, in millionths: values compare exactly. What is no number is the largest, which no setting allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ratio(pub(super) i64);

impl Ratio {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "`as` saturates; what lies outside a setting's bounds is refused with the configuration"
    )]
    pub(super) const fn new(value: f64) -> Self {
        if value.is_nan() {
            return Self(i64::MAX);
        }
        let half = if value < 0.0 { -0.5 } else { 0.5 };
        Self((value * MILLION + half) as i64)
    }

    pub(super) const fn get(self) -> f64 {
        self.0 as f64 / MILLION
    }

    /// Of one within a setting's bounds, which are all from 0 to 1 000 or less.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the bounds hold it")]
    pub(super) const fn millionths(self) -> u32 {
        self.0 as u32
    }
}

pub(super) fn number(
    path: &str,
    field: &str,
    value: u32,
    range: RangeInclusive<u32>,
) -> Result<(), ConfigError> {
    within(path, field, &value, &range, value.to_string())
}

pub(super) fn ratio(
    path: &str,
    field: &str,
    value: f64,
    range: RangeInclusive<f64>,
) -> Result<(), ConfigError> {
    // What a `Ratio` cannot say is shown as nothing, not as another number.
    let shown = if value.abs() < Ratio(i64::MAX).get() { value.to_string() } else { String::new() };
    within(path, field, &value, &range, shown)
}

pub(super) fn period(
    path: &str,
    field: &str,
    value: Duration,
    range: RangeInclusive<Duration>,
) -> Result<(), ConfigError> {
    within(path, field, &value, &range, quoted(&format!("{value:?}")))
}

fn within<T: PartialOrd + Debug>(
    path: &str,
    field: &str,
    value: &T,
    range: &RangeInclusive<T>,
    shown: String,
) -> Result<(), ConfigError> {
    if range.contains(value) {
        return Ok(());
    }
    let fix = format!("give from {:?} to {:?}", range.start(), range.end());
    Err(ConfigError::new(format!("{path}.{field}"), shown, fix))
}

/// The setters of bounds, and the defaults.
macro_rules! bounded {
    ($spec:ident) => {
        impl $spec {
            /// Never fewer seats than this. The default is with the type.
            #[must_use]
            pub const fn with_min(mut self, seats: u32) -> Self {
                self.bounds.min = seats;
                self
            }

            /// Never more seats than this. The default is with the type.
            #[must_use]
            pub const fn with_max(mut self, seats: u32) -> Self {
                self.bounds.max = seats;
                self
            }

            /// How many seats to begin with, within the bounds. Default 20.
            #[must_use]
            pub const fn with_initial(mut self, seats: u32) -> Self {
                self.bounds.initial = seats;
                self
            }

            pub(crate) const fn bounds(&self) -> $crate::config::Bounds {
                self.bounds
            }
        }

        impl Default for $spec {
            fn default() -> Self {
                Self::new()
            }
        }
    };
}
pub(super) use bounded;

const MILLION: f64 = 1e6;
/// What a seat counter holds.
const MOST: u32 = 0x7fff_ffff;
pub(super) const SHORTEST: Duration = Duration::from_millis(1);
pub(super) const LONGEST: Duration = Duration::from_secs(86_400);
