//! Health checks that run.

use std::fmt;

use tokio::task::JoinHandle;

/// Does a balancer's health checks until it is dropped; then what they have shown stays, and connections of checks under way are closed.
#[must_use = "dropping it ends the checks"]
pub struct HealthChecking {
    task: JoinHandle<()>,
}

impl HealthChecking {
    pub(super) const fn new(task: JoinHandle<()>) -> Self {
        Self { task }
    }

    /// Whether it still runs: until the balancer is gone.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.task.is_finished()
    }

    /// Ends it, and waits until nothing of it is left.
    pub async fn stop(mut self) {
        self.task.abort();
        // Its being cancelled is what was wanted.
        drop((&mut self.task).await);
    }
}

impl Drop for HealthChecking {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for HealthChecking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthChecking").field("is_running", &self.is_running()).finish()
    }
}
