//! Discoveries: endpoints that the application finds.

use std::sync::{Mutex, PoisonError};

use pyo3::{
    exceptions::PyValueError,
    prelude::*,
    sync::PyOnceLock,
    types::{PyTuple, PyType},
};
use tenantry::{ConfigError, Discovery as Core, DiscoveryFailure, DiscoverySpec, DiscoveryStatus, Time};

use crate::{balancer::Balancer, config, guard::guard, request::measured, waker};

/// One source of one pool's endpoints, which does not keep its balancer alive.
#[pyclass(frozen, module = "tenantry")]
pub(crate) struct Discovery {
    /// Until it is closed. The core runs under the lock, and no Python code does: whoever is woken by it is woken afterwards.
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
            spec = spec.with_jitter(share);
        }
        if let Some(seconds) = self.first_retry {
            spec = spec.with_first_retry(measured("first_retry", seconds)?);
        }
        if let Some(seconds) = self.longest_retry {
            spec = spec.with_longest_retry(measured("longest_retry", seconds)?);
        }
        if let Some(most) = self.most_endpoints {
            spec = spec.with_most_endpoints(u32::try_from(most).map_err(|_| {
                PyValueError::new_err(format!("most_endpoints: give a whole number of 1 or more, not {most}"))
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
        Ok(Self { core: Mutex::new(Some(core)) })
    }

    /// Does something with the core's, unless it is closed.
    fn with<R>(&self, act: impl FnOnce(&mut Core) -> R) -> PyResult<Option<R>> {
        waker::held(|| {
            let mut core = self.core.lock().unwrap_or_else(PoisonError::into_inner);
            guard(|| core.as_mut().map(act))
        })
    }
}

#[pymethods]
impl Discovery {
    #[pyo3(signature = (endpoints, *, ttl))]
    fn found(&self, endpoints: &Bound<'_, PyAny>, ttl: Option<f64>) -> PyResult<()> {
        let py = endpoints.py();
        let ttl = ttl.map(|seconds| measured("ttl", seconds)).transpose()?;
        let found = config::found_endpoints(endpoints).inspect_err(|error| {
            // As the core does with what it cannot use.
            drop(self.failed(&error.value(py).to_string()));
        })?;
        let told: Option<Result<(), ConfigError>> = self.with(|core| core.handle_found(&found, ttl))?;
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
