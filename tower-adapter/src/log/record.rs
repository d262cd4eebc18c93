use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use http::{Extensions, StatusCode};

use crate::{balance::PickedEndpoint, route::MatchedRoute, tenant::TenantId};

/// What is known of one request so far; in its extensions, for [`Note`](super::Note)s further in.
#[derive(Clone)]
pub(crate) struct Record(Arc<Shared>);

struct Shared {
    began: Instant,
    ending: Mutex<Option<Ending>>,
    /// Relaxed: a figure that guards nothing.
    bytes_in: AtomicU64,
    facts: Mutex<Facts>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) tenant: Option<TenantId>,
    pub(crate) route: Option<MatchedRoute>,
    /// The last one.
    pub(crate) picked: Option<PickedEndpoint>,
    pub(crate) attempts: u32,
    pub(crate) wait: Option<Duration>,
    /// Of the span that it is in.
    pub(crate) trace_id: Option<Arc<str>>,
}

/// All that there is to say of a request that is over.
#[derive(Debug)]
pub(crate) struct Summary<'a> {
    pub(crate) facts: Facts,
    pub(crate) outcome: &'a str,
    pub(crate) status: Option<StatusCode>,
    /// Of a gRPC answer, in its head or behind its body.
    pub(crate) grpc_status: Option<u32>,
    pub(crate) reason: Option<&'static str>,
    pub(crate) duration: Duration,
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
}

/// What else hears that a request is over.
type Ending = Box<dyn FnOnce(&Summary<'_>) + Send>;

impl Record {
    pub(super) fn new() -> Self {
        Self(Arc::new(Shared {
            began: Instant::now(),
            ending: Mutex::new(None),
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

    /// Calls this once the request is over.
    #[cfg_attr(not(feature = "otel"), expect(dead_code, reason = "spans end by it"))]
    pub(crate) fn on_end(&self, ending: impl FnOnce(&Summary<'_>) + Send + 'static) {
        *self.0.ending.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(ending));
    }

    /// Writes down which trace it is part of.
    #[cfg_attr(not(feature = "otel"), expect(dead_code, reason = "spans have traces"))]
    pub(crate) fn note_trace(&self, id: impl Into<Arc<str>>) {
        self.lock().trace_id = Some(id.into());
    }

    pub(super) fn end(&self, summary: &Summary<'_>) {
        let ending = self.0.ending.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(ending) = ending {
            ending(summary);
        }
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

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("facts", &self.facts()).finish_non_exhaustive()
    }
}
