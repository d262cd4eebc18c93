//! Endpoints that have asked to be left alone for a while.

use std::time::Duration;

use crate::{
    config::CooldownScope,
    endpoint::{Endpoint, Labels, Member},
    event::{Event, millis},
    outcome::{Outcome, OutcomeKind},
    pool::Pool,
    time::Time,
};

/// What an answer asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cooldown<'a> {
    /// What those have in common with the endpoint that cool down with it; `None`: it alone.
    label: Option<&'a str>,
    scope: CooldownScope,
    time: Duration,
    strict: bool,
}

impl Pool {
    /// The cooldown that this outcome of one of its endpoints asks for.
    #[cold]
    pub(crate) fn cooldown(&self, endpoint: &Endpoint, outcome: &Outcome) -> Option<Cooldown<'_>> {
        let asked = outcome.retry_after().filter(|_| outcome.kind() == OutcomeKind::Overload)?;
        let time = asked.min(self.cooldown.longest());
        let scope = self.cooldown.scope();
        let labels = self.member(endpoint.address()).and_then(Member::labels);
        let label = labels.and_then(|labels| labels.of(scope));
        (!time.is_zero()).then_some(Cooldown { label, scope, time, strict: self.cooldown.is_strict() })
    }

    /// Lets one of its endpoints cool down.
    pub(crate) fn cool(&self, endpoint: &Endpoint, cooldown: &Cooldown<'_>, now: Time) {
        let news = endpoint.health().cool(now + cooldown.time, cooldown.strict, now);
        if cooldown.strict {
            self.note_limits();
        }
        self.review(now);
        if news {
            self.health.events.add(Event::EndpointCoolingDown {
                pool: self.name().to_owned(),
                endpoint: endpoint.address().to_owned(),
                for_ms: millis(cooldown.time),
            });
        }
    }

    /// Lets those of its endpoints cool down that have in common what counts. Says whether there are any.
    pub(crate) fn cool_alike(&self, cooldown: &Cooldown<'_>, now: Time) -> bool {
        let Some(label) = cooldown.label else { return false };
        let is_alike = |labels: &Labels| labels.of(cooldown.scope) == Some(label);
        let alike = self.members.iter().filter(|member| member.labels().is_some_and(is_alike));
        alike.map(|member| self.cool(member.endpoint(), cooldown, now)).count() > 0
    }
}
