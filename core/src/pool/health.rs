//! What a pool knows of its endpoints' health together: how many are left out, and how many more may be.

use crate::{
    endpoint::{Endpoint, Member},
    outcome::{Outcome, OutcomeKind},
    pool::Pool,
    rng,
    sync::{AtomicU32, Mutex, Ordering},
    time::Time,
};

/// Survives updates, as the endpoints' own state does.
#[derive(Debug, Default)]
pub(crate) struct PoolHealth {
    /// Endpoints ejected or on probation. Written only under `newest`; read by picks, to skip judging when it is 0.
    unhealthy: AtomicU32,
    /// The most endpoints that may be left out at once.
    most_ejected: AtomicU32,
    /// Held while one endpoint's health changes: rare, and never on a pick. The number of the newest edition of the pool,
    /// whose list alone is counted.
    newest: Mutex<u64>,
}

impl PoolHealth {
    /// Endpoints left out now.
    pub(super) fn unhealthy(&self) -> u32 {
        self.unhealthy.load(Ordering::Relaxed)
    }
}

impl Pool {
    /// Judges one finished request: may eject its endpoint, or end its ejection.
    pub(super) fn judge(&self, endpoint: &Endpoint, trial: bool, outcome: &Outcome, now: Time) {
        match outcome.kind() {
            OutcomeKind::Success => {
                if endpoint.outlier().succeed(trial, now) {
                    self.recount();
                }
            }
            OutcomeKind::Failure => {
                if endpoint.fails(trial, &self.outlier) {
                    self.eject(endpoint, trial, now);
                }
            }
            OutcomeKind::Overload | OutcomeKind::Cancelled => {
                if trial {
                    endpoint.outlier().abandon_trial();
                }
            }
        }
    }

    fn eject(&self, endpoint: &Endpoint, trial: bool, now: Time) {
        let newest = self.health.newest.lock();
        let unhealthy = self.count_unhealthy(*newest);
        // One that failed its trial is already counted.
        if trial
            || (endpoint.outlier().is_healthy()
                && unhealthy < self.health.most_ejected.load(Ordering::Relaxed))
        {
            endpoint.outlier().eject(&self.outlier, rng::draw(self.seed, now.as_nanos()), now);
            self.count_unhealthy(*newest);
        }
    }

    /// Counts the unhealthy anew, so that no drift can build up. After publishing an edition, and whenever one returns.
    pub(crate) fn recount(&self) {
        let newest = self.health.newest.lock();
        self.count_unhealthy(*newest);
    }

    fn count_unhealthy(&self, newest: u64) -> u32 {
        let ill = |member: &&Member| !member.endpoint().outlier().is_healthy();
        let count = u32::try_from(self.members.iter().filter(ill).count()).unwrap_or(u32::MAX);
        if self.edition == newest {
            self.health.unhealthy.store(count, Ordering::Relaxed);
        }
        count
    }

    /// Makes this the newest edition, of which at most `percent` of the endpoints may be ejected: at least one where there
    /// are two, and never the last.
    pub(super) fn succeed_editions(&mut self, percent: u32) {
        let mut newest = self.health.newest.lock();
        *newest += 1;
        self.edition = *newest;
        let count = u32::try_from(self.members.len()).unwrap_or(u32::MAX);
        let share = u32::try_from(u64::from(count) * u64::from(percent) / 100).unwrap_or(u32::MAX);
        let at_least = u32::from(percent > 0);
        let most = share.max(at_least).min(count.saturating_sub(MIN_AVAILABLE));
        self.health.most_ejected.store(most, Ordering::Relaxed);
    }
}

const MIN_AVAILABLE: u32 = 1;
