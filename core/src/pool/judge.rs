//! What one finished request says of its endpoint's health.

use super::verdict::{Evidence, Verdict};
use crate::{
    condition::EjectionReason,
    endpoint::{Endpoint, InFlight},
    event::Event,
    health::Manner,
    outcome::{Outcome, OutcomeKind},
    pool::Pool,
    time::Time,
};

impl Pool {
    /// Judges one finished request: may eject its endpoint, or end its ejection.
    pub(super) fn judge(&self, endpoint: &Endpoint, trial: bool, outcome: &Outcome, now: Time) {
        match outcome.kind() {
            OutcomeKind::Success => {
                if let Some(how) = endpoint.outlier().succeed(trial, now) {
                    self.welcome(endpoint, how, now);
                }
            }
            OutcomeKind::Failure => {
                let gateway = outcome.cause().is_gateway();
                if let Some(reason) = endpoint.outlier().fail(trial, gateway, &self.outlier, now) {
                    self.answer(endpoint, reason, now);
                }
            }
            OutcomeKind::Overload | OutcomeKind::Cancelled => {
                if trial {
                    endpoint.outlier().abandon_trial();
                }
            }
        }
    }

    /// The answer to a trial begins: that is a success, even if it takes hours, or its client goes away.
    pub(super) fn judge_first_byte(&self, picked: &mut InFlight, now: Time) {
        if picked.is_trial() {
            picked.set_trial(false);
            if let Some(how) = picked.endpoint().outlier().succeed(true, now) {
                self.welcome(picked.endpoint(), how, now);
            }
        }
    }

    /// An endpoint that was left out serves again.
    #[cold]
    fn welcome(&self, endpoint: &Endpoint, how: Manner, now: Time) {
        match how {
            Manner::Ejected | Manner::Degraded => endpoint.begin_anew(now),
            // What is known of its latency is why.
            Manner::Slow => endpoint.begin_sample(now),
        }
        if let Some(slow_start) = &self.slow_start {
            self.health.warms_until(slow_start.ends(now));
        }
        self.review(now);
        let (pool, endpoint) = (self.name.to_string(), endpoint.address().to_owned());
        self.health.events.add(Event::EndpointReturned { pool, endpoint });
    }

    /// An endpoint has failed too often.
    #[cold]
    fn answer(&self, endpoint: &Endpoint, reason: EjectionReason, now: Time) {
        let trial = reason == EjectionReason::FailedProbation;
        // A look before the lock: at the bound every further failure comes here.
        let may_eject = self.health.may_eject();
        let known = endpoint.health().is_degraded(now) || self.most_ejected == 0;
        if !trial && !may_eject && known && now < self.health.next_change() {
            return;
        }
        if !trial && self.fail_all_others(endpoint, now) {
            endpoint.outlier().forgive();
            return;
        }
        let (failures, at_gateway) = endpoint.outlier().failures();
        let evidence = match reason {
            EjectionReason::FailedProbation => Evidence::Trial,
            EjectionReason::ConsecutiveGatewayFailures => Evidence::GatewayInARow(at_gateway),
            _ => Evidence::InARow(failures),
        };
        self.carry_out(&[Verdict { endpoint, evidence, shadow: self.outlier.shadow }], now);
    }

    /// Whether what ails this one ails nearly all that still serve, as when the database behind all of them is down: then leaving it out would help nobody. It does not
    /// where they fail less than a third as often.
    fn fail_all_others(&self, endpoint: &Endpoint, now: Time) -> bool {
        let serving = self.serving().map(|(member, _)| member.endpoint());
        let others =
            serving.filter(|other| !std::ptr::eq(*other, endpoint) && other.health().is_available(now));
        let least = FAILING.max(endpoint.outlier().recent_failures().div_ceil(3));
        let (mut all, mut failing) = (0_u32, 0_u32);
        for other in others {
            all += 1;
            failing += u32::from(other.outlier().recent_failures() >= least);
        }
        all > 0 && failing >= all - all / 4
    }
}

/// Whoever has failed fewer of its last 16 requests has no such trouble.
const FAILING: u32 = 3;
