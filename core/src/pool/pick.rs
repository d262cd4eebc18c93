//! The pick with care: from the endpoints that may be used to the one that serves, and what its outcome teaches.

use std::time::Duration;

use super::{
    ask::{Ask, Purpose, Wants},
    bounded::{Placing, enter_least},
    enter::{Entrant, enter, placed},
    tier::Tier,
};
use crate::{
    endpoint::{InFlight, Member},
    health::Scrutiny,
    load::LoadReport,
    outcome::Outcome,
    pool::Pool,
    rng,
    strategy::{Candidates, REPORT_COUNTS_FOR, Strategy, Turn, Warming},
    sync::Ordering,
    time::Time,
};

/// Where a pick looks: in a tier, and there perhaps at a few endpoints only.
#[derive(Clone, Copy)]
struct Way<'a> {
    tier: &'a Tier,
    few: Option<&'a [u32]>,
    scrutiny: Scrutiny,
}

/// What becomes of a request that has a place.
pub(crate) enum Instead {
    /// It stays there.
    Stays,
    /// The same; more was taken there for a moment.
    GaveBack,
    /// It goes from there.
    Elsewhere(InFlight),
}

impl Pool {
    /// Where a request goes that has a place already, if its strategy wants it elsewhere, or nobody is served there any more.
    pub(crate) fn pick_instead(&self, ask: &Ask<'_>, reserved: &InFlight, now: Time) -> Instead {
        let serves = self.serves_at(ask, reserved, now);
        let purpose = if serves { Purpose::Exchange(reserved) } else { Purpose::Decide };
        match self.pick_with_care(&self.tiers, &Ask { purpose, ..*ask }, now) {
            None => Instead::Stays,
            Some(again) if again.is_at(reserved.endpoint()) => {
                again.abandon(now);
                if serves { Instead::Stays } else { Instead::GaveBack }
            }
            Some(elsewhere) => Instead::Elsewhere(elsewhere),
        }
    }

    /// The pick among several tiers, and where shards, sessions, earlier attempts, health, caps, endpoints' own limits or slow starts make a difference.
    #[inline(never)]
    pub(super) fn pick_with_care(&self, tiers: &[Tier], ask: &Ask<'_>, now: Time) -> Option<InFlight> {
        self.health.look_again(now);
        let shard = ask.wants.shard.map(|key| self.shards.of(key, tiers));
        let shard = shard.as_ref().and_then(|shard| shard.as_deref());
        if let Some(picked) = self.return_to(ask, shard, now) {
            return Some(picked);
        }
        let way = |(place, asked): (usize, Scrutiny)| {
            let (tier, few) = (&tiers[place], shard.map(|shard| shard.places(place)));
            let scrutiny = if tier.scrutiny().asks_health() { asked } else { tier.scrutiny() };
            Way { tier, few, scrutiny }
        };
        let drawn = ask.tier(tiers, self.seed);
        let first = (0..tiers.len()).filter(|&place| place == drawn.0);
        let places = || first.clone().chain((0..tiers.len()).filter(|&place| place != drawn.0));
        let other = |way: &(usize, Scrutiny)| *way != drawn;
        let healthy = places().map(|place| (place, Scrutiny::Healthy)).filter(other);
        let degraded = places().filter(|&place| tiers[place].has_degraded());
        let degraded = degraded.map(|place| (place, Scrutiny::Degraded)).filter(other);
        // Where it has been before it goes again only where nobody else is usable.
        let asks = [*ask, ask.anywhere()];
        let asks = &asks[..if ask.may_return() { 2 } else { 1 }];
        // Where nobody in its tier can take it, the next one does, and the degraded ones before nobody does.
        let drawn = first.clone().map(|_| drawn);
        let ways = drawn.chain(healthy).chain(degraded).map(way);
        let picked = asks.iter().find_map(|ask| ways.clone().find_map(|way| self.pick_in(way, ask, now)));
        // It has a seat, so there is room somewhere: perhaps, since a moment ago, at an ejected endpoint only. And unless panics are
        // ruled out, those that are cooling down serve before nobody does, and then those that are ejected, or have their trial out.
        let has_place = ask.purpose.reserved().is_some();
        let last_resort = !has_place && (self.capped || self.tier_rules.panic > 0);
        let last_resort = move |_: &usize| last_resort;
        let judging = places().filter(last_resort).map(|place| (place, Scrutiny::Openness)).map(way);
        let judging = judging.filter(|way| way.scrutiny == Scrutiny::Openness);
        let anywhere = places().filter(last_resort).map(|place| (place, Scrutiny::Presence)).map(way);
        let cooling = |ask| judging.clone().find_map(|way| self.pick_in(way, ask, now));
        let anyone = |ask| anywhere.clone().find_map(|way| self.enter_anyone(way, ask, now));
        picked.or_else(|| asks.iter().find_map(cooling)).or_else(|| asks.iter().find_map(anyone))
    }

    /// The pick within a tier.
    fn pick_in(&self, Way { tier, few, scrutiny }: Way<'_>, ask: &Ask<'_>, now: Time) -> Option<InFlight> {
        let slow_start = self.slow_start.as_ref().filter(|_| self.is_warming(now));
        let candidates = Candidates::new(tier.members(&self.members), scrutiny, self.decay, now);
        let cost = ask.wants.cost;
        let everybody = candidates.called(tier.roll(scrutiny)).warming(slow_start).among(few);
        let everybody = everybody.charged(self.charged(cost));
        let everybody = everybody.without(ask.wants.avoided);
        let placing = tier.place();
        let bound = placing.as_ref().map(Placing::bound);
        let candidates = everybody.within(bound);
        let entrant = Entrant::new(ask, scrutiny);
        for attempt in 0..ATTEMPTS {
            let turn = ask.turn(self.seed, attempt);
            let Some(index) = ask.purpose.choose(tier.strategy(), &candidates, &turn) else { break };
            if attempt + 1 < ATTEMPTS && is_passed_over(tier.strategy(), &candidates, index, &turn) {
                continue;
            }
            if let Some(picked) = enter(candidates.member(index), bound, entrant, now) {
                return Some(placed(picked, placing));
            }
        }
        if let Some(reserved) = ask.purpose.reserved() {
            // Nobody chooses another place for who has one: where it is not here, the other tiers are asked.
            let kept = (0..candidates.len()).any(|index| candidates.is_kept(index, reserved));
            return kept.then(|| reserved.stand_in());
        }
        // Where the strategy finds nobody, all are asked: health may know of more than were there when it was last counted.
        let (candidates, everybody) = (candidates.called(None), everybody.called(None));
        let draw = (ask.turn(self.seed, ATTEMPTS).draw >> 32) as u32;
        let start = rng::below(draw, u32::try_from(candidates.len()).unwrap_or(u32::MAX));
        let around = around(candidates.len(), start as usize);
        let mut usable = around.filter(|&index| candidates.is_usable(index));
        let entered = usable.find_map(|index| enter(candidates.member(index), bound, entrant, now));
        let least = || bound.and_then(|_| enter_least(&everybody, (cost, scrutiny), now));
        entered.or_else(least).map(|picked| placed(picked, placing))
    }

    /// Whoever has room, whatever health says.
    fn enter_anyone(&self, Way { tier, few, .. }: Way<'_>, ask: &Ask<'_>, now: Time) -> Option<InFlight> {
        let scrutiny = Scrutiny::Presence;
        let candidates = Candidates::new(tier.members(&self.members), scrutiny, self.decay, now).among(few);
        let Wants { avoided, .. } = ask.wants;
        let mut anyone = around(candidates.len(), ask.number as usize)
            .filter(|&index| !avoided.has(candidates.address(index)))
            .filter(|&index| candidates.endpoint(index).health().admits(scrutiny, now));
        let placing = tier.place();
        let entered =
            anyone.find_map(|index| enter(candidates.member(index), None, Entrant::new(ask, scrutiny), now));
        entered.map(|picked| placed(picked, placing))
    }

    /// The cost that endpoints are asked about, where they have limits of their own.
    pub(super) fn charged(&self, cost: u64) -> Option<u64> {
        self.is_limited().then_some(cost)
    }

    /// Whether some endpoint is warming up.
    #[inline]
    pub(super) fn is_warming(&self, now: Time) -> bool {
        self.slow_start.is_some() && self.health.is_warming(now)
    }

    /// How many requests there may be in flight: what the endpoints' caps allow, and those at endpoints that are left out or removed, or
    /// above a cap that was lowered, which take nothing from the others. `None` where a usable endpoint has no cap.
    pub(crate) fn bound(&self, now: Time) -> Option<u32> {
        if !self.capped {
            return None;
        }
        // Where an endpoint without a cap ends the count, no return matters.
        self.next_return.store(u64::MAX, Ordering::Relaxed);
        let (mut room, mut elsewhere) = (0_u32, self.counted_at_removed());
        let mut next_return = u64::MAX;
        for (member, scrutiny) in self.serving() {
            let health = member.endpoint().health();
            // One that is cooling down takes what the others have no room for.
            let open = health.admits(scrutiny.but_cooling(), now);
            if !open && let Some(at) = health.open_from(now) {
                next_return = next_return.min(at.as_nanos());
            }
            let cap = if open { member.cap()? } else { 0 };
            room = room.saturating_add(cap);
            elsewhere = elsewhere.saturating_add(member.counted().saturating_sub(cap));
        }
        let resting = &self.members[self.resting_from()..];
        elsewhere = resting.iter().fold(elsewhere, |sum, member| sum.saturating_add(member.counted()));
        self.elsewhere.store(elsewhere, Ordering::Relaxed);
        self.next_return.store(next_return, Ordering::Relaxed);
        Some(room.saturating_add(elsewhere))
    }

    /// Whether the bound may change with every request that ends.
    pub(crate) fn bound_moves(&self) -> bool {
        self.capped && (self.health.unhealthy() > 0 || self.elsewhere.load(Ordering::Relaxed) > 0)
    }

    /// Whether picks run a strategy of the caller's own.
    pub(crate) fn runs_callers_code(&self) -> bool {
        self.tiers.iter().any(|tier| matches!(tier.strategy(), Strategy::Custom(_)))
    }

    /// When the next ejection ends, as last seen, where endpoints have caps.
    pub(crate) fn next_return(&self) -> Option<Time> {
        let at = self.next_return.load(Ordering::Relaxed);
        (self.capped && at != u64::MAX).then(|| Time::from_nanos(at))
    }

    /// Whether an ejection has ended by time alone since the bound was last put in force.
    pub(crate) fn has_returned(&self, now: Time) -> bool {
        self.capped && now.as_nanos() >= self.next_return.load(Ordering::Relaxed)
    }

    /// Learns from one finished request; without a latency where its first byte has told it.
    pub(crate) fn learn(&self, picked: &InFlight, outcome: &Outcome, measured: Option<Duration>, now: Time) {
        let endpoint = picked.endpoint();
        let took = measured.map(|measured| self.took(endpoint, measured, now));
        endpoint.learn(outcome, took, self.decay, now);
        self.judge(picked.endpoint(), picked.is_trial(), outcome, now);
        self.compare(now);
    }

    /// Learns what the endpoint says of its own load.
    pub(crate) fn learn_report(&self, picked: &InFlight, report: &LoadReport, now: Time) {
        // Of one pool all tiers have the same rules.
        let expiry = match self.tiers.first().map(Tier::strategy) {
            Some(Strategy::Weighted(weighted)) => weighted.expiry(),
            _ => REPORT_COUNTS_FOR,
        };
        picked.endpoint().learn_report(report, expiry, now);
    }

    /// Learns how long an answer took to begin.
    pub(crate) fn learn_first_byte(&self, picked: &mut InFlight, latency: Duration, now: Time) {
        let endpoint = picked.endpoint();
        let took = self.took(endpoint, latency, now);
        endpoint.learn_latency(&Outcome::success(), took, self.decay, now);
        self.judge_first_byte(picked, now);
    }

    /// Whether requests are served where this one has its place; those of a session are at an endpoint of weight 0, too.
    fn serves_at(&self, ask: &Ask<'_>, place: &InFlight, now: Time) -> bool {
        let session = ask.wants.target.and_then(|target| self.place_of(target));
        let session = session.map(|(place, _, scrutiny)| (&self.members[place], scrutiny));
        self.serving().chain(session).any(|(member, scrutiny)| {
            let endpoint = member.endpoint();
            place.is_at(endpoint) && (place.is_trial() || endpoint.health().admits(scrutiny, now))
        })
    }

    /// Those that serve, each with how far health decides in its tier.
    pub(super) fn serving(&self) -> impl Iterator<Item = (&Member, Scrutiny)> {
        self.tiers.iter().flat_map(|tier| {
            let scrutiny = tier.scrutiny();
            tier.members(&self.members).iter().map(move |member| (member, scrutiny))
        })
    }

    /// The first place of those to which nothing new goes.
    fn resting_from(&self) -> usize {
        self.tiers.last().map_or(0, |tier| tier.places().end)
    }
}

/// All of so many, from this one on.
fn around(count: usize, start: usize) -> impl Iterator<Item = usize> {
    let start = start % count.max(1);
    (start..count).chain(0..start)
}

/// Whether an endpoint that is warming up is passed over by a strategy that does not look at its load.
fn is_passed_over(strategy: &Strategy, candidates: &Candidates<'_>, index: usize, turn: &Turn<'_>) -> bool {
    if strategy.warming() == Warming::Seen {
        return false;
    }
    #[expect(clippy::cast_precision_loss, reason = "a draw between 0 and 1")]
    let draw = (turn.draw >> 40) as f32 / (1_u64 << 24) as f32;
    draw >= candidates.warmth(index)
}

/// How often a pick starts again because another thread took the trial that it had chosen.
const ATTEMPTS: u32 = 3;
