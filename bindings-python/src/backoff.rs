//! How long to wait before another attempt.

use pyo3::{exceptions::PyValueError, prelude::*};
use tenantry::Backoff as Core;

use crate::{amounts::whole, guard::guard, request::measured};

/// Exponential back-off with full jitter.
#[pyclass(frozen, module = "tenantry")]
pub(crate) struct Backoff {
    core: Core,
}

#[pymethods]
impl Backoff {
    #[new]
    #[pyo3(signature = (base=None, cap=None, *, seed=None))]
    fn new(base: Option<f64>, cap: Option<f64>, seed: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let usual = Core::default();
        let base = base.map_or_else(|| Ok(usual.bound(1)), |seconds| measured("base", seconds))?;
        let cap = cap.map_or_else(|| Ok(usual.bound(u32::MAX)), |seconds| measured("cap", seconds))?;
        let core = Core::new(base, cap);
        let core = match seed {
            Some(seed) => core.with_seed(whole("seed", seed)?),
            None => core,
        };
        Ok(Self { core })
    }

    fn bound(&self, retry: i64) -> PyResult<f64> {
        Ok(self.core.bound(place(retry)?).as_secs_f64())
    }

    fn wait(&self, retry: i64, request: &Bound<'_, PyAny>) -> PyResult<f64> {
        let (retry, request) = (place(retry)?, whole("request", request)?);
        guard(|| self.core.wait(retry, request)).map(|wait| wait.as_secs_f64())
    }

    fn __repr__(&self) -> String {
        format!("<Backoff from {:?} up to {:?}>", self.core.bound(1), self.core.bound(u32::MAX))
    }
}

/// The how manieth retry.
fn place(retry: i64) -> PyResult<u32> {
    u32::try_from(retry).ok().filter(|retry| *retry > 0).ok_or_else(|| {
        PyValueError::new_err(format!("retry: give a number from 1 (the first) to {}, not {retry}", u32::MAX))
    })
}
