//! What follows when an endpoint is found to fail, or to be slow: it is ejected, degraded, or only talked about.
//!
//! Whoever should be ejected where too many are already is degraded instead, so that a group of equally bad endpoints serves only what the others cannot.

use super::health::{Newest, Tally};
use crate::{
    condition::EjectionReason,
    endpoint::Endpoint,
    event::{Event, millis},
    health::{Finding, Manner},
    pool::Pool,
    rng,
    time::Time,
};

/// What is to be done about an endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Verdict<'a> {
    pub(super) endpoint: &'a Endpoint,
    pub(super) evidence: Evidence,
    /// Whether it is only told.
    pub(super) shadow: bool,
}

/// What was seen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Evidence {
    /// So many failures in a row.
    InARow(u32),
    /// So many gateway failures in a row.
    GatewayInARow(u32),
    /// The one request on probation failed.
    Trial,
    /// It does worse than the others.
    Compared(Finding),
}

impl Pool {
    /// Does what follows from these, as far as it leaves enough of the others, the first ones first.
    pub(super) fn carry_out(&self, verdicts: &[Verdict<'_>], now: Time) {
        let newest = self.health.newest();
        let mut tally = self.health.count(&newest, now);
        for verdict in verdicts {
            let (outlier, trial) = (verdict.endpoint.outlier(), matches!(verdict.evidence, Evidence::Trial));
            if !newest.serves(verdict.endpoint) {
                // It drains, or weighs nothing: nothing follows, but its trial is over.
                if trial {
                    outlier.abandon_trial();
                }
            } else if verdict.shadow {
                self.tell_only(verdict, now);
            } else if !trial && !outlier.needs_no_trial(now) {
                // It is out, or on probation: only its trial counts, and not what was before it.
            } else if verdict.evidence.reason() == EjectionReason::Latency {
                self.degrade(verdict, Manner::Slow, &mut tally, now);
            } else if !self.eject(verdict, &mut tally, now)
                && !self.degrade(verdict, Manner::Degraded, &mut tally, now)
            {
                // At the bound every further failure would come here.
                outlier.forgive();
                if trial {
                    outlier.abandon_trial();
                }
            }
        }
        self.health.count(&newest, now);
    }

    /// Leaves an endpoint out for a while, if that leaves enough of the others. Says whether it does.
    fn eject(&self, verdict: &Verdict<'_>, tally: &mut Tally, now: Time) -> bool {
        let Verdict { endpoint, evidence, .. } = verdict;
        // It is still counted itself, unless something else keeps it out.
        let counted = u32::from(endpoint.health().is_available(now));
        // What time alone changes may have changed since it was counted.
        let others = tally.available.saturating_sub(counted);
        let room = tally.ejected < self.health.most_ejected() && others >= self.outlier.min_available;
        if !room {
            return false;
        }
        let healthy = u32::from(counted > 0 && !endpoint.health().serves_worse(now));
        tally.healthy = tally.healthy.saturating_sub(healthy);
        tally.available = others;
        tally.ejected += 1;
        let jitter = self.jitter(endpoint, now);
        let ejection = endpoint.outlier().leave_out(Manner::Ejected, &self.outlier, jitter, now);
        endpoint.begin_anew(now);
        self.health.tell(Event::EndpointEjected {
            pool: self.name.to_string(),
            endpoint: endpoint.address().to_owned(),
            reason: evidence.reason(),
            evidence: evidence.to_string(),
            ejections: ejection.number,
            for_ms: millis(ejection.time),
        });
        true
    }

    /// Lets an endpoint serve only where the others do not suffice, for a while. Says whether it does: not where there would be no others.
    fn degrade(&self, verdict: &Verdict<'_>, how: Manner, tally: &mut Tally, now: Time) -> bool {
        let Verdict { endpoint, evidence, .. } = verdict;
        let health = endpoint.health();
        if !health.is_available(now) || health.is_degraded(now) || tally.healthy < 2 {
            return false;
        }
        let jitter = self.jitter(endpoint, now);
        let degradation = health.outlier().leave_out(how, &self.outlier, jitter, now);
        if how != Manner::Slow {
            endpoint.begin_anew(now);
        }
        tally.healthy -= u32::from(health.serves_worse(now));
        self.health.tell(Event::EndpointDegraded {
            pool: self.name.to_string(),
            endpoint: endpoint.address().to_owned(),
            reason: evidence.reason(),
            evidence: evidence.to_string(),
            for_ms: millis(degradation.time),
        });
        true
    }

    /// In shadow mode: once for as long as an ejection takes.
    fn tell_only(&self, verdict: &Verdict<'_>, now: Time) {
        let outlier = verdict.endpoint.outlier();
        outlier.forgive();
        if matches!(verdict.evidence, Evidence::Trial) {
            outlier.abandon_trial();
        }
        if outlier.may_tell(&self.outlier, now) {
            self.health.tell(Event::OutlierShadowed {
                pool: self.name.to_string(),
                endpoint: verdict.endpoint.address().to_owned(),
                reason: verdict.evidence.reason(),
                evidence: verdict.evidence.to_string(),
            });
        }
    }

    /// Different for each: those who go together should not return together.
    fn jitter(&self, endpoint: &Endpoint, now: Time) -> u64 {
        rng::draw(self.seed ^ rng::hash(endpoint.address().as_bytes()), now.as_nanos())
    }
}

impl Newest {
    /// Whether it is one of those that serve.
    fn serves(&self, endpoint: &Endpoint) -> bool {
        self.serving().any(|member| std::ptr::eq(member.endpoint(), endpoint))
    }
}

impl Evidence {
    pub(super) const fn reason(&self) -> EjectionReason {
        match self {
            Self::InARow(_) => EjectionReason::ConsecutiveFailures,
            Self::GatewayInARow(_) => EjectionReason::ConsecutiveGatewayFailures,
            Self::Trial => EjectionReason::FailedProbation,
            Self::Compared(Finding::SuccessRate { .. }) => EjectionReason::SuccessRate,
            Self::Compared(Finding::FailurePercentage { .. }) => EjectionReason::FailurePercentage,
            Self::Compared(Finding::Latency { .. }) => EjectionReason::Latency,
        }
    }
}

impl std::fmt::Display for Evidence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ms = |nanos: f32| nanos / 1e6;
        match *self {
            Self::InARow(failures) => write!(f, "{failures} failures in a row"),
            Self::GatewayInARow(failures) => write!(f, "{failures} gateway failures in a row"),
            Self::Trial => f.write_str("the request on probation failed"),
            Self::Compared(Finding::SuccessRate { rate, mean, least, requests, endpoints }) => write!(
                f,
                "{rate:.1} % of {requests} requests succeeded; the mean of {endpoints} endpoints is {mean:.1} %, and less than {least:.1} % is too little"
            ),
            Self::Compared(Finding::FailurePercentage { percent, threshold, requests }) => {
                write!(f, "{percent:.1} % of {requests} requests failed; {threshold} % are too many")
            }
            Self::Compared(Finding::Latency { mean, median, requests, endpoints }) => write!(
                f,
                "{requests} successes took {:.1} ms in the geometric mean; the median of {endpoints} endpoints is {:.1} ms",
                ms(mean),
                ms(median)
            ),
        }
    }
}
