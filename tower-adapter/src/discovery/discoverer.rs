//! Asks a source, hands in the answer, waits until it is due again.

use std::{fmt, sync::Arc};

use tenantry::{Balancer, ConfigError, Discovery, DiscoverySpec, DiscoveryStatus};
use tokio::{
    select,
    sync::{Notify, watch},
    time::sleep,
};

use super::{Discovering, Source};

/// Keeps one pool's endpoints as a [`Source`] says, from [`start`](Self::start) on.
#[must_use = "nothing is asked before it is started"]
pub struct Discoverer<'a, S> {
    balancer: &'a Balancer,
    pool: &'a str,
    source: S,
    spec: DiscoverySpec,
}

impl<'a, S: Source> Discoverer<'a, S> {
    /// For this pool. Endpoints that the pool has by its configuration stay beside those that are found.
    pub const fn new(balancer: &'a Balancer, pool: &'a str, source: S) -> Self {
        Self { balancer, pool, source, spec: DiscoverySpec::new() }
    }

    /// How often to ask, and what an answer may do. Default [`DiscoverySpec::new`].
    pub const fn with_spec(mut self, spec: DiscoverySpec) -> Self {
        self.spec = spec;
        self
    }

    /// Asks at once, and then again and again until the handle is dropped or the balancer is gone.
    ///
    /// # Errors
    /// When there is no such pool, or a setting is out of its bounds.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn start(self) -> Result<Discovering, ConfigError> {
        let discovery = self.balancer.discovery(self.pool, self.source.name(), self.spec)?;
        let status = discovery.status().expect("its balancer is borrowed, so it is there");
        let (statuses, seen) = watch::channel(status);
        let refresh = Arc::new(Notify::new());
        let run = Run { discovery, source: self.source, statuses, refresh: Arc::clone(&refresh) };
        Ok(Discovering::new(tokio::spawn(run.run()), seen, refresh))
    }
}

/// What runs.
struct Run<S> {
    discovery: Discovery,
    source: S,
    statuses: watch::Sender<DiscoveryStatus>,
    refresh: Arc<Notify>,
}

impl<S: Source> Run<S> {
    async fn run(mut self) {
        loop {
            self.ask().await;
            let (Some(status), Some(wait)) = (self.discovery.status(), self.discovery.due_in()) else {
                return;
            };
            self.statuses.send_replace(status);
            select! {
                () = sleep(wait) => {}
                () = self.source.changed() => {}
                () = self.refresh.notified() => {}
            }
        }
    }

    async fn ask(&mut self) {
        match self.source.find().await {
            Ok(found) => {
                // One that is refused is in the status.
                drop(self.discovery.handle_found(&found.endpoints, found.ttl));
                if let Some(problem) = found.problem {
                    self.discovery.note(&problem.to_string());
                }
            }
            Err(error) => self.discovery.handle_failure(&error.to_string()),
        }
    }
}

impl<S: Source> fmt::Debug for Discoverer<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discoverer")
            .field("pool", &self.pool)
            .field("source", &self.source.name())
            .field("spec", &self.spec)
            .finish_non_exhaustive()
    }
}
