//! Rate quotas as they are configured.

use std::{str::FromStr, time::Duration};

/// What a rate or a budget counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "config", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[non_exhaustive]
pub enum RateUnit {
    /// Every request counts 1.
    #[default]
    Requests,
    /// Every request counts its [`cost`](crate::Request::cost), corrected at its end by what it
    /// [really cost](crate::Outcome::with_cost).
    Cost,
    /// Every request counts its [amount](crate::Request::amounts) of one of the configuration's
    /// [dimensions](crate::Config::with_dimensions), corrected by what [is reported](crate::Lease::report).
    Dimension(Box<str>),
}

impl RateUnit {
    /// Its key in the document.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Requests => "requests",
            Self::Cost => "cost",
            Self::Dimension(name) => name,
        }
    }
}

/// So much per period, and how much of it at once.
///
/// A unit takes a multiple of 1/32 ns, rounded up: a rate that would thereby let in less than 99 of 100 (only some of those above 3·10⁸ per second) is refused with the configuration.
///
/// In the document: `"100/s"`, or a table `{ requests = 5, per = "10ms", burst = 20 }`, or `{ cost = 60000, per = "1m" }`.
///
/// ```
/// use std::time::Duration;
/// use tenantry::Rate;
///
/// let rate = Rate::requests(100, Duration::from_secs(1)).with_burst(20);
/// assert_eq!("100/s".parse(), Ok(Rate::per_second(100)));
/// assert_eq!(rate.burst(), 20);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    unit: RateUnit,
    amount: u64,
    period: Duration,
    burst: Option<u64>,
    sliding: bool,
    shadow: bool,
}

impl Rate {
    /// So many requests per `period`.
    #[must_use]
    pub const fn requests(amount: u64, period: Duration) -> Self {
        Self::of(RateUnit::Requests, amount, period)
    }

    /// So much cost per `period`.
    #[must_use]
    pub const fn cost(amount: u64, period: Duration) -> Self {
        Self::of(RateUnit::Cost, amount, period)
    }

    /// So much of anything that is counted per `period`.
    #[must_use]
    pub const fn of(unit: RateUnit, amount: u64, period: Duration) -> Self {
        Self { unit, amount, period, burst: None, sliding: false, shadow: false }
    }

    /// As a sliding window in place of a bucket: never more than the amount in any stretch of one period, and no burst beside it. What was
    /// used comes back after one period, at most 1/32 of it late; a bucket refills all the time, so that twice the amount may
    /// pass in one period after a pause.
    #[must_use]
    pub const fn with_sliding_window(mut self) -> Self {
        self.sliding = true;
        self
    }

    /// In shadow mode: what it would refuse is [counted](crate::TenantStats::shadow_rejected), and passes.
    #[must_use]
    pub const fn in_shadow(mut self) -> Self {
        self.shadow = true;
        self
    }

    /// So many requests per second.
    #[must_use]
    pub const fn per_second(amount: u64) -> Self {
        Self::requests(amount, Duration::from_secs(1))
    }

    /// How much may come at once after a pause. Default: one period's worth.
    #[must_use]
    pub const fn with_burst(mut self, burst: u64) -> Self {
        self.burst = Some(burst);
        self
    }

    /// What it counts.
    #[must_use]
    pub const fn unit(&self) -> &RateUnit {
        &self.unit
    }

    /// Whether it is a sliding window.
    #[must_use]
    pub const fn is_sliding(&self) -> bool {
        self.sliding
    }

    /// Whether it is in shadow mode.
    #[must_use]
    pub const fn is_shadow(&self) -> bool {
        self.shadow
    }

    /// Whether a burst was given.
    pub(super) const fn has_burst(&self) -> bool {
        self.burst.is_some()
    }

    /// How much per period.
    #[must_use]
    pub const fn amount(&self) -> u64 {
        self.amount
    }

    /// The period.
    #[must_use]
    pub const fn period(&self) -> Duration {
        self.period
    }

    /// How much at once.
    #[must_use]
    pub const fn burst(&self) -> u64 {
        match self.burst {
            Some(burst) => burst,
            None => self.amount,
        }
    }
}

/// `"100/s"`: requests per `s`, `m`, `h` or `d`, or per a duration as in `"100/10s"`.
impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            "write it as \"100/s\" (or /m, /h, /d, /10s), or as a table { requests = 100, per = \"1s\" }"
                .to_owned()
        };
        let (amount, period) = text.split_once('/').ok_or_else(wrong)?;
        let amount = amount.trim().parse().map_err(|_| wrong())?;
        let period = period.trim();
        let starts_with_digit = period.starts_with(|c: char| c.is_ascii_digit());
        let period = if starts_with_digit { period.to_owned() } else { format!("1{period}") };
        let period = parse_duration(&period).ok_or_else(wrong)?;
        Ok(Self::requests(amount, period))
    }
}

/// A whole number and a unit: `ns`, `us`, `ms`, `s`, `m`, `h` or `d`.
pub(super) fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let count: u64 = text[..digits].parse().ok()?;
    let unit: u64 = match text[digits..].trim() {
        "ns" => 1,
        "us" | "µs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        _ => return None,
    };
    count.checked_mul(unit).map(Duration::from_nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_whole_number_and_a_unit() {
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse_duration("1 d"), Some(Duration::from_secs(86_400)));
        for wrong in ["", "5", "s", "-1s", "1.5s", "5 weeks", "999999999999999d"] {
            assert_eq!(parse_duration(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn rates_are_read_in_short_form() {
        assert_eq!("100/s".parse(), Ok(Rate::per_second(100)));
        assert_eq!("6/10s".parse(), Ok(Rate::requests(6, Duration::from_secs(10))));
        assert_eq!("5 / m".parse(), Ok(Rate::requests(5, Duration::from_secs(60))));
        for wrong in ["", "100", "/s", "x/s", "1/week", "1/0"] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong:?}");
        }
    }
}
