//! Calendar windows: the minute, hour, day, week, month or year that a moment is in, somewhere.
//!
//! Windows follow one another without a gap and without an overlap, whatever the zone's clocks do. A window of days begins at the first
//! moment that is not before its first midnight: where that midnight is skipped, right after the gap; where it comes twice, at the
//! first. A minute or an hour ends where the clocks are set, so the hour that comes twice is two windows.
//!
//! The zones are those of the IANA database that the crate `jiff` carries with it, so the same configuration means the same everywhere.

use std::hash::{Hash, Hasher};

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Date, DateTime, Weekday},
    tz::{AmbiguousOffset, TimeZone},
};

/// A division of time into windows.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "ledger", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "ledger", serde(try_from = "(Span, i8, String)", into = "(Span, i8, String)"))]
pub(crate) struct Calendar {
    span: Span,
    /// The day on which a week (1 is Monday) or a month begins; 1 for all others.
    anchor: i8,
    name: Box<str>,
    zone: TimeZone,
}

/// How long a window is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "ledger", derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Span {
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Calendar {
    /// Windows of one span, in a zone by its IANA name. A month without the anchor day begins on its last. `None` when there is no
    /// such zone.
    pub(crate) fn new(span: Span, zone: &str, anchor: i8) -> Option<Self> {
        let found = TimeZone::get(zone).ok()?;
        Some(Self { span, anchor, name: zone.into(), zone: found })
    }

    /// The window that holds a moment: its start, and the start of the next; all in seconds since 1970.
    pub(crate) fn window(&self, at: i64) -> (i64, i64) {
        match self.span {
            Span::Minute => self.within_offset(at, 60),
            Span::Hour => self.within_offset(at, 3_600),
            Span::Day | Span::Week | Span::Month | Span::Year => self.of_days(at),
        }
    }

    /// No window is longer, in seconds: a day to spare for whatever a zone does.
    pub(crate) const fn longest(&self) -> i64 {
        match self.span {
            Span::Minute => 60,
            Span::Hour => 3_600,
            Span::Day => 2 * DAY,
            Span::Week => 8 * DAY,
            Span::Month => 32 * DAY,
            Span::Year => 367 * DAY,
        }
    }

    /// The stretch of `length` seconds by the zone's clocks, cut where they are set.
    fn within_offset(&self, at: i64, length: i64) -> (i64, i64) {
        let moment = timestamp(at);
        let offset = i64::from(self.zone.to_offset(moment).seconds());
        let start = at - (at + offset).rem_euclid(length);
        // The transition at a moment counts as one before what follows it.
        let after = moment.saturating_add(SignedDuration::from_secs(1)).unwrap_or(moment);
        let set_before = self.zone.preceding(after).next().map(|set| set.timestamp().as_second());
        let set_next = self.zone.following(moment).next().map(|set| set.timestamp().as_second());
        (start.max(set_before.unwrap_or(i64::MIN)), (start + length).min(set_next.unwrap_or(i64::MAX)))
    }

    fn of_days(&self, at: i64) -> (i64, i64) {
        let today = self.zone.to_datetime(timestamp(at)).date();
        let mut first = self.first_day(today);
        // Around a midnight that comes twice the date alone does not tell.
        while self.start_of(first) > at {
            first = self.first_day(first.yesterday().unwrap_or(Date::MIN));
        }
        loop {
            let next = self.next_first_day(first);
            let end = self.start_of(next);
            if end > at {
                return (self.start_of(first), end);
            }
            first = next;
        }
    }

    /// The first day of the window that a day is in.
    fn first_day(&self, day: Date) -> Date {
        match self.span {
            Span::Week => {
                let since = (day.weekday().to_monday_one_offset() - self.anchor).rem_euclid(7);
                day.saturating_sub(since.days())
            }
            Span::Month => {
                let own = anchored(day, self.anchor);
                let before = || day.first_of_month().yesterday().unwrap_or(Date::MIN);
                if own <= day { own } else { anchored(before(), self.anchor) }
            }
            Span::Year => day.first_of_year(),
            Span::Day | Span::Hour | Span::Minute => day,
        }
    }

    fn next_first_day(&self, first: Date) -> Date {
        let tomorrow = |day: Date| day.tomorrow().unwrap_or(Date::MAX);
        match self.span {
            Span::Week => first.saturating_add(7.days()),
            Span::Month => anchored(tomorrow(first.last_of_month()), self.anchor),
            Span::Year => tomorrow(first.last_of_year()),
            Span::Day | Span::Hour | Span::Minute => tomorrow(first),
        }
    }

    /// The first moment that is not before a day's midnight.
    fn start_of(&self, day: Date) -> i64 {
        let midnight = DateTime::from_parts(day, jiff::civil::Time::midnight());
        let offset = match self.zone.to_ambiguous_timestamp(midnight).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Fold { before, .. } => before,
            AmbiguousOffset::Gap { after, .. } => {
                // Read with the later offset, it is before the clocks are set.
                let early = after.to_timestamp(midnight).unwrap_or(Timestamp::MIN);
                return match self.zone.following(early).next() {
                    Some(set) => set.timestamp().as_second(),
                    None => early.as_second(),
                };
            }
        };
        offset.to_timestamp(midnight).unwrap_or(Timestamp::MAX).as_second()
    }

    const fn key(&self) -> (Span, i8, &str) {
        (self.span, self.anchor, &self.name)
    }
}

#[cfg(feature = "ledger")]
impl From<Calendar> for (Span, i8, String) {
    fn from(calendar: Calendar) -> Self {
        (calendar.span, calendar.anchor, calendar.name.into())
    }
}

#[cfg(feature = "ledger")]
impl TryFrom<(Span, i8, String)> for Calendar {
    type Error = &'static str;

    fn try_from((span, anchor, zone): (Span, i8, String)) -> Result<Self, Self::Error> {
        Self::new(span, &zone, anchor).ok_or("a zone that is not in the database")
    }
}

impl PartialEq for Calendar {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Calendar {}

impl Hash for Calendar {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// The anchor day in a day's month.
fn anchored(day: Date, anchor: i8) -> Date {
    let wanted = anchor.min(day.days_in_month());
    Date::new(day.year(), day.month(), wanted).unwrap_or(day)
}

fn timestamp(at: i64) -> Timestamp {
    Timestamp::from_second(at).unwrap_or(if at < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// The weekday that weeks begin with, by default.
pub(crate) const MONDAY: i8 = Weekday::Monday.to_monday_one_offset();

const DAY: i64 = 86_400;

#[cfg(all(test, not(loom)))]
mod tests {
    use std::{
        fmt::Write as _,
        io::Write as _,
        process::{Command, Stdio},
    };

    use proptest::prelude::*;

    use super::*;
    use crate::rng;

    const ZONES: [&str; 24] = [
        "UTC",
        "Europe/Rome",
        "Europe/London",
        "America/New_York",
        "America/Sao_Paulo",
        "Asia/Kolkata",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "Pacific/Chatham",
        "Asia/Tehran",
        "America/Havana",
        "Asia/Beirut",
        "Africa/Cairo",
        "America/Santiago",
        "Asia/Gaza",
        "Pacific/Kiritimati",
        "America/St_Johns",
        "Asia/Amman",
        "Africa/Casablanca",
        "Atlantic/Azores",
        "America/Asuncion",
        "Asia/Pyongyang",
        "America/Caracas",
    ];
    const SPANS: [(Span, &str, i8); 6] = [
        (Span::Minute, "minute", 1),
        (Span::Hour, "hour", 1),
        (Span::Day, "day", 1),
        (Span::Week, "week", 7),
        (Span::Month, "month", 31),
        (Span::Year, "year", 1),
    ];

    fn calendar(span: Span, zone: &str, anchor: i8) -> Calendar {
        Calendar::new(span, zone, anchor).expect("the zone is in the database")
    }

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().expect("a moment").as_second()
    }

    #[test]
    fn both_turns_of_daylight_saving_are_right() {
        let day = calendar(Span::Day, "Europe/Rome", 1);
        let hours = |moment| {
            let (start, end) = day.window(at(moment));
            (end - start) / 3_600
        };
        assert_eq!(hours("2026-03-29T12:00:00Z"), 23);
        assert_eq!(hours("2026-10-25T12:00:00Z"), 25);
        assert_eq!(hours("2026-07-01T12:00:00Z"), 24);
        let hour = calendar(Span::Hour, "Europe/Rome", 1);
        let twice = [hour.window(at("2026-10-25T00:30:00Z")), hour.window(at("2026-10-25T01:30:00Z"))];
        assert_eq!(twice[0].1, twice[1].0, "the hour that comes twice is two windows");
        assert_eq!(twice[1].1 - twice[0].0, 7_200);
    }

    #[test]
    fn a_month_without_the_anchor_day_begins_on_its_last() {
        let month = calendar(Span::Month, "UTC", 31);
        assert_eq!(
            month.window(at("2026-02-10T00:00:00Z")),
            (at("2026-01-31T00:00:00Z"), at("2026-02-28T00:00:00Z"))
        );
        assert_eq!(
            month.window(at("2028-02-29T00:00:00Z")),
            (at("2028-02-29T00:00:00Z"), at("2028-03-31T00:00:00Z"))
        );
    }

    #[test]
    fn skipped_midnights_and_skipped_days_leave_no_hole() {
        // Clocks went from 00:00 to 01:00.
        let havana = calendar(Span::Day, "America/Havana", 1);
        assert_eq!(havana.window(at("2026-03-08T12:00:00Z")).0, at("2026-03-08T05:00:00Z"));
        // 30 December 2011 did not happen.
        let apia = calendar(Span::Day, "Pacific/Apia", 1);
        let (start, end) = apia.window(at("2011-12-30T09:59:59Z"));
        assert_eq!((start, end), (at("2011-12-29T10:00:00Z"), at("2011-12-30T10:00:00Z")));
        assert_eq!(apia.window(end), (end, at("2011-12-31T10:00:00Z")));
        assert!(Calendar::new(Span::Day, "Europe/Atlantis", 1).is_none());
    }

    proptest! {
        #[test]
        fn windows_follow_one_another(
            zone in 0..ZONES.len(), span in 0..SPANS.len(), anchor in 1_i8..32, moment in -2_000_000_000_i64..4_000_000_000,
        ) {
            let (span, _, most) = SPANS[span];
            let calendar = calendar(span, ZONES[zone], anchor.min(most));
            let (start, end) = calendar.window(moment);
            prop_assert!(start <= moment && moment < end);
            prop_assert_eq!(calendar.window(start), (start, end));
            prop_assert_eq!(calendar.window(end - 1), (start, end));
            prop_assert_eq!(calendar.window(end).0, end);
        }
    }

    /// 10 000 random zones, spans, anchors and moments against Python's `zoneinfo`. From 1990 to 2020: of later years the two
    /// databases, of different editions, may disagree.
    #[test]
    fn windows_are_those_of_pythons_zoneinfo() {
        let (mut asked, mut ours) = (String::new(), vec![]);
        for n in 0..10_000 {
            let draw = |which: u64, below: u64| rng::draw(7, n * 8 + which) % below;
            let pick = |which, below: usize| usize::try_from(draw(which, below as u64)).expect("small");
            let (span, name, most) = SPANS[pick(0, SPANS.len())];
            let zone = ZONES[pick(1, ZONES.len())];
            let anchor = 1 + i8::try_from(draw(2, most.unsigned_abs().into())).expect("small");
            let moment = 631_152_000 + i64::try_from(draw(3, 30 * 31_556_952)).expect("small");
            writeln!(asked, "{name} {zone} {anchor} {moment}").expect("a string takes it");
            let (start, end) = calendar(span, zone, anchor).window(moment);
            ours.push(format!("{start} {end}"));
        }
        let mut python = Command::new("python3")
            .args(["-c", ORACLE])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is there");
        python.stdin.take().expect("piped").write_all(asked.as_bytes()).expect("it reads");
        let output = python.wait_with_output().expect("it ends");
        let theirs = String::from_utf8(output.stdout).expect("figures");
        assert_eq!(theirs.lines().count(), ours.len(), "the oracle answers every question");
        for ((asked, ours), theirs) in asked.lines().zip(&ours).zip(theirs.lines()) {
            assert_eq!(ours, theirs, "{asked}");
        }
    }

    /// Slow and obvious: a window of days begins at the first minute that is not before its midnight; a shorter one is walked to by minutes.
    const ORACLE: &str = r#"
import sys
from calendar import monthrange
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

def local(t, zone):
    return datetime.fromtimestamp(t, timezone.utc).astimezone(zone).replace(tzinfo=None)

def start_of(day, zone):
    midnight = datetime(day.year, day.month, day.day)
    t = int(midnight.replace(tzinfo=zone, fold=0).timestamp())
    while local(t - 60, zone) >= midnight:
        t -= 60
    return t

def anchored(year, month, anchor):
    return date(year, month, min(anchor, monthrange(year, month)[1]))

def firsts(span, anchor, day):
    if span == "day":
        return [day + timedelta(n) for n in range(-2, 4)]
    if span == "week":
        first = day - timedelta((day.isoweekday() - anchor) % 7)
        return [first + timedelta(7 * n) for n in range(-1, 3)]
    if span == "month":
        months = [day.year * 12 + day.month - 1 + n for n in range(-2, 4)]
        return [anchored(m // 12, m % 12 + 1, anchor) for m in months]
    return [date(day.year + n, 1, 1) for n in range(-1, 3)]

def walked(length, zone, at):
    offset = lambda t: local(t, zone) - local(t, timezone.utc)
    edge = lambda t: (local(t, zone) - datetime(1970, 1, 1)) % timedelta(seconds=length) == timedelta(0) or offset(t) != offset(t - 1)
    start = at - at % 60
    while not edge(start):
        start -= 60
    end = at - at % 60 + 60
    while not edge(end):
        end += 60
    return start, end

for line in sys.stdin.read().splitlines():
    span, name, anchor, at = line.split()
    zone, at = ZoneInfo(name), int(at)
    if span in ("minute", "hour"):
        print(*walked({"minute": 60, "hour": 3600}[span], zone, at))
        continue
    starts = [start_of(day, zone) for day in firsts(span, int(anchor), local(at, zone).date())]
    print(max(s for s in starts if s <= at), min(s for s in starts if s > at))
"#;
}
