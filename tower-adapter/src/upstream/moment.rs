//! When a limit begins anew, in all the ways in which upstreams write it.

use std::time::{Duration, UNIX_EPOCH};

/// A moment from now, or since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    In(Duration),
    AtUnix(Duration),
}

impl Moment {
    /// Reads seconds, a Unix time in seconds or milliseconds, a duration, an RFC 3339 or an HTTP date.
    pub(super) fn read(text: &str) -> Option<Self> {
        if let Some(time) = decimal(text, NANOS_PER_SECOND) {
            // Nobody waits for 31 years, and it has been later than 2001 for long.
            return Some(if time >= LEAST_UNIX_MILLIS {
                Self::AtUnix(time / 1_000)
            } else if time >= LEAST_UNIX_SECONDS {
                Self::AtUnix(time)
            } else {
                Self::In(time)
            });
        }
        duration(text).map(Self::In).or_else(|| date(text).map(Self::AtUnix))
    }

    /// How long it takes from `unix` on.
    pub(super) const fn from(self, unix: Duration) -> Duration {
        match self {
            Self::In(wait) => wait,
            Self::AtUnix(at) => at.saturating_sub(unix),
        }
    }
}

/// `6m0s`, `1.5s`, `12ms`, `1h30m`: as Go writes durations, and with `d` for days.
fn duration(text: &str) -> Option<Duration> {
    let (mut rest, mut sum) = (text, Duration::ZERO);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let length = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(length);
        let nanos = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        sum = sum.checked_add(decimal(number, nanos)?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(sum)
}

fn date(text: &str) -> Option<Duration> {
    let http = httpdate::parse_http_date(text).ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    http.or_else(|| {
        let at: jiff::Timestamp = text.parse().ok()?;
        Duration::try_from(at.duration_since(jiff::Timestamp::UNIX_EPOCH)).ok()
    })
}

/// Digits, and perhaps a point and more digits, of a unit of so many nanoseconds; below a nanosecond is cut off.
fn decimal(text: &str, unit: u64) -> Option<Duration> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > MOST_DIGITS || !digits(whole) || !digits(part) {
        return None;
    }
    let whole = u128::from(whole.parse::<u64>().ok()?) * u128::from(unit);
    let part = &part[..part.len().min(9)];
    let scale = 10_u128.pow(u32::try_from(part.len()).ok()?);
    let part =
        if part.is_empty() { 0 } else { u128::from(part.parse::<u64>().ok()?) * u128::from(unit) / scale };
    let nanos = whole + part;
    let seconds = u64::try_from(nanos / u128::from(NANOS_PER_SECOND)).ok()?;
    let rest = u32::try_from(nanos % u128::from(NANOS_PER_SECOND)).ok()?;
    Some(Duration::new(seconds, rest))
}

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const MOST_DIGITS: usize = 19;
const LEAST_UNIX_SECONDS: Duration = Duration::from_secs(1_000_000_000);
const LEAST_UNIX_MILLIS: Duration = Duration::from_secs(1_000_000_000_000);
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("ms", 1_000_000),
    ("s", NANOS_PER_SECOND),
    ("m", 60 * NANOS_PER_SECOND),
    ("h", 3_600 * NANOS_PER_SECOND),
    ("d", 86_400 * NANOS_PER_SECOND),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_unix_times_and_dates_are_told_apart() {
        let in_ms = |millis| Some(Moment::In(Duration::from_millis(millis)));
        let at_ms = |millis| Some(Moment::AtUnix(Duration::from_millis(millis)));
        for (text, moment) in [
            ("0", in_ms(0)),
            ("30", in_ms(30_000)),
            ("7.66", in_ms(7_660)),
            ("12ms", in_ms(12)),
            ("6m0s", in_ms(360_000)),
            ("2m59.56s", in_ms(179_560)),
            ("1h2m3s", in_ms(3_723_000)),
            ("1d", in_ms(86_400_000)),
            ("20.", in_ms(20_000)),
            ("1372700873", at_ms(1_372_700_873_000)),
            ("1741305600000", at_ms(1_741_305_600_000)),
            ("2024-05-01T00:00:00Z", at_ms(1_714_521_600_000)),
            ("2024-05-01T02:00:00.250+02:00", at_ms(1_714_521_600_250)),
            ("Wed, 01 May 2024 00:00:00 GMT", at_ms(1_714_521_600_000)),
        ] {
            assert_eq!(Moment::read(text), moment, "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_no_moment() {
        for text in [
            "",
            "-1",
            "+5",
            "NaN",
            "inf",
            "1e9",
            "s",
            "5 s",
            "5x",
            "1..2s",
            "0x10",
            "soon",
            ".5",
            "5s-1s",
            "99999999999999999999",
            "18446744073709551615d18446744073709551615d",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(Moment::read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), numbers in "[0-9.smhdun]{0,40}") {
            let _either_way = (Moment::read(&text), Moment::read(&numbers));
        }
    }
}
