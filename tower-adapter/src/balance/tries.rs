use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
};

use tenantry::Attempt;

use super::PickedEndpoint;

/// One try at a request, among the request's extensions: tells [`Balance`](super::Balance) which [`Attempt`] it is and where others went, and whoever
/// put it there how far it has come. [`retry`](crate::retry) and [`hedge`](crate::hedge) put it there; a loop of one's own may too.
///
/// All tries at one request know where the others went. `Balance` sends a retry elsewhere while anybody else is usable, and a hedge nowhere else but
/// elsewhere.
///
/// ```
/// use tenantry::Attempt;
/// use tenantry_tower::balance::{Progress, Try};
///
/// let first = Try::first();
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(first.clone());
/// assert_eq!(first.progress(), Progress::Unknown); // no `Balance` has seen it yet
/// assert_eq!(first.next(Attempt::Retry).attempt(), Attempt::Retry);
/// ```
#[derive(Clone)]
pub struct Try {
    attempt: Attempt,
    own: Arc<Own>,
    /// Of all tries at the request.
    visited: Arc<Mutex<Vec<PickedEndpoint>>>,
}

/// How far a [`Try`] has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// No `Balance` has seen it.
    Unknown,
    /// It waits for its turn.
    Queued,
    /// It is with the service within.
    Sent,
}

#[derive(Default)]
struct Own {
    progress: AtomicU8,
    failed: AtomicBool,
}

impl Try {
    /// The first one at a request.
    #[must_use]
    pub fn first() -> Self {
        Self { attempt: Attempt::First, own: Arc::default(), visited: Arc::default() }
    }

    /// Another one at the same request.
    #[must_use]
    pub fn next(&self, attempt: Attempt) -> Self {
        Self { attempt, own: Arc::default(), visited: Arc::clone(&self.visited) }
    }

    /// Which attempt it is.
    #[must_use]
    pub const fn attempt(&self) -> Attempt {
        self.attempt
    }

    /// How far it has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        // Relaxed, here and below: marks that guard no data, mostly read by the task that set them.
        match self.own.progress.load(Ordering::Relaxed) {
            UNKNOWN => Progress::Unknown,
            QUEUED => Progress::Queued,
            _ => Progress::Sent,
        }
    }

    /// Says that giving it up, by dropping its future, is its endpoint's failure (it took too long, say). Without this a try that is dropped is cancelled and
    /// teaches nothing.
    pub fn fail(&self) {
        self.own.failed.store(true, Ordering::Relaxed);
    }

    /// Where tries at this request went, the oldest first.
    #[must_use]
    pub fn visited(&self) -> Vec<PickedEndpoint> {
        self.visited.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn queue(&self) {
        self.own.progress.store(QUEUED, Ordering::Relaxed);
    }

    pub(super) fn send_to(&self, picked: &PickedEndpoint) {
        self.visited.lock().unwrap_or_else(PoisonError::into_inner).push(picked.clone());
        self.own.progress.store(SENT, Ordering::Relaxed);
    }

    pub(super) fn has_failed(&self) -> bool {
        self.own.failed.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Try {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Try")
            .field("attempt", &self.attempt)
            .field("progress", &self.progress())
            .field("visited", &self.visited())
            .finish()
    }
}

const UNKNOWN: u8 = 0;
const QUEUED: u8 = 1;
const SENT: u8 = 2;
