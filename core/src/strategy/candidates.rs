//! What a strategy is shown: the endpoints, who of them may be used, and the request's turn.

use crate::{endpoint::Member, time::Time};

/// The endpoints of a pool as one pick sees them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidates<'a> {
    members: &'a [Member],
    /// Whether health is asked at all: not when all are healthy, not in a panic.
    judged: bool,
    now: Time,
    decay: f32,
}

/// What distinguishes one pick from the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// How many requests took a seat in this pool before; wraps.
    pub(crate) number: u32,
    /// Random bits of this turn.
    pub(crate) draw: u64,
    /// Whether the request has waited for its seat: the pool is saturated.
    pub(crate) saturated: bool,
}

impl<'a> Candidates<'a> {
    pub(crate) const fn new(members: &'a [Member], judged: bool, decay: f32, now: Time) -> Self {
        Self { members, judged, now, decay }
    }

    pub(crate) const fn len(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn is_usable(&self, index: usize) -> bool {
        let member = &self.members[index];
        member.has_room() && (!self.judged || member.endpoint().outlier().is_usable(self.now))
    }

    /// Requests in flight, counting the one to come, over weight.
    pub(crate) fn load(&self, index: usize) -> f32 {
        let member = &self.members[index];
        #[expect(clippy::cast_precision_loss, reason = "loads are compared, not counted")]
        let load = (member.in_flight() + 1) as f32;
        load * member.inverse_weight()
    }

    /// Recent peak latency, if there was a sample.
    pub(crate) fn latency(&self, index: usize) -> Option<f32> {
        self.members[index].endpoint().latency(self.decay, self.now)
    }

    /// The first usable candidate from `start` on, around the list.
    pub(crate) fn first_usable(&self, start: usize) -> Option<usize> {
        let around = (start..self.len()).chain(0..start.min(self.len()));
        around.into_iter().find(|&index| self.is_usable(index))
    }
}
