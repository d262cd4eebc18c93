//! No panic crosses the border.

use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::{exceptions::PyRuntimeError, prelude::*};

/// Runs the core. A panic there is a broken invariant, so a bug of ours: Python sees a `RuntimeError` that says so, which
/// `except Exception` catches, and not pyo3's `PanicException`, which it does not. Costs nothing while nothing panics.
#[inline]
pub(crate) fn guard<R>(act: impl FnOnce() -> R) -> PyResult<R> {
    catch_unwind(AssertUnwindSafe(act))
        .map_err(|_| PyRuntimeError::new_err("a bug in tenantry: the panic's message is on standard error"))
}

/// Panics inside; for the test of this module.
#[pyfunction]
#[expect(clippy::panic, reason = "that is its purpose")]
pub(crate) fn _panic() -> PyResult<()> {
    guard(|| panic!("asked for by a test"))
}
