//! A lease: the right to be in flight, and the address to go to.

use std::sync::{Mutex, PoisonError};

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
    /// `None` once finished. Dropping what is left in it is the core's `Outcome::cancelled`.
    core: Mutex<Option<Core>>,
}

impl Lease {
    #[inline]
    pub(crate) fn new(py: Python<'_>, core: Core) -> Self {
        Self { address: address(py, core.endpoint()), core: Mutex::new(Some(core)) }
    }

    /// Ends it, unless it has ended; says whether it did. The mutex is free again before the core runs: the core may wake a
    /// waiter, and that is Python code.
    #[inline]
    pub(crate) fn end(&self, outcome: Outcome) -> PyResult<bool> {
        let core = self.core.lock().unwrap_or_else(PoisonError::into_inner).take();
        match core {
            Some(core) => guard(|| core.finish(outcome)).map(|()| true),
            None => Ok(false),
        }
    }

    fn is_finished(&self) -> bool {
        self.core.lock().unwrap_or_else(PoisonError::into_inner).is_none()
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

    /// Taken out while the core runs, for the same reason as in [`Self::end`].
    fn first_byte(&self) -> PyResult<bool> {
        let taken = self.core.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut core) = taken else { return Ok(false) };
        let told = guard(|| core.first_byte());
        *self.core.lock().unwrap_or_else(PoisonError::into_inner) = Some(core);
        told.map(|()| true)
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
