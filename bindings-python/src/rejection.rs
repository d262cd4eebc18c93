//! One exception class per way of being refused.

use pyo3::{prelude::*, sync::PyOnceLock, types::PyType};
use tenantry::Rejection;

/// The rejection as the exception of its name.
#[cold]
pub(crate) fn raised(py: Python<'_>, rejection: &Rejection) -> PyErr {
    match exception(py, rejection) {
        Ok(error) => PyErr::from_value(error),
        Err(error) => error,
    }
}

fn exception<'py>(py: Python<'py>, rejection: &Rejection) -> PyResult<Bound<'py, PyAny>> {
    macro_rules! class {
        ($name:literal) => {{
            static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
            CLASS.import(py, "tenantry._rejection", $name)?
        }};
    }
    let message = rejection.to_string();
    match *rejection {
        Rejection::RateLimited { retry_after } => {
            class!("RateLimited").call1((message, retry_after.as_nanos()))
        }
        Rejection::WouldTimeOut { retry_after } => {
            class!("WouldTimeOut").call1((message, retry_after.as_nanos()))
        }
        Rejection::BudgetExhausted { retry_after } => {
            class!("BudgetExhausted").call1((message, retry_after.as_nanos()))
        }
        Rejection::RetryBudgetExhausted { retry_after } => {
            class!("RetryBudgetExhausted").call1((message, retry_after.map(|wait| wait.as_nanos())))
        }
        Rejection::HedgeBudgetExhausted { retry_after } => {
            class!("HedgeBudgetExhausted").call1((message, retry_after.map(|wait| wait.as_nanos())))
        }
        Rejection::UpstreamLimited { retry_after } => {
            class!("UpstreamLimited").call1((message, retry_after.as_nanos()))
        }
        Rejection::UnknownDimension => class!("UnknownDimension").call1((message,)),
        Rejection::CostTooHigh { limit } => class!("CostTooHigh").call1((message, limit)),
        Rejection::TooManyInFlight { limit } => class!("TooManyInFlight").call1((message, limit)),
        Rejection::UnknownTenant => class!("UnknownTenant").call1((message,)),
        Rejection::UnknownPool => class!("UnknownPool").call1((message,)),
        Rejection::PoolForbidden => class!("PoolForbidden").call1((message,)),
        Rejection::Saturated => class!("Saturated").call1((message,)),
        Rejection::QueueFull => class!("QueueFull").call1((message,)),
        Rejection::TimedOut => class!("TimedOut").call1((message,)),
        Rejection::NoEndpoint => class!("NoEndpoint").call1((message,)),
        // The core has gained a variant that this binding does not know yet: the base class still catches it.
        _ => class!("Rejected").call1((message,)),
    }
}
