//! The balancer, as Python holds it.

use pyo3::{
    prelude::*,
    types::{PyBytes, PyTuple},
};
use tenantry::Balancer as Core;

use crate::{
    acquire::Acquire,
    amounts::{self, Amounts},
    blocking, config,
    discovery::{self, Discovery, Settings},
    events::{self, EventCursor},
    guard::guard,
    health_checks::HealthChecks,
    lease::Lease,
    ledger::{self, Frozen},
    probes::Probes,
    rejection::raised,
    request::{Addresses, Key, Wish, health_override, limited, measured, page_bounds},
    stats,
    tenant::{Tenant, TenantHandle},
    time::ManualClock,
};

/// A multi-tenant load balancer.
#[pyclass(frozen, module = "tenantry")]
pub(crate) struct Balancer {
    pub(crate) core: Core,
    /// Whether time moves by itself.
    pub(crate) ticking: bool,
}

/// The wish of a method's arguments, which have the names of its fields.
macro_rules! wish {
    ($($field:ident),+) => {
        Wish { $($field),+ }
    };
}

#[expect(clippy::too_many_arguments, reason = "Python's keyword arguments")]
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

    #[pyo3(signature = (tenant, /, *, pool=None, key=None, cost=1, priority=3, seats=1, attempt="first", amounts=None, affinity=None, prefer=None, avoid=None))]
    fn try_acquire(
        &self,
        py: Python<'_>,
        tenant: Tenant<'_>,
        pool: Option<&str>,
        key: Option<Key<'_>>,
        #[pyo3(from_py_with = amounts::cost)] cost: u64,
        priority: i64,
        seats: i64,
        attempt: &str,
        amounts: Option<Amounts>,
        affinity: Option<&str>,
        prefer: Option<&str>,
        avoid: Option<Addresses>,
    ) -> PyResult<Lease> {
        let timeout = None;
        let wish = wish!(
            tenant, pool, key, cost, priority, seats, attempt, amounts, timeout, affinity, prefer, avoid
        );
        let answer = wish.ask(|request| guard(|| self.core.try_acquire_owned(&request)))?;
        match answer {
            Ok(lease) => Ok(Lease::new(py, lease)),
            Err(rejection) => Err(raised(py, &rejection)),
        }
    }

    #[pyo3(signature = (tenant, /, *, pool=None, key=None, cost=1, priority=3, seats=1, attempt="first", amounts=None, timeout=None, affinity=None, prefer=None, avoid=None))]
    fn acquire(
        slf: &Bound<'_, Self>,
        tenant: Tenant<'_>,
        pool: Option<&str>,
        key: Option<Key<'_>>,
        #[pyo3(from_py_with = amounts::cost)] cost: u64,
        priority: i64,
        seats: i64,
        attempt: &str,
        amounts: Option<Amounts>,
        timeout: Option<f64>,
        affinity: Option<&str>,
        prefer: Option<&str>,
        avoid: Option<Addresses>,
    ) -> PyResult<Acquire> {
        let wish = wish!(
            tenant, pool, key, cost, priority, seats, attempt, amounts, timeout, affinity, prefer, avoid
        );
        let core = wish.ask(|request| guard(|| slf.get().core.acquire_owned(request)))?;
        Acquire::new(core, slf)
    }

    #[pyo3(signature = (tenant, /, *, pool=None, key=None, cost=1, priority=3, seats=1, attempt="first", amounts=None, timeout=None, affinity=None, prefer=None, avoid=None))]
    fn acquire_blocking(
        &self,
        py: Python<'_>,
        tenant: Tenant<'_>,
        pool: Option<&str>,
        key: Option<Key<'_>>,
        #[pyo3(from_py_with = amounts::cost)] cost: u64,
        priority: i64,
        seats: i64,
        attempt: &str,
        amounts: Option<Amounts>,
        timeout: Option<f64>,
        affinity: Option<&str>,
        prefer: Option<&str>,
        avoid: Option<Addresses>,
    ) -> PyResult<Lease> {
        let wish = wish!(
            tenant, pool, key, cost, priority, seats, attempt, amounts, timeout, affinity, prefer, avoid
        );
        let core = wish.ask(|request| guard(|| self.core.acquire_owned(request)))?;
        blocking::wait(py, self, core)
    }

    #[pyo3(signature = (tenant, /, *, pool=None, cost=1, amounts=None))]
    fn check(
        &self,
        py: Python<'_>,
        tenant: Tenant<'_>,
        pool: Option<&str>,
        #[pyo3(from_py_with = amounts::cost)] cost: u64,
        amounts: Option<Amounts>,
    ) -> PyResult<()> {
        let amounts = &Amounts::pairs(amounts.as_ref());
        let request = limited(tenant, pool, cost, amounts);
        guard(|| self.core.check(&request))?.map_err(|rejection| raised(py, &rejection))
    }

    fn handle(&self, tenant: &str) -> PyResult<TenantHandle> {
        guard(|| self.core.handle_of(tenant)).map(|core| TenantHandle { core })
    }

    fn reconfigure(&self, config: &Bound<'_, PyAny>) -> PyResult<()> {
        self.update(config.py(), config::from_mapping(config)?)
    }

    fn reconfigure_from_file(&self, path: &Bound<'_, PyAny>) -> PyResult<()> {
        self.update(path.py(), config::from_file(path)?)
    }

    fn set_tenant(&self, py: Python<'_>, tenant: Tenant<'_>, spec: &Bound<'_, PyAny>) -> PyResult<()> {
        let spec = config::tenant(tenant.id(), spec)?;
        guard(|| self.core.set_tenant(tenant.id(), &spec))?.map_err(|error| config::raised(py, &error))
    }

    fn change_endpoints(&self, py: Python<'_>, pool: &str, changes: &Bound<'_, PyAny>) -> PyResult<()> {
        let changes = config::endpoint_changes(pool, changes)?;
        guard(|| self.core.change_endpoints(pool, &changes))?.map_err(|error| config::raised(py, &error))
    }

    fn health_checks(&self) -> PyResult<HealthChecks> {
        guard(|| self.core.health_checks()).map(HealthChecks::new)
    }

    fn probes(&self) -> PyResult<Probes> {
        guard(|| self.core.probes()).map(Probes::new)
    }

    #[pyo3(signature = (pool, source, *, floor=None, ceiling=None, jitter=None, first_retry=None, longest_retry=None, may_empty=false, most_endpoints=None))]
    fn discovery(
        &self,
        py: Python<'_>,
        pool: &str,
        source: &str,
        floor: Option<f64>,
        ceiling: Option<f64>,
        jitter: Option<f64>,
        first_retry: Option<f64>,
        longest_retry: Option<f64>,
        may_empty: bool,
        most_endpoints: Option<i64>,
    ) -> PyResult<Discovery> {
        let settings =
            Settings { floor, ceiling, jitter, first_retry, longest_retry, may_empty, most_endpoints };
        Discovery::open(py, self, (pool, source), &settings)
    }

    fn discoveries<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        discovery::statuses(py, &guard(|| self.core.discoveries())?)
    }

    fn remove_tenant(&self, py: Python<'_>, tenant: Tenant<'_>) -> PyResult<bool> {
        guard(|| self.core.remove_tenant(tenant.id()))?.map_err(|error| config::raised(py, &error))
    }

    #[pyo3(signature = (pool, address, health, *, duration=None))]
    fn override_health(
        &self,
        py: Python<'_>,
        pool: &str,
        address: &str,
        health: &str,
        duration: Option<f64>,
    ) -> PyResult<()> {
        let kind = health_override(health)?;
        let time = duration.map(|seconds| measured("duration", seconds)).transpose()?;
        guard(|| self.core.override_health(pool, address, kind, time))?
            .map_err(|error| config::raised(py, &error))
    }

    fn clear_health_override(&self, py: Python<'_>, pool: &str, address: &str) -> PyResult<()> {
        guard(|| self.core.clear_health_override(pool, address))?.map_err(|error| config::raised(py, &error))
    }

    fn compare_endpoints(&self) -> PyResult<Option<f64>> {
        guard(|| self.core.compare_endpoints()).map(|wait| wait.map(|wait| wait.as_secs_f64()))
    }

    #[getter]
    fn settlements(&self) -> u64 {
        self.core.settlements()
    }

    fn ledger<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        ledger::bytes(py, &self.core)
    }

    fn restore<'py>(&self, py: Python<'py>, ledger: Frozen<'_>) -> PyResult<Bound<'py, PyAny>> {
        ledger::restore(py, &self.core, ledger.0)
    }

    fn save_ledger(slf: &Bound<'_, Self>, path: &Bound<'_, PyAny>) -> PyResult<()> {
        ledger::save(slf, path)
    }

    fn load_ledger<'py>(slf: &Bound<'py, Self>, path: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        ledger::load(slf, path)
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        stats::build(py, &guard(|| self.core.stats())?)
    }

    fn tenant_stats<'py>(&self, py: Python<'py>, tenant: Tenant<'_>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = guard(|| self.core.tenant_stats(tenant.id()))?;
        found.map(|found| stats::tenant(py, &found)).transpose()
    }

    fn pool_stats<'py>(&self, py: Python<'py>, pool: &str) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = guard(|| self.core.pool_stats(pool))?;
        found.map(|found| stats::pool(py, &found)).transpose()
    }

    fn limits_of<'py>(&self, py: Python<'py>, tenant: Tenant<'_>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = guard(|| self.core.limits_of(tenant.id()))?;
        found.map(|limits| stats::limits(py, &limits)).transpose()
    }

    fn own_limits_of<'py>(&self, py: Python<'py>, tenant: Tenant<'_>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = guard(|| self.core.own_limits_of(tenant.id()))?;
        found.map(|limits| stats::limits(py, &limits)).transpose()
    }

    fn take_events<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        events::read(py, &self.core, None)
    }

    fn events_since<'py>(&self, py: Python<'py>, cursor: &EventCursor) -> PyResult<Bound<'py, PyAny>> {
        events::read(py, &self.core, Some(cursor))
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
        guard(|| self.core.stats()).map(|stats| format!("<Balancer {}>", stats::summary(&stats)))
    }
}
