//! Outcomes by name.

use pyo3::{
    PyTypeInfo,
    exceptions::{PyException, PyValueError},
    prelude::*,
    types::PyType,
};
use tenantry::{FailureCause, Outcome};

/// The outcome of this name.
#[inline]
pub(crate) fn named(name: &str) -> PyResult<Outcome> {
    match name {
        "success" => Ok(Outcome::success()),
        "failure" => Ok(Outcome::failure()),
        "overload" => Ok(Outcome::overload()),
        "cancelled" => Ok(Outcome::cancelled()),
        _ => Err(PyValueError::new_err(format!(
            "outcome: give 'success', 'failure', 'overload' or 'cancelled', not {name:?}"
        ))),
    }
}

/// The cause of this name.
pub(crate) fn cause(name: &str) -> PyResult<FailureCause> {
    match name {
        "application" => Ok(FailureCause::Application),
        "gateway" => Ok(FailureCause::Gateway),
        "connection" => Ok(FailureCause::Connection),
        "timeout" => Ok(FailureCause::Timeout),
        _ => Err(PyValueError::new_err(format!(
            "cause: give 'application', 'gateway', 'connection' or 'timeout', not {name:?}"
        ))),
    }
}

/// What leaving a `with` block means. An `Exception` is a failure. What is none (`asyncio.CancelledError`, `GeneratorExit`,
/// `KeyboardInterrupt`, `SystemExit`) is the caller who gives up, and says nothing of the endpoint.
#[inline]
pub(crate) fn of_exit(exception: &Bound<'_, PyAny>) -> PyResult<Outcome> {
    if exception.is_none() {
        return Ok(Outcome::success());
    }
    let failed = exception.cast::<PyType>()?.is_subclass(&PyException::type_object(exception.py()))?;
    Ok(if failed { Outcome::failure() } else { Outcome::cancelled() })
}
