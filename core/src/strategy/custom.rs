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
        let Turn { number, draw, saturated, key } = *turn;
        let shown = Shown::new(candidates, Asked { turn: number, draw, waited: saturated, key });
        // A panic would take the seat along. Unwind safe: the candidates are read only, and the strategy's own state is its own trouble.
        let answer = catch_unwind(AssertUnwindSafe(|| self.own.pick(&shown))).unwrap_or(None);
        let usable = answer.filter(|&index| index < candidates.len() && candidates.is_usable(index));
        usable.or_else(|| self.pick_otherwise(candidates, turn))
    }

    /// What serves where the user's has no answer, or is not asked.
    pub(crate) fn pick_otherwise(&self, candidates: &Candidates<'_>, turn: &Turn<'_>) -> Option<usize> {
        self.otherwise.pick(candidates, turn)
    }
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
