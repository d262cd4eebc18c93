//! A lease: the right to be in flight, and the address to go to.

use std::{
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
};

use pyo3::{
    exceptions::PyValueError,
    prelude::*,
    pybacked::PyBackedStr,
    sync::PyOnceLock,
    types::{PyDict, PyString},
};
use tenantry::{Lease as Core, LoadReport, Outcome, Rejection};

use crate::{
    address::address,
    amounts::{self, Amounts},
    done::{Done, done},
    guard::guard,
    outcome,
    rejection::raised,
    request::{Key, measured},
    upstream,
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
    /// Somebody tells it something just now. What others say meanwhile is told afterwards, and then it ends if this says how.
    Telling {
        more: Vec<Word>,
        end: Option<Outcome>,
    },
    Ended,
}

/// What is told to a lease that is open.
type Word = Box<dyn FnOnce(&mut Core) -> Result<(), Rejection> + Send>;

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
                Stage::Telling { more, end: None } => {
                    *stage = Stage::Telling { more, end: Some(outcome) };
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

    /// Reads something of an open lease. `None` when it has ended, or is just being told something.
    fn ask<T>(&self, read: impl FnOnce(&Core) -> Option<T>) -> Option<T> {
        match &*self.stage() {
            Stage::Open(core) => read(core),
            _ => None,
        }
    }

    /// Lets `word` run on the core, outside the lock; says whether the lease was open.
    fn tell(
        &self,
        py: Python<'_>,
        word: impl FnOnce(&mut Core) -> Result<(), Rejection> + Send + 'static,
    ) -> PyResult<bool> {
        let mut core = {
            let mut stage = self.stage();
            match mem::replace(&mut *stage, Stage::Telling { more: vec![], end: None }) {
                Stage::Open(core) => core,
                Stage::Telling { mut more, end: None } => {
                    more.push(Box::new(word));
                    *stage = Stage::Telling { more, end: None };
                    return Ok(true);
                }
                ended => {
                    *stage = ended;
                    return Ok(false);
                }
            }
        };
        let told = guard(|| word(&mut core));
        self.give_back(py, core)?;
        told?.map(|()| true).map_err(|rejection| raised(py, &rejection))
    }

    /// Tells what others have said meanwhile, and ends it if somebody has.
    fn give_back(&self, py: Python<'_>, mut core: Core) -> PyResult<()> {
        loop {
            let more = {
                let mut stage = self.stage();
                match mem::replace(&mut *stage, Stage::Ended) {
                    Stage::Telling { more, end: Some(outcome) } if more.is_empty() => {
                        drop(stage);
                        return guard(|| core.finish(outcome));
                    }
                    Stage::Telling { more, end } if !more.is_empty() => {
                        *stage = Stage::Telling { more: vec![], end };
                        more
                    }
                    _ => {
                        *stage = Stage::Open(core);
                        return Ok(());
                    }
                }
            };
            for word in more {
                let told =
                    guard(|| word(&mut core)).and_then(|told| told.map_err(|error| raised(py, &error)));
                // Whoever said it has gone on.
                told.unwrap_or_else(|error| error.write_unraisable(py, None));
            }
        }
    }

    /// Says what has been used of dimensions.
    fn told(&self, py: Python<'_>, amounts: Amounts) -> PyResult<bool> {
        self.tell(py, move |core| core.report(&Amounts::pairs(Some(&amounts))))
    }

    fn is_finished(&self) -> bool {
        matches!(*self.stage(), Stage::Ended | Stage::Telling { end: Some(_), .. })
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Lease {
    #[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
    #[pyo3(signature = (outcome="success", *, cost=None, latency=None, retry_after=None, amounts=None, cause=None))]
    fn finish(
        &self,
        py: Python<'_>,
        outcome: &str,
        #[pyo3(from_py_with = amounts::optional_cost)] cost: Option<u64>,
        latency: Option<f64>,
        retry_after: Option<f64>,
        amounts: Option<Amounts>,
        cause: Option<&str>,
    ) -> PyResult<bool> {
        let mut outcome = outcome::named(outcome)?;
        if let Some(cause) = cause {
            outcome = outcome.with_cause(outcome::cause(cause)?);
        }
        if let Some(cost) = cost {
            outcome = outcome.with_cost(cost);
        }
        if let Some(seconds) = latency {
            outcome = outcome.with_latency(measured("latency", seconds)?);
        }
        if let Some(seconds) = retry_after {
            outcome = outcome.with_retry_after(measured("retry_after", seconds)?);
        }
        if let Some(amounts) = amounts
            && !self.told(py, amounts)?
        {
            return Ok(false);
        }
        self.end(outcome)
    }

    fn report(
        &self,
        py: Python<'_>,
        dimension: PyBackedStr,
        #[pyo3(from_py_with = amounts::amount)] amount: u64,
    ) -> PyResult<bool> {
        self.told(py, Amounts::one(dimension, amount))
    }

    #[pyo3(signature = (*, requests=None, cost=None, retry_after=None))]
    fn report_upstream(
        &self,
        py: Python<'_>,
        requests: Option<&Bound<'_, PyDict>>,
        cost: Option<&Bound<'_, PyDict>>,
        retry_after: Option<f64>,
    ) -> PyResult<bool> {
        let report = upstream::report(requests, cost, retry_after)?;
        self.tell(py, move |core| {
            core.report_upstream(&report);
            Ok(())
        })
    }

    fn first_byte(&self, py: Python<'_>) -> PyResult<bool> {
        self.tell(py, |core| {
            core.first_byte();
            Ok(())
        })
    }

    fn report_load(&self, py: Python<'_>, report: Key<'_>) -> PyResult<bool> {
        let report = LoadReport::from_header(report.bytes())
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        self.tell(py, move |core| {
            core.report_load(&report);
            Ok(())
        })
    }

    #[getter]
    fn affinity_token(&self) -> Option<String> {
        self.ask(Core::affinity_token)
    }

    #[getter]
    fn pool(&self) -> Option<String> {
        self.ask(Core::pool)
    }

    #[getter]
    fn acquired_at(&self) -> Option<u64> {
        self.ask(|core| Some(core.acquired_at().as_nanos()))
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
