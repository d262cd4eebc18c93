//! Statistics, as the frozen dataclasses of `tenantry._stats`.

use pyo3::{
    exceptions::PyRuntimeError,
    intern,
    prelude::*,
    sync::PyOnceLock,
    types::{PyTuple, PyType},
};
use tenantry::{AttemptStats, EndpointStats, Event, LimitStatus, PoolStats, Stats, TenantPage, TenantStats};

/// A `tenantry.Stats`.
pub(crate) fn build<'py>(py: Python<'py>, stats: &Stats) -> PyResult<Bound<'py, PyAny>> {
    let tenants = tuple(py, stats.tenants(), tenant)?;
    let pools = tuple(py, stats.pools(), pool)?;
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    class(py, &CLASS, "Stats")?.call1((tenants, tenant(py, stats.other())?, pools))
}

pub(crate) fn tenant<'py>(py: Python<'py>, stats: &TenantStats) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let fields = (
        stats.id(),
        stats.in_flight(),
        stats.waiting(),
        stats.beneath(),
        stats.completed(),
        stats.rejected(),
        stats.shadow_rejected(),
    );
    class(py, &CLASS, "TenantStats")?.call1(fields)
}

/// A `tenantry.TenantPage`.
pub(crate) fn page<'py>(py: Python<'py>, page: &TenantPage) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    class(py, &CLASS, "TenantPage")?.call1((tuple(py, page.tenants(), tenant)?, page.next()))
}

pub(crate) fn pool<'py>(py: Python<'py>, stats: &PoolStats) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let endpoints = tuple(py, stats.endpoints(), endpoint)?;
    let (retries, hedges) = (attempts(py, stats.retries())?, attempts(py, stats.hedges())?);
    let fields =
        (stats.name(), stats.capacity(), stats.in_flight(), stats.waiting(), endpoints, retries, hedges);
    class(py, &CLASS, "PoolStats")?.call1(fields)
}

fn attempts(py: Python<'_>, stats: AttemptStats) -> PyResult<Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    class(py, &CLASS, "AttemptStats")?.call1((stats.passed(), stats.refused()))
}

fn endpoint<'py>(py: Python<'py>, stats: &EndpointStats) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let latency = stats.latency().map(|latency| latency.as_secs_f64());
    let fields = (
        stats.address(),
        stats.in_flight(),
        stats.completed(),
        stats.failed(),
        latency,
        stats.health().name(),
        stats.is_overridden(),
        stats.is_ejected(),
        stats.requests_left(),
        stats.cost_left(),
        stats.returns_in().map(|wait| wait.as_secs_f64()),
        stats.shadow_ejections(),
    );
    class(py, &CLASS, "EndpointStats")?.call1(fields)
}

/// A tuple of `tenantry.LimitStatus`.
pub(crate) fn limits<'py>(py: Python<'py>, limits: &[LimitStatus]) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let limit = |py, limit: &LimitStatus| {
        let fields = (
            limit.parent(),
            limit.unit().key(),
            limit.is_budget(),
            limit.is_shadow(),
            limit.amount(),
            limit.used(),
            limit.remaining(),
            limit.window().as_secs_f64(),
            limit.next_in().map(|wait| wait.as_secs_f64()),
            limit.full_in().as_secs_f64(),
        );
        class(py, &CLASS, "LimitStatus")?.call1(fields)
    };
    tuple(py, limits, limit).map(Bound::into_any)
}

/// A list of dicts: `event` names the kind.
pub(crate) fn events<'py>(py: Python<'py>, events: &[Event]) -> PyResult<Bound<'py, PyAny>> {
    let text = serde_json::to_string(events).map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    py.import(intern!(py, "json"))?.call_method1(intern!(py, "loads"), (text,))
}

fn tuple<'py, T>(
    py: Python<'py>,
    items: &[T],
    build: impl Fn(Python<'py>, &T) -> PyResult<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyTuple>> {
    let items: Vec<_> = items.iter().map(|item| build(py, item)).collect::<PyResult<_>>()?;
    PyTuple::new(py, items)
}

fn class<'a, 'py>(
    py: Python<'py>,
    class: &'a PyOnceLock<Py<PyType>>,
    name: &str,
) -> PyResult<&'a Bound<'py, PyType>> {
    class.import(py, "tenantry._stats", name)
}
