//! Weighted round robin by what the endpoints report of their load.
//!
//! Source: gRFC A58 (client-side weighted round robin); an endpoint's weight is in [`crate::load`], whose turn it is in [`Stride`]. An endpoint whose weight is not known has the mean
//! of the others; with fewer than two known, all are equal.
//!
//! *Where we differ*: configured weights multiply the reported ones, and count alone where nothing is reported; an endpoint that has failed
//! lately counts as unknown, and its weight is divided by its penalty, so failing fast attracts nothing, whatever it reports. There is no
//! timer: once per update period whoever comes first weighs anew, and nobody waits for it.

use std::time::Duration;

use super::{
    Alias, Candidates, Turn,
    stride::{MOST, Round, Scale, Stride},
};
use crate::{
    load::WeightRules,
    rng,
    sync::{AtomicU64, Ordering},
    time::nanos,
};

/// The weights in force, and when they are next looked at.
#[derive(Debug)]
pub(crate) struct Weighted {
    stride: Stride,
    /// For the rare pick that the stride leaves open: by configured weights.
    others: Alias,
    rules: WeightRules,
    /// Nanoseconds between two updates.
    period: u64,
    /// The nanosecond of the next one.
    next_update: AtomicU64,
}

impl Weighted {
    /// Begins with configured weights, at this place of the sequence.
    pub(crate) fn new(weights: &[u32], rules: WeightRules, period: Duration, sequence: u32) -> Self {
        Self {
            stride: Stride::new(weights.len(), sequence),
            others: Alias::new(weights),
            rules,
            period: nanos(period),
            next_update: AtomicU64::new(0),
        }
    }

    /// Where the sequence is: the next edition goes on from there.
    pub(crate) fn sequence(&self) -> u32 {
        self.stride.sequence()
    }

    /// How long a report counts.
    pub(crate) const fn expiry(&self) -> Duration {
        self.rules.expiry
    }

    pub(crate) fn pick(&self, candidates: &Candidates<'_>, turn: &Turn<'_>) -> Option<usize> {
        // Relaxed: weights are words of their own, and whoever comes first is decided below.
        let due = self.next_update.load(Ordering::Relaxed);
        if candidates.now().as_nanos() >= due {
            self.update(candidates, due);
        }
        // As in gRPC, those who are not there have no turns.
        let round = Round { turns: candidates.present(), of: |turn| candidates.nth_present(turn) };
        let next = self.stride.next(TRIES, round, |index| candidates.is_usable(index));
        next.or_else(|| self.pick_otherwise(candidates, turn))
    }

    #[cold]
    fn pick_otherwise(&self, candidates: &Candidates<'_>, turn: &Turn<'_>) -> Option<usize> {
        let drawn = (0..u64::from(TRIES)).filter_map(|attempt| self.others.at(rng::draw(turn.draw, attempt)));
        let found = drawn.into_iter().find(|&index| candidates.is_usable(index));
        found.or_else(|| candidates.first_usable_from(turn.draw))
    }

    /// Weighs anew, unless somebody else does.
    #[cold]
    fn update(&self, candidates: &Candidates<'_>, due: u64) {
        let next = candidates.now().as_nanos().saturating_add(self.period).max(1);
        if self.next_update.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        let indices = || 0..candidates.len();
        let scale = Scale::of(indices().map(|index| self.reported(candidates, index)));
        let weight = |index| {
            let reported = scale.map_or(1.0, |scale| scale.scaled(self.reported(candidates, index)));
            reported * f64::from(candidates.weight(index)) / f64::from(candidates.penalty(index))
        };
        let most = indices().map(weight).fold(f64::MIN_POSITIVE, f64::max);
        for index in indices() {
            let share = (weight(index) / most * f64::from(MOST)).round().clamp(1.0, f64::from(MOST));
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to 65 535")]
            self.stride.reweigh(index, share as u32);
        }
    }

    /// The reported weight; 0 where none counts.
    fn reported(&self, candidates: &Candidates<'_>, index: usize) -> f64 {
        if candidates.penalty(index) > 1.0 {
            return 0.0;
        }
        candidates.reported_weight(&self.rules, index).unwrap_or(0.0)
    }
}

/// How many turns may be passed over: with weights at a tenth of the largest, one pick in eight hundred comes to the end of them.
const TRIES: u32 = 64;
