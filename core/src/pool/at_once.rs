//! The pick at once: one tier, and nothing but its strategy decides, and health. Most picks are that, and nearly all find everybody healthy; the others are made [with care](super::pick).

use super::{
    ask::{Ask, Wants},
    enter::{Entrant, enter},
    tier::Tier,
};
use crate::{endpoint::InFlight, health::Scrutiny, pool::Pool, strategy::Candidates, time::Time};

impl Pool {
    /// Picks for one request. Takes no lock and allocates nothing.
    pub(crate) fn pick(&self, ask: &Ask<'_>, now: Time) -> Option<InFlight> {
        match self.tier_at_once(ask, now) {
            Some(only) => self.pick_at_once(only, ask, now),
            None => self.pick_otherwise(ask, now),
        }
    }

    /// The only tier, where its strategy alone decides, and all in it are healthy.
    #[inline(always)]
    pub(crate) fn tier_at_once(&self, ask: &Ask<'_>, now: Time) -> Option<&Tier> {
        match &*self.tiers {
            [only] if self.is_plain(ask, now) && self.health.unhealthy() == 0 => Some(only),
            _ => None,
        }
    }

    /// Picks from it.
    #[inline(always)]
    pub(crate) fn pick_at_once(&self, only: &Tier, ask: &Ask<'_>, now: Time) -> Option<InFlight> {
        let index = self.choose(only, Scrutiny::Nothing, ask, now)?;
        only.members(&self.members)[index].try_enter()
    }

    /// Picks where there is no such tier.
    #[inline(never)]
    pub(crate) fn pick_otherwise(&self, ask: &Ask<'_>, now: Time) -> Option<InFlight> {
        match &*self.tiers {
            [only] if self.is_plain(ask, now) => {
                self.pick_healthy(only, ask, now).or_else(|| self.pick_with_care(&self.tiers, ask, now))
            }
            tiers => self.pick_with_care(tiers, ask, now),
        }
    }

    /// The first attempt where nothing but the strategy and health decides, and the healthy take everything. What it cannot decide is left to care.
    fn pick_healthy(&self, tier: &Tier, ask: &Ask<'_>, now: Time) -> Option<InFlight> {
        self.health.look_again(now);
        if !tier.is_healthy_alone() || self.runs_callers_code() {
            return None;
        }
        let index = self.choose(tier, Scrutiny::Healthy, ask, now)?;
        let member = &tier.members(&self.members)[index];
        if member.endpoint().health().is_plain(now) {
            return member.try_enter();
        }
        enter(member, None, Entrant::new(ask, Scrutiny::Healthy), now)
    }

    /// The strategy's choice where nothing else decides: a copy of the strategies for each caller.
    #[inline(always)]
    fn choose(&self, tier: &Tier, scrutiny: Scrutiny, ask: &Ask<'_>, now: Time) -> Option<usize> {
        let candidates = Candidates::new(tier.members(&self.members), scrutiny, self.decay, now);
        tier.strategy().pick_inline(&candidates.called(tier.roll(scrutiny)), &ask.turn(self.seed, 0))
    }

    /// Whether nothing but the strategy decides, and health.
    #[inline]
    fn is_plain(&self, ask: &Ask<'_>, now: Time) -> bool {
        let Wants { shard, target, avoided, .. } = ask.wants;
        let bound = shard.is_some() || target.is_some() || !avoided.is_nobody() || self.is_limited();
        !self.capped && !self.bounded && !bound && !self.is_warming(now)
    }
}
