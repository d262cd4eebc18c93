//! What clients saw of a fault: errors, how long it made them wait, and when load was even again.

use std::{
    fmt::{self, Display, Formatter},
    time::Duration,
};

use crate::{cases::Case, load::Entry, systems::System, terms::Terms};

/// One system in one case.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    case: Case,
    system: System,
    terms: Terms,
    requests: usize,
    errors: usize,
    /// Of what left before the fault, during it, and afterwards.
    p99: [Duration; 3],
    /// From the end of the fault to the first of two half seconds in which the first upstream has at least two thirds of its share.
    recovered: Option<Duration>,
}

impl Row {
    pub(crate) fn new(case: Case, system: System, terms: Terms, entries: &[Entry]) -> Self {
        let (begin, end) = (terms.calm(), terms.calm() + terms.fault());
        let before = entries.iter().filter(|entry| entry.at < begin);
        let during = entries.iter().filter(|entry| (begin..end).contains(&entry.at));
        let after = entries.iter().filter(|entry| entry.at >= end);
        Self {
            case,
            system,
            terms,
            requests: entries.len(),
            errors: entries.iter().filter(|entry| entry.served_by.is_none()).count(),
            p99: [p99(before), p99(during), p99(after)],
            recovered: recovered(entries, end),
        }
    }

    pub(crate) const fn errors(&self) -> usize {
        self.errors
    }
}

fn p99<'a>(entries: impl Iterator<Item = &'a Entry>) -> Duration {
    let mut times: Vec<Duration> = entries.map(|entry| entry.took).collect();
    times.sort();
    times.get(times.len() * 99 / 100).copied().unwrap_or_default()
}

fn recovered(entries: &[Entry], end: Duration) -> Option<Duration> {
    let even = |from: Duration| {
        let window = entries.iter().filter(|entry| (from..from + WINDOW).contains(&entry.at));
        let (mut of_first, mut all) = (0, 0);
        for entry in window {
            of_first += u32::from(entry.served_by == Some(0));
            all += 1;
        }
        // Two thirds of a third.
        all > 0 && of_first * 9 >= all * 2
    };
    let last = entries.last()?.at;
    let windows = (0..).map(|step| end + STEP * step).take_while(|from| *from + WINDOW * 2 <= last);
    { windows }.find(|&from| even(from) && even(from + WINDOW)).map(|from| from - end)
}

impl Display for Row {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let millis = |time: Duration| format!("{:.0}", time.as_secs_f64() * 1e3);
        let watched = self.terms.afterwards().as_secs_f64();
        let recovered = self
            .recovered
            .map_or_else(|| format!("not within {watched}"), |time| format!("{:.1}", time.as_secs_f64()));
        let [before, during, after] = self.p99.map(millis);
        write!(
            f,
            "| {} | {} | {} of {} | {before} / {during} / {after} | {recovered} |",
            self.case.name(),
            self.system.name(),
            self.errors,
            self.requests,
        )
    }
}

pub(crate) const HEAD: &str = "| fault | system | errors seen by clients | p99 before / during / after, ms | even load after, s |\n|---|---|---|---|---|";

const WINDOW: Duration = Duration::from_millis(500);
const STEP: Duration = Duration::from_millis(100);
