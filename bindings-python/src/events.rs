//! What has happened, as a list of dicts: `event` names the kind.

use std::sync::{Mutex, PoisonError};

use pyo3::{exceptions::PyRuntimeError, intern, prelude::*};
use tenantry::{Balancer, Event, EventCursor as Core};

use crate::guard::guard;

/// How far somebody has read a balancer's events.
#[pyclass(frozen, module = "tenantry")]
pub(crate) struct EventCursor {
    core: Mutex<Core>,
}

#[pymethods]
impl EventCursor {
    #[new]
    fn new() -> Self {
        Self { core: Mutex::default() }
    }
}

/// What has happened since a cursor was used last, or since events were last taken.
pub(crate) fn read<'py>(
    py: Python<'py>,
    balancer: &Balancer,
    cursor: Option<&EventCursor>,
) -> PyResult<Bound<'py, PyAny>> {
    let events = guard(|| match cursor {
        Some(cursor) => {
            balancer.events_since(&mut cursor.core.lock().unwrap_or_else(PoisonError::into_inner))
        }
        None => balancer.take_events(),
    });
    listed(py, &events?)
}

fn listed<'py>(py: Python<'py>, events: &[Event]) -> PyResult<Bound<'py, PyAny>> {
    let text = serde_json::to_string(events).map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
    py.import(intern!(py, "json"))?.call_method1(intern!(py, "loads"), (text,))
}
