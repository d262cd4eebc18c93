use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tenantry::Outcome;

/// What an answer has taught whose head left it open: for those further out, who count it and tell of it. The body that holds the lease says it when it has ended, and a clone stands among the
/// answer's extensions. Only such answers have one.
#[derive(Clone, Default)]
pub(crate) struct LateVerdict(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    outcome: Option<Outcome>,
    waiting: Vec<Waiting>,
}

type Waiting = Box<dyn FnOnce(Outcome) + Send>;

impl LateVerdict {
    /// One that says it already.
    pub(super) fn said(outcome: Outcome) -> Self {
        let late = Self::default();
        late.say(outcome);
        late
    }

    /// The first word counts.
    pub(super) fn say(&self, outcome: Outcome) {
        let mut state = self.lock();
        if state.outcome.is_some() {
            return;
        }
        state.outcome = Some(outcome);
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        // Outside of the lock: it is somebody else's code.
        waiting.into_iter().for_each(|tell| tell(outcome));
    }

    /// What it is, as soon as that is known.
    #[cfg(feature = "log")]
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        self.lock().outcome
    }

    /// Calls this once it is known.
    #[cfg(feature = "metrics")]
    pub(crate) fn on_end(&self, tell: impl FnOnce(Outcome) + Send + 'static) {
        let mut state = self.lock();
        match state.outcome {
            None => state.waiting.push(Box::new(tell)),
            Some(outcome) => {
                drop(state);
                tell(outcome);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for LateVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LateVerdict").field(&self.lock().outcome).finish()
    }
}
