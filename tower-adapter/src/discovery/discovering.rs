//! A discovery that runs.

use std::{fmt, sync::Arc};

use tenantry::DiscoveryStatus;
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};

/// Keeps a pool's endpoints up to date until it is dropped; then the pool keeps what it has.
#[must_use = "dropping it ends the discovery"]
pub struct Discovering {
    task: JoinHandle<()>,
    seen: watch::Receiver<DiscoveryStatus>,
    refresh: Arc<Notify>,
}

impl Discovering {
    pub(super) const fn new(
        task: JoinHandle<()>,
        seen: watch::Receiver<DiscoveryStatus>,
        refresh: Arc<Notify>,
    ) -> Self {
        Self { task, seen, refresh }
    }

    /// How it is doing, as of the last answer.
    #[must_use]
    pub fn status(&self) -> DiscoveryStatus {
        self.seen.borrow().clone()
    }

    /// The status, to wait for the next one: renewed after every answer and every failure.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<DiscoveryStatus> {
        self.seen.clone()
    }

    /// Asks as soon as it can, instead of when it is due.
    pub fn refresh(&self) {
        self.refresh.notify_one();
    }

    /// Ends it, and waits until nothing of it is left.
    pub async fn stop(mut self) {
        self.task.abort();
        // Its being cancelled is what was wanted; a panic in a source has been printed.
        drop((&mut self.task).await);
    }
}

impl Drop for Discovering {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Discovering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Discovering").field("status", &self.status()).finish_non_exhaustive()
    }
}
