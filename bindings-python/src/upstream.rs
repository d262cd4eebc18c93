//! What an answer tells of its endpoint's own limits.

use pyo3::{exceptions::PyTypeError, prelude::*, types::PyDict};
use tenantry::{UpstreamLimit, UpstreamReport};

use crate::request::measured;

/// The core's report.
pub(crate) fn report(
    requests: Option<&Bound<'_, PyDict>>,
    cost: Option<&Bound<'_, PyDict>>,
    retry_after: Option<f64>,
) -> PyResult<UpstreamReport> {
    let mut report = UpstreamReport::new();
    if let Some(requests) = requests {
        report = report.with_requests(limit("requests", requests)?);
    }
    if let Some(cost) = cost {
        report = report.with_cost(limit("cost", cost)?);
    }
    if let Some(seconds) = retry_after {
        report = report.with_retry_after(measured("retry_after", seconds)?);
    }
    Ok(report)
}

/// `{"left": 12, "limit": 60, "reset": 30.0}`, or `reset_at`, in seconds since 1970.
fn limit(name: &str, dict: &Bound<'_, PyDict>) -> PyResult<UpstreamLimit> {
    let left = dict.get_item("left")?;
    let left = left.ok_or_else(|| PyTypeError::new_err(format!("{name} has no 'left'")))?;
    let mut limit = UpstreamLimit::left(left.extract()?);
    // Of its own: numbers may run code of theirs when they are read, and that may change the dict.
    for (key, value) in dict.copy()? {
        match key.extract::<&str>()? {
            "left" => {}
            "limit" => limit = limit.with_limit(value.extract()?),
            "reset" => limit = limit.resets_in(measured("reset", value.extract()?)?),
            "reset_at" => limit = limit.resets_at_unix(measured("reset_at", value.extract()?)?),
            other => {
                let message = format!("{name} has left, limit, reset and reset_at, but no {other:?}");
                return Err(PyTypeError::new_err(message));
            }
        }
    }
    Ok(limit)
}
