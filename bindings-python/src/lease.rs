//! A lease: the right to be in flight, and the address to go to.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use pyo3::{prelude::*, sync::PyOnceLock, types::PyString};
use tenantry::{Lease as Core, Outcome};

use crate::{
    address::address,
    done::{Done, done},
    guard::guard,
    outcome,
    request::measured,
};

/// A seat and an endpoint's address, until it is finished or dropped.
#[pyclass(frozen, module = "tenantry")]
pub(crate) struct Lease {
    /// Frozen and a member: reading it costs 3 ns.
    #[pyo3(get)]
    address: Py<PyString>,
    stage: Mutex<Stage>,
}

/// How far it has come. The core runs outside the lock, because it may wake a waiter, and that is Python code.
enum Stage {
    /// Dropping it is the core's `Outcome::cancelled`.
    Open(Core),
    /// Somebody tells the first byte just now, and ends it afterwards if this says how it ended meanwhile.
    Telling(Option<Outcome>),
    Ended,
}

impl Lease {
    #[inline]
    pub(crate) fn new(py: Python<'_>, core: Core) -> Self {
        Self { address: address(py, core.endpoint()), stage: Mutex::new(Stage::Open(core)) }
    }

    /// Ends it, unless it has ended; says whether it did.
    #[inline]
    pub(crate) fn end(&self, outcome: Outcome) -> PyResult<bool> {
        let core = {
            let mut stage = self.stage();
            match mem::replace(&mut *stage, Stage::Ended) {
                Stage::Open(core) => core,
                Stage::Telling(None) => {
                    *stage = Stage::Telling(Some(outcome));
                    return Ok(true);
                }
                ended => {
                    *stage = ended;
                    return Ok(false);
                }
            }
        };
        guard(|| core.finish(outcome)).map(|()| true)
    }

    /// Lets `tell` run on the core, outside the lock; says whether the lease was open.
    fn tell(&self, tell: impl FnOnce(&mut Core)) -> PyResult<bool> {
        let mut core = {
            let mut stage = self.stage();
            match mem::replace(&mut *stage, Stage::Telling(None)) {
                Stage::Open(core) => core,
                // Told by another thread just now, or ended.
                other => {
                    let open = matches!(other, Stage::Telling(None));
                    *stage = other;
                    return Ok(open);
                }
            }
        };
        let told = guard(|| tell(&mut core));
        let ended = {
            let mut stage = self.stage();
            match mem::replace(&mut *stage, Stage::Ended) {
                Stage::Telling(Some(outcome)) => Some((core, outcome)),
                _ => {
                    *stage = Stage::Open(core);
                    None
                }
            }
        };
        if let Some((core, outcome)) = ended {
            guard(|| core.finish(outcome))?;
        }
        told.map(|()| true)
    }

    fn is_finished(&self) -> bool {
        matches!(*self.stage(), Stage::Ended | Stage::Telling(Some(_)))
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Lease {
    #[pyo3(signature = (outcome="success", *, cost=None, latency=None, retry_after=None))]
    fn finish(
        &self,
        outcome: &str,
        cost: Option<u64>,
        latency: Option<f64>,
        retry_after: Option<f64>,
    ) -> PyResult<bool> {
        let mut outcome = outcome::named(outcome)?;
        if let Some(cost) = cost {
            outcome = outcome.with_cost(cost);
        }
        if let Some(seconds) = latency {
            outcome = outcome.with_latency(measured("latency", seconds)?);
        }
        if let Some(seconds) = retry_after {
            outcome = outcome.with_retry_after(measured("retry_after", seconds)?);
        }
        self.end(outcome)
    }

    fn first_byte(&self) -> PyResult<bool> {
        self.tell(Core::first_byte)
    }

    #[getter]
    fn finished(&self) -> bool {
        self.is_finished()
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
        self.end(outcome::of_exit(exc_type)?).map(drop)
    }

    fn __aenter__(slf: Bound<'_, Self>) -> PyResult<Bound<'_, PyAny>> {
        static RESOLVED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        RESOLVED.import(slf.py(), "tenantry._wait", "resolved")?.call1((slf,))
    }

    fn __aexit__<'py>(
        &self,
        exc_type: &Bound<'py, PyAny>,
        _exc: &Bound<'py, PyAny>,
        _traceback: &Bound<'py, PyAny>,
    ) -> PyResult<Py<Done>> {
        self.end(outcome::of_exit(exc_type)?)?;
        done(exc_type.py())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let state = if self.is_finished() { "finished" } else { "in flight" };
        Ok(format!("<Lease {} {state}>", self.address.bind(py).repr()?))
    }
}
