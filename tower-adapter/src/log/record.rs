use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use http::Extensions;

use crate::{balance::PickedEndpoint, route::MatchedRoute, tenant::TenantId};

/// What is known of one request so far; in its extensions, for [`Note`](super::Note)s further in.
#[derive(Clone, Debug)]
pub(super) struct Record(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    began: Instant,
    /// Relaxed: a figure that guards nothing.
    bytes_in: AtomicU64,
    facts: Mutex<Facts>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Facts {
    pub(super) tenant: Option<TenantId>,
    pub(super) route: Option<MatchedRoute>,
    /// The last one.
    pub(super) picked: Option<PickedEndpoint>,
    pub(super) attempts: u32,
    pub(super) wait: Option<Duration>,
}

impl Record {
    pub(super) fn new() -> Self {
        Self(Arc::new(Shared {
            began: Instant::now(),
            bytes_in: AtomicU64::new(0),
            facts: Mutex::new(Facts::default()),
        }))
    }

    pub(super) fn age(&self) -> Duration {
        self.0.began.elapsed()
    }

    pub(super) fn facts(&self) -> Facts {
        self.lock().clone()
    }

    pub(super) fn bytes_in(&self) -> u64 {
        self.0.bytes_in.load(Ordering::Relaxed)
    }

    pub(super) fn received(&self, bytes: u64) {
        self.0.bytes_in.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Writes down what is known here.
    pub(super) fn note(&self, extensions: &Extensions) {
        let age = self.age();
        let mut facts = self.lock();
        if facts.tenant.is_none() {
            facts.tenant = extensions.get().cloned();
        }
        if facts.route.is_none() {
            facts.route = extensions.get().cloned();
        }
        if let Some(picked) = extensions.get::<PickedEndpoint>() {
            facts.picked = Some(picked.clone());
            facts.attempts += 1;
            facts.wait.get_or_insert(age);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Facts> {
        self.0.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
