//! What a pool knows of its endpoints' health together: how many are left out, and how many more may be.

use std::sync::Arc;

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
    /// The pool's newest list, which is what counts, whichever edition a request began with. Held while an endpoint's
    /// health changes: rare, and never on a pick.
    newest: Mutex<Arc<[Member]>>,
}

impl PoolHealth {
    /// Endpoints left out now.
    pub(super) fn unhealthy(&self) -> u32 {
        self.unhealthy.load(Ordering::Relaxed)
    }

    fn most_ejected(&self) -> u32 {
        self.most_ejected.load(Ordering::Relaxed)
    }

    /// Counts anew, so that no drift can build up.
    fn count(&self, newest: &[Member]) -> u32 {
        let ill = |member: &&Member| !member.endpoint().outlier().is_healthy();
        let count = u32::try_from(newest.iter().filter(ill).count()).unwrap_or(u32::MAX);
        self.unhealthy.store(count, Ordering::Relaxed);
        count
    }
}

impl Pool {
    /// Judges one finished request: may eject its endpoint, or end its ejection.
    pub(super) fn judge(&self, endpoint: &Endpoint, trial: bool, outcome: &Outcome, now: Time) {
        match outcome.kind() {
            OutcomeKind::Success => {
                if endpoint.outlier().succeed(trial, now) {
                    let newest = self.health.newest.lock();
                    self.health.count(&newest);
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
        // A look before the lock: at the bound every further failure comes here.
        if !trial && self.health.unhealthy() >= self.health.most_ejected() {
            return;
        }
        let newest = self.health.newest.lock();
        let room = self.health.count(&newest) < self.health.most_ejected();
        // One that failed its trial is already counted.
        if trial || (room && endpoint.outlier().is_healthy()) {
            endpoint.outlier().eject(&self.outlier, rng::draw(self.seed, now.as_nanos()), now);
            self.health.count(&newest);
        }
    }

    /// Makes this edition's list the one that counts. Just before it is published, when nothing can refuse it any more.
    pub(crate) fn take_over(&self) {
        let mut newest = self.health.newest.lock();
        *newest = Arc::clone(&self.members);
        self.health.most_ejected.store(self.most_ejected, Ordering::Relaxed);
        self.health.count(&newest);
    }
}

/// The most of `count` endpoints that may be ejected: `percent` of them, at least one where there are two, never the last.
pub(super) fn most_ejected(count: usize, percent: u32) -> u32 {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    let share = u32::try_from(u64::from(count) * u64::from(percent) / 100).unwrap_or(u32::MAX);
    let at_least = u32::from(percent > 0);
    share.max(at_least).min(count.saturating_sub(MIN_AVAILABLE))
}

const MIN_AVAILABLE: u32 = 1;
