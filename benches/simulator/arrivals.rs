//! When requests come.
//!
//! Open loops have a rate that is constant between two changes (phases, bursts). The next arrival is where the rate's integral has
//! grown by one more draw: exponential for Poisson, 1 for evenly spaced. So a change of rate takes effect in the moment it happens.

use serde::Deserialize;

use super::{distribution::Distribution, rng::Rng, span::Span};

/// An arrival process; in files `{ poisson = 100 }`, `{ even = 100 }`, `{ closed = { clients = 8 } }` and so on.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Arrivals {
    /// Independent of each other, so many per second.
    Poisson(f64),
    /// Evenly spaced, so many per second.
    Even(f64),
    /// Poisson at `rate` for `on`, nothing for `off`, and again.
    Bursts { rate: f64, on: Span, off: Span },
    /// Clients that each wait for their answer, think, and come again.
    Closed { clients: usize, think: Option<Distribution> },
}

/// From `at` on the rate is `factor` times what it was at first.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Phase {
    pub(crate) at: Span,
    pub(crate) factor: f64,
}

impl Arrivals {
    /// The next arrival of an open loop after `now`; `None` for closed loops, and when none comes before `end`.
    pub(crate) fn next_after(&self, now: u64, end: u64, phases: &[Phase], rng: &mut Rng) -> Option<u64> {
        let mut left = match self {
            Self::Poisson(_) | Self::Bursts { .. } => rng.exponential(),
            Self::Even(_) => 1.0,
            Self::Closed { .. } => return None,
        };
        let mut at = now;
        while at < end {
            let (rate, until) = self.piece(at, phases);
            let until = until.min(end);
            let span = Span(until - at).seconds();
            if rate * span > left {
                return Some(at + Span::from_nanos(left / rate * 1e9).0.max(1));
            }
            left -= rate * span;
            at = until;
        }
        None
    }

    /// The rate at a moment, and until when it holds.
    fn piece(&self, at: u64, phases: &[Phase]) -> (f64, u64) {
        let factor = phases.iter().rev().find(|phase| phase.at.0 <= at).map_or(1.0, |phase| phase.factor);
        let change = phases.iter().map(|phase| phase.at.0).find(|&change| change > at).unwrap_or(u64::MAX);
        match *self {
            Self::Poisson(rate) | Self::Even(rate) => (rate * factor, change),
            Self::Bursts { rate, on, off } => {
                let period = on.0 + off.0;
                let within = at % period;
                let (rate, edge) = if within < on.0 { (rate, on.0) } else { (0.0, period) };
                (rate * factor, change.min(at - within + edge))
            }
            Self::Closed { .. } => (0.0, u64::MAX),
        }
    }

    /// What is wrong with it: the field, and what would be right.
    pub(crate) fn problem(&self) -> Option<(&'static str, &'static str)> {
        let good = |rate: f64| rate.is_finite() && rate > 0.0;
        match self {
            Self::Poisson(rate) if !good(*rate) => Some(("poisson", "give a rate per second above 0")),
            Self::Even(rate) if !good(*rate) => Some(("even", "give a rate per second above 0")),
            Self::Bursts { rate, .. } if !good(*rate) => {
                Some(("bursts.rate", "give a rate per second above 0"))
            }
            Self::Bursts { on, off, .. } if on.0 == 0 || off.0 == 0 => {
                Some(("bursts.on", "give durations above zero to on and off"))
            }
            Self::Closed { clients: 0, .. } => Some(("closed.clients", "give at least 1")),
            Self::Closed { think: Some(think), .. } => think.problem(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn count(arrivals: &Arrivals, phases: &[Phase], from: u64, to: u64) -> usize {
        let mut rng = Rng::new(5, 0);
        let next = |at: &u64| arrivals.next_after(*at, 1_000 * SECOND, phases, &mut rng);
        std::iter::successors(Some(0), next).filter(|at| (from..to).contains(at)).count()
    }

    #[test]
    fn a_poisson_process_has_its_rate() {
        let found = count(&Arrivals::Poisson(100.0), &[], 0, 1_000 * SECOND);
        // Six standard deviations.
        assert!((100_000 - 1_900..100_000 + 1_900).contains(&found), "{found}");
    }

    #[test]
    fn even_arrivals_stay_even_through_phases() {
        let phases =
            [Phase { at: Span(10 * SECOND), factor: 3.0 }, Phase { at: Span(20 * SECOND), factor: 0.0 }];
        let even = Arrivals::Even(10.0);
        assert!((99..=101).contains(&count(&even, &phases, 1, 10 * SECOND)));
        assert!((299..=301).contains(&count(&even, &phases, 10 * SECOND, 20 * SECOND)));
        assert!(count(&even, &phases, 20 * SECOND + 1, 1_000 * SECOND) <= 1);
    }

    #[test]
    fn bursts_come_only_while_they_are_on() {
        let bursts = Arrivals::Bursts { rate: 200.0, on: Span(SECOND), off: Span(3 * SECOND) };
        let mut rng = Rng::new(5, 0);
        let mut at = 0;
        let mut found = 0;
        while let Some(next) = bursts.next_after(at, 1_000 * SECOND, &[], &mut rng) {
            assert!(next % (4 * SECOND) <= SECOND, "{next}");
            (at, found) = (next, found + 1);
        }
        assert!((50_000 - 1_400..50_000 + 1_400).contains(&found), "{found}");
    }
}
