//! No panic crosses the border, and what is to end a program does.

use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
};

use pyo3::{exceptions::PyRuntimeError, prelude::*};

/// Runs the core. A panic there is a broken invariant, so a bug of ours: Python sees a `RuntimeError` that says so, which
/// `except Exception` catches, and not pyo3's `PanicException`, which it does not. Costs nothing while nothing panics.
#[inline]
pub(crate) fn guard<R>(act: impl FnOnce() -> R) -> PyResult<R> {
    let result = catch_unwind(AssertUnwindSafe(act))
        .map_err(|_| PyRuntimeError::new_err("a bug in tenantry: the panic's message is on standard error"));
    // An error: the thread is ending, and runs no more Python code. Taken though the core may have panicked since: it is not the next call's.
    match RAISED.try_with(Cell::take) {
        Ok(Some(error)) => Err(error),
        _ => result,
    }
}

/// Comes out of the core's call during which a function of the user's has raised it; what that call has given is given back.
pub(crate) fn raise_after(error: PyErr) {
    RAISED.set(Some(error));
}

thread_local! {
    static RAISED: Cell<Option<PyErr>> = const { Cell::new(None) };
}

/// Panics inside; for the test of this module.
#[pyfunction]
#[expect(clippy::panic, reason = "that is its purpose")]
pub(crate) fn _panic() -> PyResult<()> {
    guard(|| panic!("asked for by a test"))
}
