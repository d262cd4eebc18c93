//! A clock that tests move by hand.

use std::time::Duration;

use pyo3::prelude::*;
use tenantry::{Clock, ManualClock as Core};

use crate::guard::guard;

/// A clock that stands still until it is advanced.
#[pyclass(frozen, module = "tenantry")]
pub(crate) struct ManualClock {
    pub(crate) core: Core,
}

#[pymethods]
impl ManualClock {
    #[new]
    fn new() -> Self {
        Self { core: Core::new() }
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
