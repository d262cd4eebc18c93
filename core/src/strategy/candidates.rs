//! What a strategy is shown: the endpoints, who of them may be used, and the request's turn.

use std::time::Duration;

use super::{Avoided, LoadBound, Roll};
use crate::{
    config::LoadKind,
    endpoint::{Endpoint, InFlight, Member},
    health::{Scrutiny, SlowStart},
    load::WeightRules,
    rng,
    time::Time,
};

/// The endpoints of a pool as one pick sees them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidates<'a> {
    members: &'a [Member],
    /// Where only some of them may be used: their places.
    few: Option<&'a [u32]>,
    /// How far health is asked.
    scrutiny: Scrutiny,
    /// Where health is asked: who is there.
    roll: Option<&'a Roll>,
    now: Time,
    decay: f32,
    /// Where some endpoint is warming up: how.
    slow_start: Option<&'a SlowStart>,
    /// The request's cost, where the endpoints' own limits are asked.
    charged: Option<u64>,
    /// Where load is bounded: how.
    bound: Option<LoadBound>,
    /// Where the request has been before.
    avoided: Avoided<'a>,
}

/// What distinguishes one pick from the next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn<'a> {
    /// How many requests took a seat in this pool before; wraps.
    pub(crate) number: u32,
    /// Random bits of this turn.
    pub(crate) draw: u64,
    /// Whether the request has waited for its seat: the pool is saturated.
    pub(crate) saturated: bool,
    /// What the request wants to be kept together with, byte for byte: each hash strategy has its own hash.
    pub(crate) key: Option<&'a [u8]>,
}

impl Turn<'_> {
    /// The key's hash; `None` where there is no key. An empty one counts as none, as in nginx.
    #[inline]
    pub(crate) fn hashed<H>(&self, hash: impl FnOnce(&[u8]) -> H) -> Option<H> {
        self.key.filter(|key| !key.is_empty()).map(hash)
    }
}

impl<'a> Candidates<'a> {
    pub(crate) const fn new(members: &'a [Member], scrutiny: Scrutiny, decay: f32, now: Time) -> Self {
        Self {
            members,
            few: None,
            scrutiny,
            roll: None,
            now,
            decay,
            slow_start: None,
            charged: None,
            bound: None,
            avoided: Avoided::Nobody,
        }
    }

    /// The same for a request of this cost, where endpoints have limits of their own.
    pub(crate) const fn charged(mut self, cost: Option<u64>) -> Self {
        self.charged = cost;
        self
    }

    /// The same where it is known who is there.
    pub(crate) const fn called(mut self, roll: Option<&'a Roll>) -> Self {
        self.roll = roll;
        self
    }

    /// Only those at these places, in order, which are counted anew.
    pub(crate) fn among(mut self, places: Option<&'a [u32]>) -> Self {
        // A selection of all is none.
        self.few = places.filter(|places| places.len() < self.members.len());
        self
    }

    /// The same where nobody may have more than the bound says.
    pub(crate) const fn within(mut self, bound: Option<LoadBound>) -> Self {
        self.bound = bound;
        self
    }

    /// The same without those that the request does not want.
    pub(crate) const fn without(mut self, avoided: Avoided<'a>) -> Self {
        self.avoided = avoided;
        self
    }

    /// Whether they are a selection, for which a strategy has nothing laid out.
    pub(crate) const fn are_few(&self) -> bool {
        self.few.is_some()
    }

    /// One of them.
    #[inline]
    pub(crate) fn member(&self, index: usize) -> &'a Member {
        &self.members[self.place(index)]
    }

    /// Where in the list it is.
    #[inline]
    fn place(&self, index: usize) -> usize {
        self.few.map_or(index, |places| places[index] as usize)
    }

    /// The same where some endpoint is warming up.
    pub(crate) const fn warming(mut self, slow_start: Option<&'a SlowStart>) -> Self {
        self.slow_start = slow_start;
        self
    }

    /// What the weight of one counts while it is new: up to 1.
    pub(crate) fn warmth(&self, index: usize) -> f32 {
        let since = || self.member(index).endpoint().serves_since();
        self.slow_start.map_or(1.0, |slow_start| slow_start.factor(since(), self.now))
    }

    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.few.map_or(self.members.len(), <[u32]>::len)
    }

    /// How many of them are worth drawing: those who are there, where that is known.
    #[inline]
    pub(crate) fn present(&self) -> usize {
        self.roll_of_all().map_or_else(|| self.len(), Roll::count)
    }

    /// The index of one of those.
    #[inline]
    pub(crate) fn nth_present(&self, index: usize) -> usize {
        self.roll_of_all().map_or(index, |roll| roll.place(index))
    }

    /// Of a selection it is not known.
    #[inline]
    fn roll_of_all(&self) -> Option<&'a Roll> {
        self.roll.filter(|_| !self.are_few())
    }

    #[inline(always)]
    pub(crate) fn is_usable(&self, index: usize) -> bool {
        if self.are_plain() { self.is_there(index) } else { self.is_usable_here(index) }
    }

    /// Whether nothing but room and health decides who of them may be used: known when a pick that is made at once is compiled.
    #[inline(always)]
    const fn are_plain(&self) -> bool {
        matches!(self.scrutiny, Scrutiny::Nothing | Scrutiny::Healthy)
            && self.charged.is_none()
            && self.bound.is_none()
            && self.avoided.is_nobody()
    }

    #[inline(always)]
    fn is_there(&self, index: usize) -> bool {
        if let Some(roll) = self.roll
            && roll.misses(self.place(index))
        {
            return false;
        }
        let member = self.member(index);
        member.has_room() && member.endpoint().health().admits(self.scrutiny, self.now)
    }

    #[inline]
    fn is_usable_here(&self, index: usize) -> bool {
        let member = self.member(index);
        self.is_there(index)
            && self.charged.is_none_or(|cost| member.look(cost, self.now).is_ok())
            && self.bound.is_none_or(|bound| bound.admits(member.counted(), member.weight()))
            && !self.is_avoided(index)
    }

    /// Whether the request has this place there, and may stay: one more is not asked for.
    pub(crate) fn is_kept(&self, index: usize, reserved: &InFlight) -> bool {
        let endpoint = self.endpoint(index);
        reserved.is_at(endpoint)
            && (endpoint.health().admits(self.scrutiny, self.now) || reserved.is_trial())
            && !self.is_avoided(index)
    }

    fn is_avoided(&self, index: usize) -> bool {
        !self.avoided.is_nobody() && self.avoided.has(self.address(index))
    }

    /// Requests in flight, counting the one to come, over the weight of the moment.
    #[inline(always)]
    pub(crate) fn load(&self, index: usize) -> f32 {
        let member = self.member(index);
        #[expect(clippy::cast_precision_loss, reason = "loads are compared, not counted")]
        let load = (member.in_flight() + 1) as f32;
        let load = load * member.inverse_weight();
        if self.slow_start.is_some() { load / self.warmth(index) } else { load }
    }

    /// What the load is multiplied by under this kind of load: a factor, and the endpoint's signal where it has one. Two endpoints are
    /// compared by their signals only where both have one.
    #[inline(always)]
    pub(crate) fn factors(&self, kind: LoadKind, index: usize) -> (f32, Option<f32>) {
        match kind {
            LoadKind::PeakEwma => (1.0, self.latency(index)),
            LoadKind::InFlight => (self.penalty(index), None),
            LoadKind::Reported => {
                let penalty = self.penalty(index);
                // Who fails counts as fully loaded, whatever it says of itself.
                let least = if penalty > 1.0 { 1.0 } else { LEAST_UTILIZATION };
                (penalty, self.utilization(index).map(|level| level.max(least)))
            }
        }
    }

    /// Recent peak latency, if there was a sample.
    #[inline(always)]
    pub(crate) fn latency(&self, index: usize) -> Option<f32> {
        self.endpoint(index).latency(self.decay, self.now)
    }

    /// What failing lately multiplies the load by.
    #[inline]
    pub(crate) fn penalty(&self, index: usize) -> f32 {
        self.endpoint(index).penalty(self.decay, self.now)
    }

    /// The utilization that the endpoint has reported lately.
    pub(crate) fn utilization(&self, index: usize) -> Option<f32> {
        self.endpoint(index).reported().utilization(REPORT_COUNTS_FOR, self.now)
    }

    /// The weight that follows from the endpoint's reports, where it counts.
    pub(crate) fn reported_weight(&self, rules: &WeightRules, index: usize) -> Option<f64> {
        self.endpoint(index).reported().weight(rules, self.now)
    }

    pub(crate) fn weight(&self, index: usize) -> u32 {
        self.member(index).weight()
    }

    #[inline]
    pub(crate) fn in_flight(&self, index: usize) -> u32 {
        self.member(index).in_flight()
    }

    #[inline]
    pub(crate) fn endpoint(&self, index: usize) -> &'a Endpoint {
        self.member(index).endpoint()
    }

    pub(crate) const fn now(&self) -> Time {
        self.now
    }

    /// Whether it has failed shortly ago.
    pub(crate) fn is_shunned(&self, index: usize) -> bool {
        self.endpoint(index).is_shunned(self.now)
    }

    pub(crate) fn address(&self, index: usize) -> &str {
        self.endpoint(index).address()
    }

    #[inline]
    pub(crate) fn inverse_weight(&self, index: usize) -> f32 {
        self.member(index).inverse_weight()
    }

    /// The first usable candidate from `start` on, around the list.
    pub(crate) fn first_usable(&self, start: usize) -> Option<usize> {
        let around = (start..self.len()).chain(0..start.min(self.len()));
        around.into_iter().find(|&index| self.is_usable(index))
    }

    /// The first usable candidate from a random one on: the last resort, which looks at everyone.
    #[cold]
    pub(crate) fn first_usable_from(&self, draw: u64) -> Option<usize> {
        let bound = u32::try_from(self.len()).unwrap_or(u32::MAX);
        self.first_usable(rng::below((draw & 0xffff_ffff) as u32, bound) as usize)
    }
}

/// Less than this is rounding: nobody is a hundred times idler than somebody at rest.
const LEAST_UTILIZATION: f32 = 0.01;
/// gRFC A58's expiry of weights.
pub(crate) const REPORT_COUNTS_FOR: Duration = Duration::from_secs(180);
