//! Probes to be carried: what to ask now, and what was answered.

use std::{
    fmt,
    sync::{Arc, Weak},
    task::{Context, Poll},
};

use super::state::State;
use crate::{
    load::ProbeReport,
    strategy::Probe,
    sync::{AtomicU32, Ordering},
};

/// The probes of one balancer: [`Balancer::probes`](crate::Balancer::probes). It does not keep the balancer alive.
///
/// Each request that is picked for brings a pool some probes. Whoever runs this takes one after the other, asks the endpoint, and hands
/// in the answer, or drops the probe. What nobody asks for does not pile up, and picks then do without.
///
/// ```
/// use std::time::Duration;
/// use tenantry::{Balancer, Config, ProbeReport, PoolSpec, PrequalSpec, Request, TenantSpec};
///
/// let pool = PoolSpec::new(["http://10.0.0.1:8080", "http://10.0.0.2:8080"]).with_strategy(PrequalSpec::new());
/// let balancer = Balancer::new(Config::new().with_pool("api", pool).with_tenant("acme", TenantSpec::new()))?;
/// let probes = balancer.probes();
///
/// let lease = balancer.try_acquire(&Request::new("acme"))?;
/// while let Some(probe) = probes.next_probe() {
///     let busy = probe.address() == "http://10.0.0.1:8080";   // what the endpoint said
///     probes.handle_answer(probe, &ProbeReport::new(if busy { 9 } else { 1 }).with_latency(Duration::from_millis(20)));
/// }
/// drop(lease);
/// assert_eq!(balancer.try_acquire(&Request::new("acme"))?.endpoint().address(), "http://10.0.0.2:8080");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Probes {
    state: Weak<State>,
    /// Which pool is asked first, so that none is kept waiting by another.
    turn: AtomicU32,
}

impl Probes {
    pub(super) fn new(state: &Arc<State>) -> Self {
        Self { state: Arc::downgrade(state), turn: AtomicU32::new(0) }
    }

    /// The next probe that is due, if there is one.
    pub fn next_probe(&self) -> Option<Probe> {
        self.state.upgrade().and_then(|state| self.look(&state))
    }

    /// As [`next_probe`](Self::next_probe), but waits for one; `None` when the balancer is gone.
    pub fn poll_probe(&self, context: &mut Context<'_>) -> Poll<Option<Probe>> {
        let Some(state) = self.state.upgrade() else { return Poll::Ready(None) };
        if let Some(probe) = self.look(&state) {
            return Poll::Ready(Some(probe));
        }
        state.bell.arm(context.waker());
        // Again: a request may have come in between, and it rang for nobody.
        let found = self.look(&state);
        drop(state);
        match found {
            Some(probe) => Poll::Ready(Some(probe)),
            // Whoever had the balancer may have let go of it meanwhile, and then it ended just now, here.
            None if self.state.strong_count() == 0 => Poll::Ready(None),
            None => Poll::Pending,
        }
    }

    /// An endpoint has answered.
    pub fn handle_answer(&self, probe: Probe, report: &ProbeReport) {
        if let Some(state) = self.state.upgrade() {
            probe.handle_answer(report, state.clock.now());
        }
    }

    fn look(&self, state: &State) -> Option<Probe> {
        let (snapshot, now) = (state.published.load(), state.clock.now());
        let count = snapshot.services.len();
        // Relaxed: it says where to begin, and publishes nothing.
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) as usize;
        let mut around = (0..count).map(|step| &snapshot.services[turn.wrapping_add(step) % count]);
        around.find_map(|service| service.pool.poll_probe(now))
    }
}

impl fmt::Debug for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probes").finish_non_exhaustive()
    }
}
