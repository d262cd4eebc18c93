//! The other side of a probe: how a server knows its own load.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::{prelude::*, sync::PyOnceLock, types::PyType};
use tenantry::{Begun as CoreBegun, Clock, ServerLoad as Core, SystemClock};

use crate::{guard::guard, time::ManualClock};

/// Counts a server's requests, and knows what to answer to probes.
#[pyclass(frozen, module = "tenantry")]
pub(crate) struct ServerLoad {
    counted: Arc<Counted>,
}

/// A request in flight at a server, until it ends, breaks off or is dropped.
#[pyclass(frozen, module = "tenantry")]
pub(crate) struct Begun {
    core: Mutex<Option<CoreBegun>>,
    counted: Arc<Counted>,
}

/// The core's part, and the clock that it goes by.
struct Counted {
    core: Core,
    clock: Box<dyn Clock>,
}

#[pymethods]
impl ServerLoad {
    #[new]
    #[pyo3(signature = (clock=None))]
    fn new(clock: Option<&Bound<'_, ManualClock>>) -> PyResult<Self> {
        guard(|| {
            let clock: Box<dyn Clock> = match clock {
                Some(clock) => Box::new(clock.get().core.clone()),
                None => Box::new(SystemClock::new()),
            };
            Self { counted: Arc::new(Counted { core: Core::new(), clock }) }
        })
    }

    fn begin(&self) -> PyResult<Begun> {
        let counted = Arc::clone(&self.counted);
        guard(|| {
            let begun = counted.core.begin(counted.clock.now());
            Begun { core: Mutex::new(Some(begun)), counted }
        })
    }

    fn report<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let Counted { core, clock } = &*self.counted;
        let report = guard(|| core.report(clock.now()))?;
        let latency = report.latency().map(|latency| latency.as_secs_f64());
        CLASS.import(py, "tenantry._server_load", "ProbeReport")?.call1((report.rif(), latency))
    }
}

impl Begun {
    /// Takes it out, once, and says how it was; says whether it was in flight.
    fn over(&self, tell: impl FnOnce(&Counted, CoreBegun)) -> PyResult<bool> {
        let begun = self.core.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(begun) = begun else { return Ok(false) };
        guard(|| tell(&self.counted, begun)).map(|()| true)
    }
}

#[pymethods]
impl Begun {
    fn end(&self) -> PyResult<bool> {
        self.over(|counted, begun| counted.core.end(begun, counted.clock.now()))
    }

    fn abandon(&self) -> PyResult<bool> {
        self.over(|counted, begun| counted.core.abandon(begun))
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __exit__(
        &self,
        exc_type: &Bound<'_, PyAny>,
        _exc: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        if exc_type.is_none() { self.end() } else { self.abandon() }.map(drop)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        // A panic there has been told by the panic hook; there is nobody to tell here.
        drop(self.abandon());
    }
}
