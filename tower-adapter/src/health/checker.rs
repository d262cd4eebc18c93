//! Takes what is due from the core, asks, and hands in what came of it.

use std::{fmt, future::poll_fn, sync::Arc, time::Duration};

use tenantry::{Balancer, HealthCheck, HealthChecks};
use tokio::{select, task::JoinSet, time::sleep};

use super::{
    CheckFailed, CheckedEndpoint, HealthChecking,
    custom::{Functions, function},
    question::Means,
    tls::Tls,
};

/// Does a balancer's health checks, of all of its pools, from [`start`](Self::start) on. One for each balancer.
///
/// What the pools want is asked for as long as it runs: it follows every update of the balancer, which it does not keep alive.
#[must_use = "nothing is checked before it is started"]
pub struct HealthChecker {
    checks: HealthChecks,
    functions: Functions,
    tls: Tls,
    most: usize,
}

impl HealthChecker {
    /// For this balancer.
    pub fn new(balancer: &Balancer) -> Self {
        Self {
            checks: balancer.health_checks(),
            functions: Functions::new(),
            tls: Tls::system(),
            most: MOST_UNDER_WAY,
        }
    }

    /// A function for pools with `probe = { custom = "name" }`. It is dropped where it takes longer than the pool's timeout; one that panics teaches nothing.
    ///
    /// ```
    /// # use tenantry::{Balancer, Config, HealthCheckSpec, PoolSpec};
    /// use tenantry_tower::health::{CheckFailed, CheckedEndpoint, HealthChecker};
    ///
    /// async fn ping(endpoint: CheckedEndpoint) -> Result<(), CheckFailed> {
    ///     match endpoint.address() {
    ///         "redis://10.0.0.1:6379" => Ok(()), // it answers PONG
    ///         _ => Err(CheckFailed::other("LOADING")),
    ///     }
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), tenantry::ConfigError> {
    /// let pool = PoolSpec::new(["redis://10.0.0.1:6379"]).with_health_check(HealthCheckSpec::custom("redis-ping"));
    /// let balancer = Balancer::new(Config::new().with_pool("cache", pool))?;
    /// let checking = HealthChecker::new(&balancer).with_custom("redis-ping", ping).start();
    /// # drop(checking);
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_custom<F, R>(mut self, name: impl Into<String>, check: F) -> Self
    where
        F: Fn(CheckedEndpoint) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), CheckFailed>> + Send + 'static,
    {
        self.functions.insert(name.into(), function(check));
        self
    }

    /// The certificates to trust, for checks over TLS. Default: those that the system trusts, read when the first check needs them.
    #[cfg(feature = "health-tls")]
    pub fn with_roots(mut self, roots: super::rustls::RootCertStore) -> Self {
        self.tls.trust(roots);
        self
    }

    /// All of TLS's settings, such as a certificate of one's own. Which protocol is spoken within is for each check to say.
    #[cfg(feature = "health-tls")]
    pub fn with_tls(mut self, config: super::rustls::ClientConfig) -> Self {
        self.tls.use_config(config);
        self
    }

    /// TLS by pool, where requests to different pools trust different roots, or show different certificates: asked by the pool's name before each check over TLS, so that it may change while
    /// checks go on. Pools of which it says nothing have the settings of all. [`Transport::checks`](crate::proxy::Transport::checks) has those of a pool's requests.
    #[cfg(feature = "health-tls")]
    pub fn with_pool_tls<F>(mut self, of: F) -> Self
    where
        F: Fn(&str) -> Option<super::PoolTls> + Send + Sync + 'static,
    {
        self.tls.ask_by_pool(Arc::new(of));
        self
    }

    /// The most checks under way at once, of all pools together; at least 1. Default 256. Where more are due, they wait, those that wait the longest first.
    pub fn with_most_under_way(mut self, checks: usize) -> Self {
        self.most = checks.max(1);
        self
    }

    /// Checks until the handle is dropped, or the balancer is gone.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(self) -> HealthChecking {
        let means = Means { functions: Arc::new(self.functions), tls: self.tls };
        let run = Run { checks: self.checks, means, under_way: JoinSet::new(), most: self.most };
        HealthChecking::new(tokio::spawn(run.run()))
    }
}

/// What runs.
struct Run {
    checks: HealthChecks,
    means: Means,
    /// Dropped with it, and with them their connections.
    under_way: JoinSet<(HealthCheck, Result<(), CheckFailed>)>,
    most: usize,
}

impl Run {
    async fn run(mut self) {
        loop {
            self.begin();
            let full = self.under_way.len() >= self.most;
            let wait = self.checks.due_in().filter(|_| !full).unwrap_or(FOR_EVER);
            let Self { checks, under_way, .. } = &mut self;
            select! {
                Some(ended) = under_way.join_next() => {
                    // One that panicked has dropped its check.
                    if let Ok((check, verdict)) = ended {
                        report(checks, check, &verdict);
                    }
                }
                () = sleep(wait) => {}
                is_there = poll_fn(|cx| checks.poll_updated(cx)) => {
                    if !is_there {
                        return;
                    }
                }
            }
        }
    }

    fn begin(&mut self) {
        while self.under_way.len() < self.most
            && let Some(check) = self.checks.next_check()
        {
            self.under_way.spawn(self.means.clone().ask(check));
        }
    }
}

fn report(checks: &HealthChecks, check: HealthCheck, verdict: &Result<(), CheckFailed>) {
    match verdict {
        Ok(()) => checks.handle_passed(check),
        Err(failed) => checks.handle_failed(check, failed.reason(), failed.evidence()),
    }
}

impl fmt::Debug for HealthChecker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut functions: Vec<_> = self.functions.keys().collect();
        functions.sort_unstable();
        f.debug_struct("HealthChecker")
            .field("functions", &functions)
            .field("most", &self.most)
            .finish_non_exhaustive()
    }
}

const MOST_UNDER_WAY: usize = 256;
/// Something else will end the wait.
const FOR_EVER: Duration = Duration::from_secs(86_400);
