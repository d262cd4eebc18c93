//! What leaving an `async with` block awaits: nothing.

use pyo3::{prelude::*, sync::PyOnceLock};

/// An awaitable that gives `None` at once. There is one, because it has no state: a coroutine costs four times as much.
#[pyclass(frozen, module = "tenantry._native", name = "_Done")]
pub(crate) struct Done;

#[pymethods]
impl Done {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    const fn __next__(&self) -> Option<Py<PyAny>> {
        None
    }
}

/// The one.
pub(crate) fn done(py: Python<'_>) -> PyResult<Py<Done>> {
    static DONE: PyOnceLock<Py<Done>> = PyOnceLock::new();
    DONE.get_or_try_init(py, || Py::new(py, Done)).map(|done| done.clone_ref(py))
}
