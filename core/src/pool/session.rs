//! Sessions: a request goes where its token says, if that endpoint can take it.

use super::{
    ask::Ask,
    bounded::Placing,
    enter::{Entrant, enter, placed},
    shard::Shard,
    tier::Tier,
};
use crate::{
    endpoint::{Endpoint, InFlight, Member},
    health::Scrutiny,
    pool::Pool,
    rng,
    strategy::Candidates,
    time::Time,
};

impl Pool {
    /// What tells an endpoint's address apart without showing it.
    pub(crate) fn target_of(address: &str) -> u64 {
        rng::hash(address.as_bytes())
    }

    /// The endpoint that a session is bound to, unless it is gone, draining, ejected, at its bound, or not the tenant's any more.
    pub(super) fn return_to(&self, ask: &Ask<'_>, shard: Option<&Shard>, now: Time) -> Option<InFlight> {
        let wants = &ask.wants;
        let (place, tier, scrutiny) = self.place_of(wants.target?)?;
        let placing = tier.and_then(Tier::place);
        let bound = placing.as_ref().map(Placing::bound);
        let candidates =
            Candidates::new(&self.members, scrutiny, self.decay, now).charged(self.charged(wants.cost));
        let candidates = candidates.within(bound).without(wants.avoided);
        let entrant = Entrant::new(ask, scrutiny);
        let allowed =
            shard.is_none_or(|shard| shard.has(place, &self.tiers)) && entrant.may_use(&candidates, place);
        let entered = allowed.then(|| enter(&self.members[place], bound, entrant, now)).flatten();
        entered.map(|picked| placed(picked, placing))
    }

    /// Where a session has its endpoint, if that is there and not draining, its tier, unless its weight is 0, and how far health decides there.
    pub(super) fn place_of(&self, target: u64) -> Option<(usize, Option<&Tier>, Scrutiny)> {
        let place = *self.places().get(&target)?;
        let tier = self.tiers.iter().find(|tier| tier.places().contains(&place));
        let scrutiny = tier.map_or(Scrutiny::Health, Tier::scrutiny);
        (place < self.draining_from).then_some((place, tier, scrutiny))
    }

    /// The endpoint of this address.
    pub(crate) fn endpoint(&self, address: &str) -> Option<&Endpoint> {
        self.member(address).map(Member::endpoint)
    }

    pub(super) fn member(&self, address: &str) -> Option<&Member> {
        let place = *self.places().get(&Self::target_of(address))?;
        self.members.get(place).filter(|member| member.endpoint().address() == address)
    }

    fn places(&self) -> &std::collections::HashMap<u64, usize> {
        let target =
            |(place, member): (usize, &Member)| (Self::target_of(member.endpoint().address()), place);
        self.by_address.get_or_init(|| self.members.iter().enumerate().map(target).collect())
    }
}
