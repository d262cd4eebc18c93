//! Durations as scenario files write them, and as events count them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, de};

/// Nanoseconds; in files a number and a unit: `"20ms"`, `"1.5s"`, `"365d"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(pub(crate) u64);

impl Span {
    pub(crate) const fn millis(millis: u64) -> Self {
        Self(millis * 1_000_000)
    }

    #[expect(clippy::cast_precision_loss, reason = "a simulated century is exact to 1 µs")]
    pub(crate) fn seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The nearest nanosecond; never below zero.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float's cast saturates, and that is meant"
    )]
    pub(crate) fn from_nanos(nanos: f64) -> Self {
        Self(nanos.round() as u64)
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("\"{text}\" is not a duration: write it as \"20ms\", \"1.5s\", \"10m\" or \"365d\"");
        let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let count: f64 = text[..unit_at].parse().map_err(|_| wrong())?;
        let unit = match text[unit_at..].trim() {
            "ns" => 1.0,
            "us" | "µs" => 1e3,
            "ms" => 1e6,
            "s" => 1e9,
            "m" => 60e9,
            "h" => 3_600e9,
            "d" => 86_400e9,
            _ => return Err(wrong()),
        };
        Ok(Self::from_nanos(count * unit))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.seconds();
        match seconds {
            s if s >= 86_400.0 => write!(f, "{:.1} d", s / 86_400.0),
            s if s >= 1.0 => write!(f, "{s:.3} s"),
            s => write!(f, "{:.3} ms", s * 1e3),
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_a_number_and_a_unit() {
        assert_eq!("20ms".parse(), Ok(Span::millis(20)));
        assert_eq!("1.5 s".parse(), Ok(Span::millis(1_500)));
        assert_eq!("365d".parse(), Ok(Span(31_536_000_000_000_000)));
        for wrong in ["", "20", "ms", "-1s", "1..5s", "3 weeks"] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong:?}");
        }
    }
}
