//! Discoveries: endpoints that the application finds.

use std::{
    ops::RangeInclusive,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use pyo3::{
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    sync::PyOnceLock,
    types::{PyTuple, PyType},
};
use tenantry::{
    ConfigError, Discovery as Core, DiscoveryFailure, DiscoverySpec, DiscoveryStatus, Format, Time,
};

use crate::{balancer::Balancer, config, guard::guard, request::measured, waker};

/// One source of one pool's endpoints, which does not keep its balancer alive.
#[pyclass(frozen, module = "tenantry")]
pub(crate) struct Discovery {
    pool: String,
    /// Until it is closed. The core runs under the lock, and as long as there is a GIL no Python code does: whoever is woken by it is woken
    /// afterwards. Without one another thread may let go of the balancer, or of a strategy that is a function, in the midst of it; their end is here then, and
    /// a `__del__` of theirs must not ask this discovery.
    core: Mutex<Option<Core>>,
}

/// What `Balancer.discovery` is told beside its pool and its source; nothing: the core's defaults.
pub(crate) struct Settings {
    pub(crate) floor: Option<f64>,
    pub(crate) ceiling: Option<f64>,
    pub(crate) jitter: Option<f64>,
    pub(crate) first_retry: Option<f64>,
    pub(crate) longest_retry: Option<f64>,
    pub(crate) may_empty: bool,
    pub(crate) most_endpoints: Option<i64>,
}

impl Settings {
    fn spec(&self) -> PyResult<DiscoverySpec> {
        let mut spec = DiscoverySpec::new();
        if let Some(seconds) = self.floor {
            spec = spec.with_floor(measured("floor", seconds)?);
        }
        if let Some(seconds) = self.ceiling {
            spec = spec.with_ceiling(measured("ceiling", seconds)?);
        }
        if let Some(share) = self.jitter {
            if !SHARES.contains(&share) {
                return Err(PyValueError::new_err(format!("jitter: give a share from 0 to 1, not {share}")));
            }
            spec = spec.with_jitter(share);
        }
        if let Some(seconds) = self.first_retry {
            spec = spec.with_first_retry(measured("first_retry", seconds)?);
        }
        if let Some(seconds) = self.longest_retry {
            spec = spec.with_longest_retry(measured("longest_retry", seconds)?);
        }
        if let Some(most) = self.most_endpoints {
            let known = u32::try_from(most).ok().filter(|most| ANSWERS.contains(most));
            spec = spec.with_most_endpoints(known.ok_or_else(|| {
                let (least, largest) = ANSWERS.into_inner();
                PyValueError::new_err(format!(
                    "most_endpoints: give a whole number from {least} to {largest}, not {most}"
                ))
            })?);
        }
        Ok(if self.may_empty { spec.may_empty() } else { spec })
    }
}

impl Discovery {
    pub(crate) fn open(
        py: Python<'_>,
        balancer: &Balancer,
        (pool, source): (&str, &str),
        settings: &Settings,
    ) -> PyResult<Self> {
        let spec = settings.spec()?;
        let core = guard(|| balancer.core.discovery(pool, source, spec))?;
        let core = core.map_err(|error| config::raised(py, &error))?;
        Ok(Self { pool: pool.to_owned(), core: Mutex::new(Some(core)) })
    }

    /// Does something with the core's, unless it is closed.
    fn with<R>(&self, act: impl FnOnce(&mut Core) -> R) -> PyResult<Option<R>> {
        waker::held(|| {
            let mut core = self.core.lock().unwrap_or_else(PoisonError::into_inner);
            guard(|| core.as_mut().map(act))
        })
    }

    /// An answer as the core takes it.
    fn read(
        &self,
        endpoints: &Bound<'_, PyAny>,
        ttl: &Bound<'_, PyAny>,
    ) -> PyResult<(String, Option<Duration>)> {
        let found = config::found_text(&self.pool, endpoints)?;
        let ttl: Option<f64> = match ttl.extract() {
            Ok(seconds) => seconds,
            Err(_) => {
                let kind = ttl.get_type().name()?;
                return Err(PyTypeError::new_err(format!("ttl: give seconds or None, not {kind}")));
            }
        };
        Ok((found, ttl.map(|seconds| measured("ttl", seconds)).transpose()?))
    }
}

#[pymethods]
impl Discovery {
    #[pyo3(signature = (endpoints, *, ttl))]
    fn found(&self, endpoints: &Bound<'_, PyAny>, ttl: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = endpoints.py();
        // Nobody hears it: it is not even read.
        if self.due_in()?.is_none() {
            return Ok(());
        }
        let (found, ttl) = self.read(endpoints, ttl).inspect_err(|error| {
            // As the core does with what it cannot use.
            drop(self.failed(&error.value(py).to_string()));
        })?;
        let told: Option<Result<(), ConfigError>> =
            self.with(|core| core.handle_text(&found, Format::Json, ttl))?;
        told.unwrap_or(Ok(())).map_err(|error| config::raised(py, &error))
    }

    fn failed(&self, problem: &str) -> PyResult<()> {
        self.with(|core| core.handle_failure(problem)).map(drop)
    }

    fn note(&self, problem: &str) -> PyResult<()> {
        self.with(|core| core.note(problem)).map(drop)
    }

    fn due_in(&self) -> PyResult<Option<f64>> {
        let wait = self.with(|core| core.due_in())?.flatten();
        Ok(wait.map(|wait| wait.as_secs_f64()))
    }

    fn status<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = self.with(|core| core.status())?.flatten();
        found.map(|found| status(py, &found)).transpose()
    }

    fn close(&self) -> PyResult<bool> {
        let core = self.core.lock().unwrap_or_else(PoisonError::into_inner).take();
        let open = core.is_some();
        guard(|| drop(core)).map(|()| open)
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __exit__(
        &self,
        _exc_type: &Bound<'_, PyAny>,
        _exc: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        self.close().map(drop)
    }
}

/// A tuple of `tenantry.DiscoveryStatus`.
pub(crate) fn statuses<'py>(py: Python<'py>, found: &[DiscoveryStatus]) -> PyResult<Bound<'py, PyTuple>> {
    let found: Vec<_> = found.iter().map(|found| status(py, found)).collect::<PyResult<_>>()?;
    PyTuple::new(py, found)
}

fn status<'py>(py: Python<'py>, status: &DiscoveryStatus) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    static FAILURE: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let failure = |failure: &DiscoveryFailure| {
        FAILURE
            .import(py, "tenantry._discovery", "DiscoveryFailure")?
            .call1((failure.at().as_nanos(), failure.problem()))
    };
    let fields = (
        status.pool(),
        status.source(),
        status.endpoints(),
        status.last_success().map(Time::as_nanos),
        status.last_failure().map(failure).transpose()?,
        status.failures(),
        status.next_refresh().as_nanos(),
    );
    CLASS.import(py, "tenantry._discovery", "DiscoveryStatus")?.call1(fields)
}

const SHARES: RangeInclusive<f64> = 0.0..=1.0;
/// How many endpoints an answer may be allowed to have.
const ANSWERS: RangeInclusive<u32> = 1..=1_000_000;
