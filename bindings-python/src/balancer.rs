//! The balancer, as Python holds it.

use std::time::Duration;

use pyo3::prelude::*;
use tenantry::{Balancer as Core, Config, Time};

use crate::{
    acquire::Acquire,
    blocking, config,
    guard::guard,
    lease::Lease,
    rejection::raised,
    request::{Key, page_bounds, patience, request, shaped},
    stats,
    time::ManualClock,
};

/// A multi-tenant load balancer.
#[pyclass(frozen, module = "tenantry")]
pub(crate) struct Balancer {
    pub(crate) core: Core,
    /// Whether time moves by itself.
    ticking: bool,
}

impl Balancer {
    fn build(py: Python<'_>, config: Config, clock: Option<&ManualClock>) -> PyResult<Self> {
        let ticking = clock.is_none();
        let core = guard(|| match clock {
            Some(clock) => Core::with_clock(config, clock.core.clone()),
            None => Core::new(config),
        })?;
        core.map(|core| Self { core, ticking }).map_err(|error| config::raised(py, &error))
    }

    fn update(&self, py: Python<'_>, config: Config) -> PyResult<()> {
        guard(|| self.core.reconfigure(config))?.map_err(|error| config::raised(py, &error))
    }

    /// How long until `deadline`; `None` where only `ManualClock.advance` brings it nearer.
    pub(crate) fn time_left(&self, deadline: Time) -> Option<Duration> {
        self.ticking.then(|| deadline.since(self.core.now()))
    }
}

#[pymethods]
impl Balancer {
    #[new]
    #[pyo3(signature = (config, clock=None))]
    fn new(config: &Bound<'_, PyAny>, clock: Option<&Bound<'_, ManualClock>>) -> PyResult<Self> {
        Self::build(config.py(), config::from_mapping(config)?, clock.map(Bound::get))
    }

    #[staticmethod]
    #[pyo3(signature = (path, clock=None))]
    fn from_file(path: &Bound<'_, PyAny>, clock: Option<&Bound<'_, ManualClock>>) -> PyResult<Self> {
        Self::build(path.py(), config::from_file(path)?, clock.map(Bound::get))
    }

    #[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
    #[pyo3(signature = (tenant, /, *, pool=None, key=None, cost=1, priority=3, seats=1))]
    fn try_acquire(
        &self,
        py: Python<'_>,
        tenant: &str,
        pool: Option<&str>,
        key: Option<Key<'_>>,
        cost: u64,
        priority: i64,
        seats: i64,
    ) -> PyResult<Lease> {
        let request = shaped(request(tenant, pool, key, cost), priority, seats)?;
        match guard(|| self.core.try_acquire_owned(&request))? {
            Ok(lease) => Ok(Lease::new(py, lease)),
            Err(rejection) => Err(raised(py, &rejection)),
        }
    }

    #[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
    #[pyo3(signature = (tenant, /, *, pool=None, key=None, cost=1, priority=3, seats=1, timeout=None))]
    fn acquire(
        slf: &Bound<'_, Self>,
        tenant: &str,
        pool: Option<&str>,
        key: Option<Key<'_>>,
        cost: u64,
        priority: i64,
        seats: i64,
        timeout: Option<f64>,
    ) -> PyResult<Acquire> {
        let mut request = shaped(request(tenant, pool, key, cost), priority, seats)?;
        if let Some(seconds) = timeout {
            request = request.timeout(patience(seconds)?);
        }
        let core = guard(|| slf.get().core.acquire_owned(request))?;
        Acquire::new(core, slf)
    }

    #[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
    #[pyo3(signature = (tenant, /, *, pool=None, key=None, cost=1, priority=3, seats=1, timeout=None))]
    fn acquire_blocking(
        &self,
        py: Python<'_>,
        tenant: &str,
        pool: Option<&str>,
        key: Option<Key<'_>>,
        cost: u64,
        priority: i64,
        seats: i64,
        timeout: Option<f64>,
    ) -> PyResult<Lease> {
        let mut request = shaped(request(tenant, pool, key, cost), priority, seats)?;
        if let Some(seconds) = timeout {
            request = request.timeout(patience(seconds)?);
        }
        let core = guard(|| self.core.acquire_owned(request))?;
        blocking::wait(py, self, core)
    }

    fn reconfigure(&self, config: &Bound<'_, PyAny>) -> PyResult<()> {
        self.update(config.py(), config::from_mapping(config)?)
    }

    fn reconfigure_from_file(&self, path: &Bound<'_, PyAny>) -> PyResult<()> {
        self.update(path.py(), config::from_file(path)?)
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        stats::build(py, &guard(|| self.core.stats())?)
    }

    fn tenant_stats<'py>(&self, py: Python<'py>, tenant: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = guard(|| self.core.tenant_stats(tenant))?;
        found.map(|found| stats::tenant(py, &found)).transpose()
    }

    fn pool_stats<'py>(&self, py: Python<'py>, pool: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = guard(|| self.core.pool_stats(pool))?;
        found.map(|found| stats::pool(py, &found)).transpose()
    }

    fn limits_of<'py>(&self, py: Python<'py>, tenant: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = guard(|| self.core.limits_of(tenant))?;
        found.map(|limits| stats::limits(py, &limits)).transpose()
    }

    fn take_events<'py>(&self, py: Python<'py>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        guard(|| self.core.take_events())?.iter().map(|event| stats::event(py, event)).collect()
    }

    #[pyo3(signature = (start=0, most=1_000))]
    fn tenant_page<'py>(&self, py: Python<'py>, start: i64, most: i64) -> PyResult<Bound<'py, PyAny>> {
        let (start, most) = page_bounds(start, most)?;
        stats::page(py, &guard(|| self.core.tenant_page(start, most))?)
    }

    #[getter]
    fn now(&self) -> u64 {
        self.core.now().as_nanos()
    }

    fn __repr__(&self) -> PyResult<String> {
        let stats = guard(|| self.core.stats())?;
        let pools: Vec<String> = stats
            .pools()
            .iter()
            .map(|pool| {
                format!(
                    "{}: {} of {} in flight, {} waiting",
                    pool.name(),
                    pool.in_flight(),
                    pool.capacity(),
                    pool.waiting()
                )
            })
            .collect();
        Ok(format!("<Balancer {}>", pools.join("; ")))
    }
}
