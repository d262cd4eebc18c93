//! What time it is for a balancer, and a clock that tests move by hand.

use std::time::Duration;

use pyo3::{
    exceptions::{PyOverflowError, PyTypeError, PyValueError},
    prelude::*,
};
use tenantry::{Clock, ManualClock as Core, Time};

use crate::{balancer::Balancer, guard::guard};

/// A clock that stands still until it is advanced.
#[pyclass(frozen, module = "tenantry")]
pub(crate) struct ManualClock {
    pub(crate) core: Core,
}

impl Balancer {
    /// How long until `deadline`; `None` where only `ManualClock.advance` brings it nearer.
    pub(crate) fn time_left(&self, deadline: Time) -> Option<Duration> {
        self.ticking.then(|| deadline.since(self.core.now()))
    }
}

#[pymethods]
impl ManualClock {
    #[new]
    #[pyo3(signature = (unix=None))]
    fn new(unix: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let core = unix.map_or_else(|| Ok(Core::new()), |unix| date(unix).map(Core::starting_at))?;
        Ok(Self { core })
    }

    fn advance(&self, nanoseconds: u64) -> PyResult<()> {
        guard(|| self.core.advance(Duration::from_nanos(nanoseconds)))
    }

    #[getter]
    fn now(&self) -> u64 {
        self.core.now().as_nanos()
    }

    fn __repr__(&self) -> String {
        format!("ManualClock(now={})", self.now())
    }
}

/// Seconds since 1970, as far as nanoseconds in 64 bits go.
fn date(unix: &Bound<'_, PyAny>) -> PyResult<Duration> {
    let py = unix.py();
    let wrong = || PyValueError::new_err("unix: give finite seconds since 1970, before the year 2554");
    let seconds: f64 = unix.extract().map_err(|error: PyErr| {
        if error.is_instance_of::<PyOverflowError>(py) {
            wrong()
        } else if error.is_instance_of::<PyTypeError>(py) {
            PyTypeError::new_err("unix: give seconds since 1970 as a number")
        } else {
            // Its own, from what it ran to be read.
            error
        }
    })?;
    let date = Duration::try_from_secs_f64(seconds).map_err(|_| wrong())?;
    if u64::try_from(date.as_nanos()).is_ok() { Ok(date) } else { Err(wrong()) }
}
