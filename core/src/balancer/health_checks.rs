//! Health checks to be done: what to ask now, when to look again, and what was answered.

use std::{
    fmt,
    sync::{Arc, Weak},
    task::{Context, Poll},
    time::Duration,
};

use super::{Balancer, state::State};
use crate::{
    condition::CheckFailure,
    config::HealthCheckSpec,
    health::DueCheck,
    pool::{CheckVerdict, PoolId},
    sync::{AtomicU64, Ordering},
    time::Time,
};

impl Balancer {
    /// The health checks that pools want done ([`PoolSpec::with_health_check`](crate::PoolSpec::with_health_check)). Once per balancer: of several each is given other checks, and only
    /// the last to ask is woken.
    #[must_use]
    pub fn health_checks(&self) -> HealthChecks {
        HealthChecks { state: Arc::downgrade(self.shared()), updates: AtomicU64::new(0) }
    }
}

/// The health checks of one balancer: [`Balancer::health_checks`]. It does not keep the balancer alive.
///
/// It asks nobody itself. Whoever runs this takes what is due, asks the endpoint, says what came of it, and looks again when it is time, or when another configuration is in force.
/// Checks lie evenly over the interval from the start on; what is late comes in its order, at no more than twice the usual rate.
///
/// ```
/// use std::time::Duration;
/// use tenantry::{Balancer, CheckFailure, Config, HealthCheckSpec, HealthState, ManualClock, PoolSpec};
///
/// let pool = PoolSpec::new(["http://10.0.0.1:8080", "http://10.0.0.2:8080"])
///     .with_health_check(HealthCheckSpec::http("/healthz").with_fall(1));
/// let clock = ManualClock::new();
/// let balancer = Balancer::with_clock(Config::new().with_pool("api", pool), clock.clone())?;
/// let checks = balancer.health_checks();
///
/// clock.advance(Duration::from_secs(6)); // or: sleep for checks.due_in()
/// while let Some(check) = checks.next_check() {
///     if check.address() == "http://10.0.0.1:8080" {
///         checks.handle_failed(check, CheckFailure::Status, "503 Service Unavailable");
///     } else {
///         checks.handle_passed(check);
///     }
/// }
/// let health: Vec<_> = balancer.pool_stats("api").expect("it is there").endpoints().iter().map(|endpoint| endpoint.health()).collect();
/// assert_eq!(health, [HealthState::Failing, HealthState::Healthy]);
/// # Ok::<(), tenantry::ConfigError>(())
/// ```
pub struct HealthChecks {
    state: Weak<State>,
    /// Updates that were seen.
    updates: AtomicU64,
}

/// One health check that is to be done: ask the endpoint, and hand in what came of it.
///
/// One that is dropped teaches nothing, and so does one that is reported later than [`HealthCheckSpec::timeout`] and the endpoint's next check.
#[derive(Debug)]
#[must_use = "a check that is dropped teaches nothing"]
pub struct HealthCheck {
    pool: PoolId,
    pool_name: Box<str>,
    address: Box<str>,
    spec: Arc<HealthCheckSpec>,
    due: DueCheck,
}

impl HealthChecks {
    /// The next check that is due, if there is one.
    pub fn next_check(&self) -> Option<HealthCheck> {
        let state = self.state.upgrade()?;
        let (snapshot, now) = (state.published.load(), state.clock.now());
        loop {
            // The pool that has waited the longest.
            let due =
                snapshot.services.iter().filter_map(|service| Some((service.pool.check_due()?, service)));
            let (_, service) = due.filter(|(due, _)| *due <= now).min_by_key(|(due, _)| *due)?;
            // None: somebody else was quicker, or nobody in it wants to be asked now.
            if let Some(check) = service.pool.next_check(now) {
                return Some(HealthCheck {
                    pool: service.pool.id(),
                    pool_name: service.pool.name().into(),
                    address: check.address,
                    spec: check.spec,
                    due: check.due,
                });
            }
        }
    }

    /// How long from now on until one is due; `None` where no pool wants any, or the balancer is gone.
    #[must_use]
    pub fn due_in(&self) -> Option<Duration> {
        let state = self.state.upgrade()?;
        let (snapshot, now) = (state.published.load(), state.clock.now());
        snapshot
            .services
            .iter()
            .filter_map(|service| service.pool.check_due())
            .min()
            .map(|due: Time| due.since(now))
    }

    /// Ready when another configuration, or another list of endpoints, has come into force since this was last ready, so that something else may be due; with `false` when the balancer is gone.
    pub fn poll_updated(&self, context: &mut Context<'_>) -> Poll<bool> {
        let Some(state) = self.state.upgrade() else { return Poll::Ready(false) };
        state.updated.arm(context.waker());
        // After arming: what comes from here on rings.
        let updates = state.updates.load(Ordering::SeqCst);
        drop(state);
        if self.state.strong_count() == 0 {
            // Whoever had the balancer has let go of it meanwhile, and then it ended just now, here.
            return Poll::Ready(false);
        }
        // Relaxed: it is this handle's own.
        if self.updates.swap(updates, Ordering::Relaxed) == updates {
            Poll::Pending
        } else {
            Poll::Ready(true)
        }
    }

    /// The endpoint serves.
    pub fn handle_passed(&self, check: HealthCheck) {
        self.handle(&check, CheckVerdict::Passed);
    }

    /// It does not. The evidence goes into the event, if one follows: what was seen, for whoever looks for the reason.
    pub fn handle_failed(&self, check: HealthCheck, reason: CheckFailure, evidence: &str) {
        self.handle(&check, CheckVerdict::Failed(reason, evidence));
    }

    fn handle(&self, check: &HealthCheck, verdict: CheckVerdict<'_>) {
        let Some(state) = self.state.upgrade() else { return };
        let (snapshot, now) = (state.published.load(), state.clock.now());
        let Some(service) = snapshot.service_of(check.pool) else { return };
        if service.pool.judge_check(check.due, verdict, now) {
            service.set_seats(now);
            service.admission.hand_out_if_queued(now);
        }
    }
}

impl HealthCheck {
    /// The pool.
    #[must_use]
    pub fn pool(&self) -> &str {
        &self.pool_name
    }

    /// The endpoint's address, as the configuration writes it.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What to ask, and how long to wait for an answer.
    #[must_use]
    pub fn spec(&self) -> &HealthCheckSpec {
        &self.spec
    }
}

impl fmt::Debug for HealthChecks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthChecks").finish_non_exhaustive()
    }
}
