//! Which endpoint of a pool is checked next, and when; and what its checks have shown.
//!
//! It knows places in the pool's list, moments and verdicts, and nothing of what a check is. Each place has its [`Rhythm`], so checks lie evenly, and is checked at the first beat that
//! is at least half an interval after its last check began. What is late is checked in the order in which it was due, at no more than twice the usual rate: after a stop nobody is overrun.

use std::{collections::BTreeSet, time::Duration};

use super::{rhythm::Rhythm, rise_fall::Standing};
use crate::time::{Time, nanos};

/// How often, and how many in a row count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CheckRules {
    /// Between the checks of an endpoint that serves.
    pub(crate) every: Duration,
    /// While the last check contradicts what is held of it.
    pub(crate) every_in_doubt: Duration,
    /// While it does not serve.
    pub(crate) every_unhealthy: Duration,
    /// While it serves, but nobody asks it anything.
    pub(crate) every_idle: Duration,
    /// In millionths of the interval, at most half of it.
    pub(crate) jitter: u32,
    pub(crate) timeout: Duration,
    pub(crate) rise: u32,
    pub(crate) fall: u32,
}

/// All places' checks.
#[derive(Debug)]
pub(crate) struct CheckSchedule {
    rules: CheckRules,
    seed: u64,
    courses: Vec<Course>,
    /// Nanoseconds and places, the next one first; each place once.
    queue: BTreeSet<(u64, usize)>,
    /// How many places have each tempo.
    tempi: [u64; 4],
    /// When the checks handed out would have been paid for at the highest rate, in nanoseconds (GCRA).
    paid_until: u64,
    /// How many checks were handed out.
    turns: u64,
    /// How many places there were.
    numbers: u64,
}

/// One place's checks.
#[derive(Clone, Debug)]
struct Course {
    rhythm: Rhythm,
    standing: Standing,
    tempo: Tempo,
    due: u64,
    /// When the last check began.
    started: u64,
    /// The number of the check that is under way; 0: none.
    turn: u64,
    /// Requests begun, as last seen.
    requests: u64,
}

/// What an endpoint's interval goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tempo {
    Usual,
    InDoubt,
    Unhealthy,
    Idle,
}

/// A check that is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DueCheck {
    pub(crate) place: usize,
    /// Never that of another check of the same pool.
    pub(crate) turn: u64,
}

/// What a check has turned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turned {
    pub(crate) healthy: bool,
    /// How many checks in a row said so.
    pub(crate) checks: u32,
}

impl CheckSchedule {
    pub(crate) const fn new(rules: CheckRules, seed: u64) -> Self {
        Self {
            rules,
            seed,
            courses: vec![],
            queue: BTreeSet::new(),
            tempi: [0; 4],
            paid_until: 0,
            turns: 0,
            numbers: 0,
        }
    }

    /// When the next check is due; `None` where there is nobody to check.
    pub(crate) fn next_due(&self) -> Option<Time> {
        let &(due, _) = self.queue.first()?;
        Some(Time::from_nanos(due.max(self.paid_until.saturating_sub(BURST * self.spacing()))))
    }

    /// The check that is due, if there is one. Those who are not `wanted` are passed over until their next beat.
    pub(crate) fn next_check(&mut self, wanted: impl Fn(usize) -> bool, now: Time) -> Option<DueCheck> {
        while self.next_due().is_some_and(|due| due <= now) {
            let (_, place) = self.queue.pop_first()?;
            let wanted = wanted(place);
            let course = &mut self.courses[place];
            course.started = now.as_nanos();
            course.turn = 0;
            if wanted {
                self.turns += 1;
                course.turn = self.turns;
                self.paid_until = self.paid_until.max(now.as_nanos()).saturating_add(self.spacing());
            }
            // Whoever never reports has given it up: then this is when somebody else is asked to.
            self.enqueue(place, now + self.rules.timeout);
            if wanted {
                return Some(DueCheck { place, turn: self.turns });
            }
        }
        None
    }

    /// Where a check was handed out to, unless it has been given up, or its endpoint is gone.
    pub(crate) fn place_of(&self, check: DueCheck) -> Option<usize> {
        let is_of = |course: &Course| course.turn == check.turn;
        // Updates move places.
        let hinted = self.courses.get(check.place).is_some_and(is_of).then_some(check.place);
        hinted.or_else(|| self.courses.iter().position(is_of))
    }

    /// A check has ended. `requests` counts those that ever began at the endpoint.
    pub(crate) fn judge(&mut self, place: usize, passed: bool, requests: u64, now: Time) -> Option<Turned> {
        let CheckRules { rise, fall, .. } = self.rules;
        let course = &mut self.courses[place];
        course.turn = 0;
        let turned = course.standing.learn(passed, rise, fall);
        let is_used = course.requests != requests;
        course.requests = requests;
        let (before, after) = (course.tempo, Tempo::of(course.standing, is_used));
        course.tempo = after;
        let healthy = course.standing.is_healthy();
        self.tempi[before as usize] -= 1;
        self.tempi[after as usize] += 1;
        self.enqueue(place, now);
        turned.map(|checks| Turned { healthy, checks })
    }

    /// What is held of a place.
    pub(crate) fn standing(&self, place: usize) -> Standing {
        self.courses[place].standing
    }

    /// The list has changed: at each place is who was at another before, or somebody new.
    pub(crate) fn follow(
        &mut self,
        rules: CheckRules,
        places: impl Iterator<Item = Result<usize, Standing>>,
        now: Time,
    ) {
        let same_rules = self.rules == rules;
        self.rules = rules;
        let before = std::mem::take(&mut self.courses);
        self.queue.clear();
        self.tempi = [0; 4];
        for (place, origin) in places.enumerate() {
            let is_new = origin.is_err();
            let course = origin.map_or_else(|standing| self.newcomer(standing), |old| before[old].clone());
            self.tempi[course.tempo as usize] += 1;
            self.courses.push(course);
            if same_rules && !is_new {
                self.queue.insert((self.courses[place].due, place));
            } else {
                self.enqueue(place, now);
            }
        }
    }

    fn newcomer(&mut self, standing: Standing) -> Course {
        let rhythm = Rhythm::new(self.seed, self.numbers);
        self.numbers += 1;
        // Its first check is spread over the usual interval, whatever is held of it.
        Course { rhythm, standing, tempo: Tempo::Usual, due: 0, started: 0, turn: 0, requests: 0 }
    }

    /// Puts a place's next beat into the queue: from `earliest` on, and half an interval after its last check began.
    fn enqueue(&mut self, place: usize, earliest: Time) {
        let every = self.interval(self.courses[place].tempo);
        let course = &mut self.courses[place];
        self.queue.remove(&(course.due, place));
        let rested = if course.started == 0 { 0 } else { course.started.saturating_add(every / 2 + 1) };
        course.due = course.rhythm.next(every, self.rules.jitter, earliest.as_nanos().max(rested));
        self.queue.insert((course.due, place));
    }

    fn interval(&self, tempo: Tempo) -> u64 {
        let CheckRules { every, every_in_doubt, every_unhealthy, every_idle, .. } = self.rules;
        nanos(match tempo {
            Tempo::Usual => every,
            Tempo::InDoubt => every_in_doubt,
            Tempo::Unhealthy => every_unhealthy,
            Tempo::Idle => every_idle,
        })
        .max(1)
    }

    /// Nanoseconds between two checks at the highest rate: twice the usual one.
    fn spacing(&self) -> u64 {
        let tempi = [Tempo::Usual, Tempo::InDoubt, Tempo::Unhealthy, Tempo::Idle];
        let rate: f64 =
            tempi.iter().map(|&tempo| self.tempi[tempo as usize] as f64 / self.interval(tempo) as f64).sum();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "`as` saturates; it is positive"
        )]
        let spacing = (0.5 / rate) as u64;
        spacing
    }
}

impl Tempo {
    const fn of(standing: Standing, is_used: bool) -> Self {
        if standing.is_in_doubt() {
            Self::InDoubt
        } else if !standing.is_healthy() {
            Self::Unhealthy
        } else if is_used {
            Self::Usual
        } else {
            Self::Idle
        }
    }
}

/// Checks that may come at once: small pools shall not be kept waiting.
const BURST: u64 = 10;

#[cfg(all(test, not(loom)))]
#[path = "check_schedule_tests.rs"]
mod tests;
