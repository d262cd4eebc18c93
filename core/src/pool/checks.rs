//! Health checks of a pool: whom to ask next, and what follows from the answers.

use std::{collections::HashMap, ptr, sync::Arc};

use super::health::Newest;
use crate::{
    condition::CheckFailure,
    config::{HealthCheckSpec, InitialHealth},
    endpoint::{Endpoint, Member},
    event::{self, Event},
    health::{CheckRules, CheckSchedule, DueCheck, Standing, Turned},
    pool::Pool,
    sync::Ordering,
    time::Time,
};

/// When the endpoints of the newest list are asked, and what. Its places are the list's.
#[derive(Debug)]
pub(super) struct Checks {
    schedule: CheckSchedule,
    spec: Arc<HealthCheckSpec>,
}

/// One endpoint to ask now.
#[derive(Debug)]
pub(crate) struct PoolCheck {
    pub(crate) due: DueCheck,
    pub(crate) address: Box<str>,
    pub(crate) spec: Arc<HealthCheckSpec>,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CheckVerdict<'a> {
    Passed,
    Failed(CheckFailure, &'a str),
}

impl Pool {
    /// When the next check is due; `None` where nobody is checked.
    pub(crate) fn check_due(&self) -> Option<Time> {
        let nanos = self.health.next_check.load(Ordering::Relaxed);
        (nanos < u64::MAX).then(|| Time::from_nanos(nanos))
    }

    /// The next check, if one is due.
    pub(crate) fn next_check(&self, now: Time) -> Option<PoolCheck> {
        let mut newest = self.health.newest();
        let members = Arc::clone(newest.members());
        let checks = newest.checks.as_mut()?;
        let due = checks.schedule.next_check(|place| members[place].endpoint().health().is_present(now), now);
        let spec = Arc::clone(&checks.spec);
        self.note_next_check(&newest);
        let due = due?;
        Some(PoolCheck { due, address: members[due.place].endpoint().address().into(), spec })
    }

    /// A check has ended. Says whether anybody's health may have changed. One whose endpoint is gone, or that was given up, is not heard.
    pub(crate) fn judge_check(&self, check: DueCheck, verdict: CheckVerdict<'_>, now: Time) -> bool {
        let mut newest = self.health.newest();
        let members = Arc::clone(newest.members());
        let Some(checks) = newest.checks.as_mut() else { return false };
        let Some(place) = checks.schedule.place_of(check) else { return false };
        let (endpoint, requests) = (members[place].endpoint(), requests(&members[place]));
        let passed = matches!(verdict, CheckVerdict::Passed);
        let turned = checks.schedule.judge(place, passed, requests, now);
        let rise = checks.spec.rise();
        self.note_next_check(&newest);
        let brought_forward = endpoint.outlier().hear_check(passed, rise, now);
        let changed = turned.is_some() || brought_forward;
        if let Some(turned) = turned {
            self.turn(endpoint, turned, verdict, now);
        }
        self.health.count_soon(&newest, changed, now) || changed
    }

    /// Checks have turned what is held of an endpoint.
    fn turn(&self, endpoint: &Endpoint, turned: Turned, verdict: CheckVerdict<'_>, now: Time) {
        endpoint.health().set_failing(!turned.healthy, now);
        if turned.healthy {
            endpoint.begin_anew(now);
            self.slow_start.iter().for_each(|slow_start| self.health.warms_until(slow_start.ends(now)));
        }
        let (pool, endpoint) = (self.name.to_string(), endpoint.address().to_owned());
        self.health.tell(match verdict {
            CheckVerdict::Passed => Event::EndpointPassing { pool, endpoint, successes: turned.checks },
            CheckVerdict::Failed(reason, evidence) => {
                let (evidence, failures) = (event::evidence(evidence), turned.checks);
                Event::EndpointFailing { pool, endpoint, reason, evidence, failures }
            }
        });
    }

    /// This edition's list takes the place of the one before: whoever was in it keeps what its checks have shown. Where nobody is checked any more, nobody fails.
    pub(super) fn follow_checks(&self, newest: &mut Newest, now: Time) -> Option<Checks> {
        let before = newest.checks.take();
        let known: HashMap<*const Endpoint, usize> = newest
            .members()
            .iter()
            .enumerate()
            .map(|(place, member)| (ptr::from_ref(member.endpoint()), place))
            .collect();
        let was_checked = before.is_some();
        let checks = self.health_check.as_ref().map(|spec| {
            let rules = rules(spec);
            let mut schedule =
                before.map_or_else(|| CheckSchedule::new(rules, self.seed), |checks| checks.schedule);
            let places = self.members.iter().map(|member| {
                let endpoint = member.endpoint();
                let place = known.get(&ptr::from_ref(endpoint)).copied();
                match place {
                    Some(place) if was_checked => Ok(place),
                    _ if endpoint.health().is_failing() => Err(Standing::FAILING),
                    Some(_) => Err(Standing::HEALTHY),
                    None => Err(initial(spec)),
                }
            });
            schedule.follow(rules, places, now);
            Checks { schedule, spec: Arc::clone(spec) }
        });
        for (place, member) in self.members.iter().enumerate() {
            let healthy = checks.as_ref().is_none_or(|checks| checks.schedule.standing(place).is_healthy());
            member.endpoint().health().set_failing(!healthy, now);
        }
        let due = checks.as_ref().and_then(|checks| checks.schedule.next_due());
        self.health.next_check.store(due.map_or(u64::MAX, Time::as_nanos), Ordering::Relaxed);
        checks
    }

    fn note_next_check(&self, newest: &Newest) {
        let due = newest.checks.as_ref().and_then(|checks| checks.schedule.next_due());
        self.health.next_check.store(due.map_or(u64::MAX, Time::as_nanos), Ordering::Relaxed);
    }
}

/// Requests that ever began there.
fn requests(member: &Member) -> u64 {
    member.endpoint().completed() + u64::from(member.in_flight())
}

const fn initial(spec: &HealthCheckSpec) -> Standing {
    match spec.initial() {
        InitialHealth::Healthy => Standing::HEALTHY,
        InitialHealth::OneSuccess => Standing::UNPROVEN,
        InitialHealth::Unhealthy => Standing::FAILING,
    }
}

fn rules(spec: &HealthCheckSpec) -> CheckRules {
    CheckRules {
        every: spec.every(),
        every_in_doubt: spec.every_in_doubt(),
        every_unhealthy: spec.every_unhealthy(),
        every_idle: spec.every_idle(),
        jitter: spec.jitter_millionths(),
        timeout: spec.timeout(),
        rise: spec.rise(),
        fall: spec.fall(),
    }
}
