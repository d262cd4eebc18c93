use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::connection::Connection;

/// The connections to one endpoint that wait for their next request, the one that was used last on top: what a burst has opened grows old below.
pub(super) struct Kept<B>(Mutex<Stack<B>>);

struct Stack<B> {
    /// Each with the last sweep before it was kept.
    connections: Vec<(Box<Connection<B>>, Instant)>,
    /// The last one: by it they know their age, without reading a clock for each request.
    swept: Instant,
}

impl<B> Kept<B> {
    /// One that was open when it was last looked at.
    pub(super) fn take(&self) -> Option<Box<Connection<B>>> {
        loop {
            let (connection, _) = self.lock().connections.pop()?;
            if connection.is_idle() {
                return Some(connection);
            }
        }
    }

    pub(super) fn keep(&self, connection: Box<Connection<B>>) {
        let mut stack = self.lock();
        let since = stack.swept;
        stack.connections.push((connection, since));
    }

    /// Lets go of those that the endpoint has closed, and of those that nobody has used for [`LONGEST_IDLE`].
    pub(super) fn sweep(&self) {
        let mut stack = self.lock();
        let now = Instant::now();
        stack.swept = now;
        let gone = |(connection, since): &mut (Box<Connection<B>>, Instant)| {
            now - *since >= LONGEST_IDLE || !connection.is_open()
        };
        let gone: Vec<_> = stack.connections.extract_if(.., gone).collect();
        // Ended once nobody waits for the lock.
        drop(stack);
        drop(gone);
    }

    fn lock(&self) -> MutexGuard<'_, Stack<B>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B> Default for Kept<B> {
    fn default() -> Self {
        Self(Mutex::new(Stack { connections: vec![], swept: Instant::now() }))
    }
}

/// How long a connection that its endpoint has closed may hold its socket.
pub(super) const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Below the 75 s after which nginx closes an idle connection, so that we close first.
pub(super) const LONGEST_IDLE: Duration = Duration::from_secs(60);
