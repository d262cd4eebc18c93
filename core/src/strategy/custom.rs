//! A strategy of the user's own, and what serves the request where it has no answer.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};

use super::{Candidates, P2c, Turn};
use crate::{
    config::P2cSpec,
    custom::{Asked, Candidates as Shown, Seen, Strategy},
    endpoint::InFlight,
};

/// The user's strategy, with P2C behind it.
#[derive(Debug)]
pub(crate) struct Custom {
    own: Arc<dyn Strategy>,
    otherwise: P2c,
}

impl Custom {
    pub(crate) fn new(own: Arc<dyn Strategy>) -> Self {
        let otherwise = P2cSpec::new();
        Self { own, otherwise: P2c::new(otherwise.choices(), otherwise.load()) }
    }

    pub(crate) fn pick(&self, candidates: &Candidates<'_>, turn: &Turn<'_>) -> Option<usize> {
        self.ask(candidates, turn).or_else(|| self.pick_otherwise(candidates, turn))
    }

    /// The user's answer for a request that has a place already.
    pub(crate) fn pick_instead(
        &self,
        candidates: &Candidates<'_>,
        turn: &Turn<'_>,
        reserved: &InFlight,
    ) -> Option<usize> {
        self.ask(&Vacated { candidates, reserved }, turn)
    }

    /// What serves where the user's has no answer, or is not asked.
    pub(crate) fn pick_otherwise(&self, candidates: &Candidates<'_>, turn: &Turn<'_>) -> Option<usize> {
        self.otherwise.pick(candidates, turn)
    }

    /// The user's answer, if it can be followed.
    fn ask(&self, seen: &dyn Seen, turn: &Turn<'_>) -> Option<usize> {
        let Turn { number, draw, saturated, key } = *turn;
        let shown = Shown::new(seen, Asked { turn: number, draw, waited: saturated, key });
        // A panic would take the seat along. Unwind safe: the candidates are read only, and the strategy's own state is its own trouble.
        let answer = catch_unwind(AssertUnwindSafe(|| self.own.pick(&shown))).unwrap_or(None);
        answer.filter(|&index| index < seen.len() && seen.is_usable(index))
    }
}

/// The candidates as if the request had not the place that it has at one of them.
struct Vacated<'a> {
    candidates: &'a Candidates<'a>,
    reserved: &'a InFlight,
}

impl Seen for Candidates<'_> {
    fn len(&self) -> usize {
        self.len()
    }

    fn address(&self, index: usize) -> &str {
        self.endpoint(index).address()
    }

    fn weight(&self, index: usize) -> u32 {
        self.weight(index)
    }

    fn in_flight(&self, index: usize) -> u32 {
        self.in_flight(index)
    }

    fn latency(&self, index: usize) -> Option<Duration> {
        let nanos = self.latency(index)?;
        Duration::try_from_secs_f32(nanos / 1e9).ok()
    }

    fn utilization(&self, index: usize) -> Option<f64> {
        self.utilization(index).map(f64::from)
    }

    fn is_usable(&self, index: usize) -> bool {
        self.is_usable(index)
    }
}

impl Seen for Vacated<'_> {
    fn len(&self) -> usize {
        self.candidates.len()
    }

    fn address(&self, index: usize) -> &str {
        self.candidates.address(index)
    }

    fn weight(&self, index: usize) -> u32 {
        self.candidates.weight(index)
    }

    fn in_flight(&self, index: usize) -> u32 {
        let own = self.reserved.is_at(self.candidates.endpoint(index));
        // An update may show one less for a moment.
        self.candidates.in_flight(index).saturating_sub(u32::from(own))
    }

    fn latency(&self, index: usize) -> Option<Duration> {
        Seen::latency(self.candidates, index)
    }

    fn utilization(&self, index: usize) -> Option<f64> {
        Seen::utilization(self.candidates, index)
    }

    fn is_usable(&self, index: usize) -> bool {
        self.candidates.is_kept(index, self.reserved) || self.candidates.is_usable(index)
    }
}
