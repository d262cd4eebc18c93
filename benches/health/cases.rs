//! What goes wrong: some endpoints of a pool, from some moment until another, in one way.

use std::time::Duration;

use crate::rng::Rng;

/// One way of going wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// A share of its requests fails, after the usual time.
    Fails(f64),
    /// All fail within a millisecond.
    FailsFast,
    /// Nothing is answered: the client gives up after a second.
    Silent,
    /// It takes so many times as long, and succeeds.
    Slow(f64),
    /// All fail for some seconds, then none for some, and so on.
    Flaps,
    /// It is new, and takes ten times as long at first; after so many requests it is warm.
    Cold(u32),
}

/// A pool and what happens to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) endpoints: usize,
    /// Those of them that it happens to; of a joiner's pool, the last is the one that joins.
    pub(crate) bad: usize,
    pub(crate) fault: Fault,
    /// Requests per second to each endpoint, if they are spread evenly, before one joins.
    pub(crate) rate: f64,
}

impl Case {
    /// Whether those that it happens to are worse than the others, so that leaving them out helps.
    pub(crate) fn has_outliers(&self) -> bool {
        self.bad < self.endpoints && !self.joins()
    }

    /// Whether the last endpoint comes when the fault begins.
    pub(crate) const fn joins(&self) -> bool {
        matches!(self.fault, Fault::Cold(_))
    }

    /// Requests per second.
    #[expect(clippy::cast_precision_loss, reason = "endpoints are few")]
    pub(crate) fn total_rate(&self) -> f64 {
        self.rate * (self.endpoints - usize::from(self.joins())) as f64
    }

    /// The even share of each when all are there, in requests per second.
    #[expect(clippy::cast_precision_loss, reason = "endpoints are few")]
    pub(crate) fn even_rate(&self) -> f64 {
        self.total_rate() / self.endpoints as f64
    }

    /// Whether it happens to this one.
    pub(crate) const fn is_bad(&self, endpoint: usize) -> bool {
        endpoint + self.bad >= self.endpoints
    }
}

const fn case(name: &'static str, endpoints: usize, bad: usize, fault: Fault) -> Case {
    Case { name, endpoints, bad, fault, rate: if endpoints < 100 { 50.0 } else { 20.0 } }
}

/// All of them.
pub(crate) const CASES: [Case; 17] = [
    case("1 of 5 fails everything", 5, 1, Fault::Fails(1.0)),
    case("1 of 5 fails half", 5, 1, Fault::Fails(0.5)),
    case("1 of 5 fails a tenth", 5, 1, Fault::Fails(0.1)),
    case("1 of 5 fails everything within 1 ms", 5, 1, Fault::FailsFast),
    case("1 of 5 never answers", 5, 1, Fault::Silent),
    case("1 of 5 takes 10 times as long", 5, 1, Fault::Slow(10.0)),
    case("1 of 5 flaps", 5, 1, Fault::Flaps),
    case("1 of 2 fails everything", 2, 1, Fault::Fails(1.0)),
    case("1 of 2 fails half", 2, 1, Fault::Fails(0.5)),
    case("3 of 10 fail everything", 10, 3, Fault::Fails(1.0)),
    case("3 of 10 fail half", 10, 3, Fault::Fails(0.5)),
    case("3 of 10 take 10 times as long", 10, 3, Fault::Slow(10.0)),
    case("30 of 100 fail everything", 100, 30, Fault::Fails(1.0)),
    case("30 of 100 fail half", 100, 30, Fault::Fails(0.5)),
    case("a cold sixth joins 5", 6, 1, Fault::Cold(1_000)),
    case("all 10 fail everything (panic)", 10, 10, Fault::Fails(1.0)),
    case("all 10 fail half", 10, 10, Fault::Fails(0.5)),
];

/// When it happens, under one seed: the same whoever balances.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    pub(crate) case: Case,
    pub(crate) from: u64,
    pub(crate) until: u64,
    /// When a flapper changes, from `from` on.
    turns: Vec<u64>,
    /// What a cold endpoint has served.
    served: u32,
}

/// How an endpoint answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) succeeds: bool,
    pub(crate) takes: Duration,
}

/// What one request draws, whoever serves it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draws {
    /// Exponential, of mean 1.
    pub(crate) work: f64,
    /// From 0 to 1.
    pub(crate) luck: f64,
}

impl Course {
    /// Begins after 20 to 30 s and lasts 20 to 100 s, so that it stands in no fixed relation to anybody's intervals.
    pub(crate) fn new(case: Case, seed: u64) -> Self {
        let mut rng = Rng::new(seed, COURSE);
        let from = nanos(20.0 + 10.0 * rng.uniform());
        let until = from + nanos(20.0 + 80.0 * rng.uniform());
        let mut turns = vec![from];
        while turns.last().is_some_and(|&turn| turn < until) {
            turns.push(turns[turns.len() - 1] + nanos(2.0 + 4.0 * rng.uniform()));
        }
        Self { case, from, until, turns, served: 0 }
    }

    /// When nothing more comes: the longest ejection of so short a fault is over.
    pub(crate) const fn end(&self) -> u64 {
        self.until + AFTERMATH
    }

    /// Whether it goes wrong there now.
    pub(crate) fn is_on(&self, endpoint: usize, now: u64) -> bool {
        self.case.is_bad(endpoint) && now >= self.from && (self.case.joins() || now < self.until)
    }

    /// What a request gets that reaches an endpoint now.
    pub(crate) fn answer(&mut self, endpoint: usize, draws: Draws, now: u64) -> Answer {
        let usual = Duration::from_millis(10).mul_f64(1.0 + draws.work);
        let good = Answer { succeeds: true, takes: usual };
        if !self.is_on(endpoint, now) {
            return good;
        }
        match self.case.fault {
            Fault::Fails(share) => Answer { succeeds: draws.luck >= share, ..good },
            Fault::FailsFast => Answer { succeeds: false, takes: Duration::from_millis(1) },
            Fault::Silent => Answer { succeeds: false, takes: Duration::from_secs(1) },
            Fault::Slow(times) => Answer { takes: usual.mul_f64(times), ..good },
            Fault::Flaps => {
                let turned = self.turns.iter().filter(|&&turn| turn <= now).count();
                Answer { succeeds: turned % 2 == 0, ..good }
            }
            Fault::Cold(requests) => {
                let warmth = f64::from(self.served) / f64::from(requests);
                self.served += 1;
                Answer { takes: usual.mul_f64((10.0 - 9.0 * warmth).max(1.0)), ..good }
            }
        }
    }
}

/// Seconds as nanoseconds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "minutes fit")]
pub(crate) fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

const COURSE: u64 = 1;
const AFTERMATH: u64 = 150_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flapper_is_bad_first_and_well_in_the_end() {
        let mut course = Course::new(case("flaps", 5, 1, Fault::Flaps), 7);
        let draws = Draws { work: 1.0, luck: 0.5 };
        let (from, until) = (course.from, course.until);
        assert!(course.answer(4, draws, from - 1).succeeds && !course.answer(4, draws, from).succeeds);
        assert!(course.answer(4, draws, until).succeeds && course.answer(3, draws, from).succeeds);
        let answers: Vec<bool> =
            (from..until).step_by(1_000_000_000).map(|now| course.answer(4, draws, now).succeeds).collect();
        assert!(answers.windows(2).filter(|pair| pair[0] != pair[1]).count() > 2, "{answers:?}");
    }

    #[test]
    fn a_cold_endpoint_warms_by_what_it_serves() {
        let mut course = Course::new(case("joins", 2, 1, Fault::Cold(100)), 7);
        let draws = Draws { work: 1.0, luck: 0.5 };
        let from = course.from;
        assert_eq!(course.answer(1, draws, from).takes, Duration::from_millis(200));
        (0..100).for_each(|_| assert!(course.answer(1, draws, from).succeeds));
        assert_eq!(course.answer(1, draws, from).takes, Duration::from_millis(20));
        assert_eq!(course.answer(0, draws, from).takes, Duration::from_millis(20));
    }
}
