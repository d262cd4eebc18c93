//! What a request may hope for that no endpoint takes now.

use super::Wants;
use crate::{
    endpoint::{Member, Spent},
    pool::Pool,
    rejection::Rejection,
    time::Time,
};

/// When endpoints' own limits let a request of some cost in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outlook {
    /// The soonest moment at which an endpoint takes it by time alone.
    soonest: Option<Time>,
    /// Whether limits keep it out somewhere, for now.
    spent: bool,
    /// Whether an endpoint would take it as soon as a request there ends, or at once.
    open: bool,
    /// The most that it may cost where it costs too much.
    most: Option<u64>,
}

impl Pool {
    /// Whether endpoints have limits of their own.
    #[inline]
    pub(crate) fn is_limited(&self) -> bool {
        self.rated || self.health.has_told()
    }

    /// Whether one who has a seat may still have to wait for an endpoint: they have limits of their own, or caps while only a part of them is there for it.
    #[inline]
    pub(crate) fn may_keep_waiting(&self, wants: &Wants<'_>) -> bool {
        self.is_limited() || self.is_capped() && wants.is_confined()
    }

    /// From now on endpoints have: one has told so.
    pub(crate) fn note_limits(&self) {
        self.health.note_told();
    }

    /// Whether endpoints have caps.
    #[inline]
    pub(crate) const fn is_capped(&self) -> bool {
        self.capped
    }

    /// Whether nobody is asked while it is cooling down, strictly or not: a fallback serves, or nobody does.
    const fn minds_cooldowns(&self) -> bool {
        self.tier_rules.panic == 0 && !self.capped
    }

    /// What a request of this cost may hope for.
    #[cold]
    pub(crate) fn outlook(&self, wants: &Wants<'_>, now: Time) -> Outlook {
        let shard = wants.shard.map(|key| self.shards.of(key, &self.tiers));
        let shard = shard.as_ref().and_then(|shard| shard.as_deref());
        let mine = |place: usize| shard.is_none_or(|shard| shard.has(place, &self.tiers));
        let (cost, mut outlook) = (wants.cost, Outlook::default());
        let Wants { avoided, .. } = wants;
        let barred = |member: &Member| avoided.is_strict() && avoided.has(member.endpoint().address());
        for (_, (member, scrutiny)) in self.serving().enumerate().filter(|&(place, _)| mine(place)) {
            let health = member.endpoint().health();
            if !health.is_present(now) || barred(member) {
                continue;
            }
            // Left out until then; for one whose trial is out it is the end of that which counts.
            let open = health.admits(scrutiny.but_cooling(), now);
            let from = if open { Some(now) } else { health.open_from(now) };
            let rest = health.rests_until(self.minds_cooldowns(), now);
            let look = match (member.look(cost, now), rest) {
                (Ok(()), Some(at)) => Err(Spent::Until(at)),
                (Err(Spent::Until(at)), Some(rest)) => Err(Spent::Until(at.max(rest))),
                (look, _) => look,
            };
            let at = match look {
                Ok(()) if from == Some(now) => {
                    outlook.open = true;
                    continue;
                }
                Ok(()) => from,
                Err(Spent::Until(at)) => {
                    outlook.spent = true;
                    from.map(|from| from.max(at))
                }
                Err(Spent::Never(limit)) => {
                    outlook.most = outlook.most.max(Some(limit));
                    continue;
                }
            };
            outlook.open |= at.is_none() && health.is_on_trial(now);
            outlook.soonest = [outlook.soonest, at].into_iter().flatten().min();
        }
        outlook
    }

    /// Why there are no seats where endpoints have caps, if not because others have them: there is no endpoint, or, where a fallback serves, all are left out
    /// and their seats with them.
    #[cold]
    pub(crate) fn why_closed(&self, has_fallback: bool, now: Time) -> Option<Rejection> {
        let health = || self.serving().map(|(member, scrutiny)| (member.endpoint().health(), scrutiny));
        if !health().any(|(health, _)| health.is_present(now)) {
            return Some(Rejection::NoEndpoint);
        }
        let is_open = health().any(|(health, scrutiny)| health.admits(scrutiny.but_cooling(), now));
        (has_fallback && !is_open).then_some(Rejection::Saturated)
    }

    /// Why a request with a seat got no endpoint: there is none, their own limits are spent, or, at the moment of an update or an ejection,
    /// all have what their caps allow.
    #[cold]
    pub(crate) fn why_none(&self, wants: &Wants<'_>, now: Time) -> Rejection {
        if !self.serving().any(|(member, _)| member.endpoint().health().is_present(now)) {
            return Rejection::NoEndpoint;
        }
        // Who is left has been tried, and that is not to happen again.
        let otherwise = if wants.avoided.is_strict() { Rejection::NoEndpoint } else { Rejection::Saturated };
        self.outlook(wants, now).rejection(now).unwrap_or(otherwise)
    }
}

impl Outlook {
    /// When to look again without being told, where limits keep a request out.
    pub(crate) const fn look_at(&self) -> Option<Time> {
        self.soonest
    }

    /// Whether limits are what keeps the request out.
    pub(crate) const fn is_limited(&self) -> bool {
        self.spent || self.most.is_some()
    }

    /// Whether it waits for an endpoint: limits keep it out, or those that are there for it are full.
    pub(crate) const fn keeps_waiting(&self, wants: &Wants<'_>) -> bool {
        self.is_limited() || self.open && wants.is_confined()
    }

    /// Whether no endpoint would take it before `deadline`, whatever ends until then.
    pub(crate) fn is_hopeless(&self, deadline: Time) -> bool {
        self.never().is_some()
            || self.is_limited() && !self.open && self.soonest.is_some_and(|soonest| soonest >= deadline)
    }

    /// Whether only limits, and only for now, keep it out everywhere.
    pub(crate) const fn is_spent(&self) -> bool {
        self.spent && !self.open
    }

    /// What to tell it where it never gets in, whatever ends.
    pub(crate) fn never(&self) -> Option<Rejection> {
        let limit = self.most.filter(|_| !self.open && !self.spent && self.soonest.is_none())?;
        Some(Rejection::CostTooHigh { limit })
    }

    /// What to tell it.
    pub(crate) fn rejection(&self, now: Time) -> Option<Rejection> {
        let at = self.soonest.filter(|_| self.is_limited());
        at.map(|at| Rejection::UpstreamLimited { retry_after: at.since(now) }).or_else(|| self.never())
    }
}
