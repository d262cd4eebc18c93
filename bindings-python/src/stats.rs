//! Statistics, as the frozen dataclasses of `tenantry._stats`.

use pyo3::{
    intern,
    prelude::*,
    sync::PyOnceLock,
    types::{IntoPyDict, PyDict, PyTuple, PyType},
};
use tenantry::{AttemptStats, EndpointStats, LimitStatus, PoolStats, Stats, TenantPage, TenantStats};

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
        stats.weight(),
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
    let rejections = stats.rejections().iter().filter(|(_, count)| *count > 0).into_py_dict(py)?;
    let fields = (
        stats.name(),
        stats.capacity(),
        stats.in_flight(),
        stats.waiting(),
        stats.is_in_panic(),
        retries,
        hedges,
        rejections,
        endpoints,
    );
    class(py, &CLASS, "PoolStats")?.call1(fields)
}

fn attempts(py: Python<'_>, stats: AttemptStats) -> PyResult<Bound<'_, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    class(py, &CLASS, "AttemptStats")?.call1((stats.passed(), stats.refused()))
}

fn endpoint<'py>(py: Python<'py>, stats: &EndpointStats) -> PyResult<Bound<'py, PyAny>> {
    static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    // By name: more than a tuple of arguments has.
    let fields = PyDict::new(py);
    fields.set_item(intern!(py, "address"), stats.address())?;
    fields.set_item(intern!(py, "weight"), stats.weight())?;
    fields.set_item(intern!(py, "draining"), stats.is_draining())?;
    fields.set_item(intern!(py, "in_flight"), stats.in_flight())?;
    fields.set_item(intern!(py, "completed"), stats.completed())?;
    fields.set_item(intern!(py, "failed"), stats.failed())?;
    fields.set_item(intern!(py, "latency"), stats.latency().map(|latency| latency.as_secs_f64()))?;
    fields.set_item(intern!(py, "health"), stats.health().name())?;
    fields.set_item(intern!(py, "overridden"), stats.is_overridden())?;
    fields.set_item(intern!(py, "ejected"), stats.is_ejected())?;
    fields.set_item(intern!(py, "shadow_ejections"), stats.shadow_ejections())?;
    fields.set_item(intern!(py, "requests_left"), stats.requests_left())?;
    fields.set_item(intern!(py, "requests_limit"), stats.requests_limit())?;
    fields.set_item(intern!(py, "cost_left"), stats.cost_left())?;
    fields.set_item(intern!(py, "cost_limit"), stats.cost_limit())?;
    fields.set_item(intern!(py, "returns_in"), stats.returns_in().map(|wait| wait.as_secs_f64()))?;
    class(py, &CLASS, "EndpointStats")?.call((), Some(&fields))
}

/// The pools in a line of text.
pub(crate) fn summary(stats: &Stats) -> String {
    let line = |pool: &PoolStats| {
        let (name, capacity) = (pool.name(), pool.capacity());
        format!("{name}: {} of {capacity} in flight, {} waiting", pool.in_flight(), pool.waiting())
    };
    stats.pools().iter().map(line).collect::<Vec<_>>().join("; ")
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
