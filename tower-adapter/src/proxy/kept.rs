use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::connection::Connection;

/// The connections to one endpoint that wait for their next request, the one that was used last on top: what a burst has opened grows old below.
pub(super) struct Kept<B>(Mutex<Vec<(Box<Connection<B>>, Instant)>>);

impl<B> Kept<B> {
    /// One that is open, as far as anybody here can know.
    pub(super) fn take(&self) -> Option<Box<Connection<B>>> {
        loop {
            let (mut connection, since) = self.lock().pop()?;
            if is_fresh(since) && connection.is_open() {
                return Some(connection);
            }
        }
    }

    pub(super) fn keep(&self, connection: Box<Connection<B>>) {
        self.lock().push((connection, Instant::now()));
    }

    /// Lets go of those that the endpoint has closed, and of those that nobody has used for [`LONGEST_IDLE`].
    pub(super) fn sweep(&self) {
        let gone = |(connection, since): &mut (Box<Connection<B>>, Instant)| {
            !is_fresh(*since) || !connection.is_open()
        };
        let gone: Vec<_> = self.lock().extract_if(.., gone).collect();
        // Ended once nobody waits for the lock.
        drop(gone);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Box<Connection<B>>, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B> Default for Kept<B> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

fn is_fresh(since: Instant) -> bool {
    since.elapsed() < LONGEST_IDLE
}

/// Below the 75 s after which nginx closes an idle connection, so that we close first.
pub(super) const LONGEST_IDLE: Duration = Duration::from_secs(60);
