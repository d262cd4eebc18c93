use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::Guard;

/// The guard that is in force, for whoever looks at it: another may take its place, or none. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct CurrentGuard {
    now: Arc<ArcSwapOption<Guard>>,
}

impl CurrentGuard {
    /// None, as yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts this one in its place.
    pub fn set(&self, guard: Option<Guard>) {
        self.now.store(guard.map(Arc::new));
    }

    /// The one that is in force.
    #[must_use]
    pub fn get(&self) -> Option<Guard> {
        self.now.load().as_deref().cloned()
    }
}

impl From<&Guard> for CurrentGuard {
    fn from(guard: &Guard) -> Self {
        let current = Self::new();
        current.set(Some(guard.clone()));
        current
    }
}

impl From<&Self> for CurrentGuard {
    fn from(current: &Self) -> Self {
        current.clone()
    }
}
